/** Everything a worker can run: the entry of the workflow bundle. */
export { shipmentDispatcher } from './dispatcher';
export { ledgerMaintenance, orderSweep } from './maintenance';
export { orderSaga } from './order-saga';
