export { insertAdjustment as postAdjustment } from './adjustment-queries';
export { insertPayoutEntry as postPayout } from './payout-queries';
export {
  insertCapture as postCapture,
  insertDispute as postDispute,
  insertRefund as postRefund,
  insertRefundFailed as postRefundFailed,
} from './posting-queries';
