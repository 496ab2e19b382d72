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
  raiseAlert,
  raiseBrokenPromises,
  raiseTampered,
  resolveTampered,
  type SealedSubject,
  resolveBrokenPromises,
  resolveAlert,
  SHOWN_IN_DETAILS,
  selectAlert as readAlert,
} from './queries';
export { raiseTransferOverdue, resolveTransferOverdue } from './transfer-overdue';
export { lockDefaults } from './threshold-queries';
export type { AlertView } from './types';
