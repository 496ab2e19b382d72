/** What other folders do with alerts. */
export {
  endOrderAlert,
  raiseAlert,
  raiseOrderAlerts,
  raiseTransferOverdue,
  resolveAlert,
  resolveOrderAlerts,
  resolveTransferOverdue,
  selectAlert as readAlert,
  type OrderAlert,
} from './queries';
export type { AlertView } from './types';
