import { literals } from '../../platform/database/literals';
import { utc } from '../../platform/database/pages';
import {
  AUTHORIZED_PAYMENT_STATUSES,
  OPEN_CAPTURE_STATUSES,
  OPEN_REFUND_STATUSES,
  PAYMENT_STATUSES_IN_FLIGHT,
} from './types';

/** SQL of a refund `f` as a `RefundView`. Null members are dropped by `json_strip_nulls`. */
export const REFUND_JSON = `json_strip_nulls(json_build_object('id', f.id, 'paymentId', f.payment_id, 'amountMinor', f.amount_minor,
  'reason', f.reason, 'status', f.status, 'at', ${utc('f.created_at')}, 'settledAs', f.settled_as,
  'actor', f.actor, 'settledReference', f.settled_reference, 'settledBy', f.settled_by,
  'foundAt', ${utc('f.found_at')}, 'foundReference', case when f.found_at is not null then f.gateway_ref end,
  'nextTryAt', case when f.status in ${literals(OPEN_REFUND_STATUSES)} then ${utc('f.next_try_at')} end,
  'lastError', case when f.status in ${literals([...OPEN_REFUND_STATUSES, 'failed'])} then f.last_error end))`;

/** SQL of a capture `c` as a `CaptureView`. */
export const CAPTURE_JSON = `json_strip_nulls(json_build_object('id', c.id, 'shipmentId', c.shipment_id,
  'amountMinor', c.amount_minor, 'status', c.status, 'at', ${utc('c.created_at')}, 'settledAs', c.settled_as,
  'settledReference', c.settled_reference, 'settledBy', c.settled_by,
  'nextTryAt', case when c.status in ${literals(OPEN_CAPTURE_STATUSES)} then ${utc('c.next_try_at')} end,
  'lastError', case when c.status in ${literals([...OPEN_CAPTURE_STATUSES, 'failed'])} then c.last_error end))`;

/** Money that was taken with the charge itself has no row of its own. */
const CAPTURES = `coalesce(
  (select json_agg(${CAPTURE_JSON} order by c.created_at, c.id) from captures c where c.payment_id = p.id),
  case when p.captured_minor > 0
       then json_build_array(json_build_object('id', p.id, 'amountMinor', p.captured_minor, 'status', 'succeeded', 'at', ${utc('p.updated_at')}))
       else '[]' end)`;

const ASKED = [...PAYMENT_STATUSES_IN_FLIGHT, 'void_planned'];

/** SQL of a payment `p` as a `PaymentView`. */
export const PAYMENT_JSON = `json_strip_nulls(json_build_object('id', p.id,
  'status', case p.status when 'void_planned' then 'authorized' else p.status end, 'amountMinor', p.amount_minor,
  'capturedMinor', p.captured_minor, 'refundedMinor', p.refunded_minor, 'currency', p.currency, 'declineCode', p.decline_code,
  'at', ${utc('p.created_at')},
  'nextAction', case when p.status = 'requires_action' then p.next_action end,
  'voiding', case when p.status = 'void_planned' then true end,
  'captureBefore', case when p.status in ${literals(AUTHORIZED_PAYMENT_STATUSES)} then ${utc('p.capture_before')} end,
  'lostAt', ${utc('p.lost_at')},
  'captures', ${CAPTURES},
  'refunds', coalesce((select json_agg(${REFUND_JSON} order by f.created_at, f.id) from refunds f
    where f.order_id = p.order_id and f.payment_id = p.id), '[]'),
  'nextTryAt', case when p.status in ${literals(ASKED)} then ${utc('p.next_try_at')} end,
  'lastError', case when p.status in ${literals(ASKED)} then p.last_error end))`;

/** SQL of a dispute `d` as a `DisputeView`. */
export const DISPUTE_JSON = `json_strip_nulls(json_build_object('id', d.id, 'paymentId', d.payment_id, 'gatewayRef', d.gateway_ref,
  'amountMinor', d.amount_minor, 'currency', d.currency, 'reason', d.reason, 'status', d.status, 'at', ${utc('d.created_at')},
  'dueBy', ${utc('d.due_by')}))`;
