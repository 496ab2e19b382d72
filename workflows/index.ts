/** Everything a worker can run: the entry of the workflow bundle. */
export { shipmentDispatcher } from './dispatcher';
export { holdExpiry } from './hold-expiry';
export { ledgerMaintenance, orderSweep } from './maintenance';
export { orderSaga } from './order-saga';
export { stockTransfer, transferSweep } from './transfers';
