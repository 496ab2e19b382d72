/** Everything a worker can run: the entry of the workflow bundle. */
export { consistencyCheck, ledgerSeal, scheduledConsistency } from './consistency';
export { shipmentDispatcher } from './dispatcher';
export { holdExpiry } from './hold-expiry';
export { feedImport } from './feed-import';
export { jobSweep, ledgerMaintenance, orderSweep } from './maintenance';
export { orderSaga } from './order-saga';
export { customerReturn, stockUpkeep } from './returns';
export { stockTransfer, transferSweep } from './transfers';
