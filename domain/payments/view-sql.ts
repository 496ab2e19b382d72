import { utc } from '../../platform/database/pages';

/** SQL of a payment `p` as a `PaymentView`. Null members are dropped by `json_strip_nulls`. */
export const PAYMENT_JSON = `json_strip_nulls(json_build_object('id', p.id, 'status', p.status, 'amountMinor', p.amount_minor,
  'refundedMinor', p.refunded_minor, 'currency', p.currency, 'declineCode', p.decline_code, 'at', ${utc('p.created_at')}))`;

/** SQL of a refund `f` as a `RefundView`. */
export const REFUND_JSON = `json_build_object('id', f.id, 'paymentId', f.payment_id, 'amountMinor', f.amount_minor,
  'reason', f.reason, 'status', f.status, 'at', ${utc('f.created_at')})`;
