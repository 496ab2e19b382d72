export { keepPartitions, prepareLongReading, tryKeepPartitions } from './long-reading-queries';
