/** What other folders do with alerts. */
export {
  endOrderAlert,
  endOrderAlertOn,
  raiseAlert,
  raiseBrokenPromise,
  raiseLedgerTampered,
  resolveLedgerTampered,
  resolveBrokenPromises,
  raiseOrderAlerts,
  raiseTransferOverdue,
  resolveAlert,
  resolveOrderAlerts,
  resolveTransferOverdue,
  selectDetailsOfOrder,
  selectNeedsByReason,
  selectOrdersInNeed,
  SHOWN_IN_DETAILS,
  selectAlert as readAlert,
  type OrderAlert,
} from './queries';
export { lockDefaults } from './threshold-queries';
export type { AlertView } from './types';
