/** What other folders do with alerts. */
export {
  raiseAlert,
  raiseOrderAlerts,
  raiseTransferOverdue,
  resolveAlert,
  resolveOrderAlerts,
  resolveTransferOverdue,
  selectNeedsByReason,
  selectOrdersInNeed,
  type OrderAlert,
} from './queries';
