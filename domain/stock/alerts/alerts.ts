/** What other folders do with alerts. */
export {
  endOrderAlert,
  raiseAlert,
  raiseOrderAlerts,
  raiseTransferOverdue,
  resolveAlert,
  resolveOrderAlerts,
  resolveTransferOverdue,
  selectNeedsByReason,
  selectOrdersInNeed,
  selectAlert as readAlert,
  type OrderAlert,
} from './queries';
export type { AlertView } from './types';
