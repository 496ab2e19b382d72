/** Everything a worker can run: the entry of the workflow bundle. */
export { consistencyCheck, scheduledConsistency } from './jobs/consistency';
export { shipmentDispatcher } from './orders/dispatcher';
export { reservationExpiry } from './stock/reservation-expiry';
export { feedImport } from './jobs/feed-import';
export { forecast, scheduledForecast } from './jobs/forecast';
export { ledgerMaintenance, ledgerSeal, stockUpkeep } from './jobs/maintenance';
export { reconcile } from './jobs/reconcile';
export { report, scheduledReports } from './jobs/report';
export { reconciliation } from './jobs/reconciliation';
export { settlement } from './jobs/settlement';
export { orderSaga } from './orders/saga';
export { customerReturn } from './stock/returns';
export { mailDispatcher } from './jobs/mail-dispatcher';
export { webhookDispatcher } from './jobs/webhook-dispatcher';
export { stockTransfer } from './stock/transfers';
