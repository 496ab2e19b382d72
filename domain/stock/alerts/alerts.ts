/** What other folders do with alerts. */
export {
  endOrderAlert,
  endOrderAlertOn,
  raiseOrderAlerts,
  resolveOrderAlerts,
  selectDetailsOfOrder,
  selectNeedsByReason,
  selectOrdersInNeed,
  type OrderAlert,
} from './order-alert-queries';
export {
  raiseAlerts,
  raiseBrokenPromises,
  raiseTampered,
  type PlaceToTell,
  resolveTampered,
  resolveBrokenPromises,
  resolveAlerts,
  SHOWN_IN_DETAILS,
  selectAlertCounts,
  selectAlert as readAlert,
  type TamperedSubject,
} from './queries';
export { raiseTransferOverdue, resolveTransferOverdue } from './transfer-overdue';
export { lockDefaults } from './threshold-queries';
export type { AlertSeverity, AlertView } from './types';
