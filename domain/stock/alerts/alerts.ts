/** What other folders do with alerts. */
export {
  raiseAlert,
  raiseOrderAlerts,
  raiseTransferOverdue,
  resolveAlert,
  resolveOrderAlerts,
  resolveTransferOverdue,
  type OrderAlert,
} from './queries';
