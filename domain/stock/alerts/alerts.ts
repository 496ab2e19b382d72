/** What other folders do with alerts. */
export { raiseAlert, raiseTransferOverdue, resolveAlert, resolveTransferOverdue } from './queries';
