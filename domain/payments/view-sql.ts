import { literals } from '../../platform/database/literals';
import { utc } from '../../platform/database/pages';
import { OPEN_REFUND_STATUSES, PAYMENT_STATUSES_IN_FLIGHT } from './types';

/** SQL of a payment `p` as a `PaymentView`. Null members are dropped by `json_strip_nulls`. */
export const PAYMENT_JSON = `json_strip_nulls(json_build_object('id', p.id, 'status', p.status, 'amountMinor', p.amount_minor,
  'refundedMinor', p.refunded_minor, 'currency', p.currency, 'declineCode', p.decline_code, 'at', ${utc('p.created_at')},
  'nextTryAt', case when p.status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)} then ${utc('p.next_try_at')} end,
  'lastError', case when p.status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)} then p.last_error end))`;

/** SQL of a refund `f` as a `RefundView`. */
export const REFUND_JSON = `json_strip_nulls(json_build_object('id', f.id, 'paymentId', f.payment_id, 'amountMinor', f.amount_minor,
  'reason', f.reason, 'status', f.status, 'at', ${utc('f.created_at')}, 'settledAs', f.settled_as,
  'actor', f.actor, 'settledReference', f.settled_reference, 'settledBy', f.settled_by,
  'nextTryAt', case when f.status in ${literals(OPEN_REFUND_STATUSES)} then ${utc('f.next_try_at')} end,
  'lastError', case when f.status in ${literals([...OPEN_REFUND_STATUSES, 'failed'])} then f.last_error end))`;

/** SQL of a dispute `d` as a `DisputeView`. */
export const DISPUTE_JSON = `json_strip_nulls(json_build_object('id', d.id, 'paymentId', d.payment_id, 'gatewayRef', d.gateway_ref,
  'amountMinor', d.amount_minor, 'currency', d.currency, 'reason', d.reason, 'status', d.status, 'at', ${utc('d.created_at')},
  'dueBy', ${utc('d.due_by')}))`;
