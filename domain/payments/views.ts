export { selectPaymentOfUpdate as readPaymentOfUpdate } from './view-queries';
