export { keepPartitions, prepareLongReading } from './long-reading-queries';
