import type { Principal } from '../identity/types';
import type { OrderEvent } from './types';

const SHIPMENT = ['shipmentId', 'warehouse', 'carrier', 'trackingNumber', 'occurredAt'] as const;
const PAYMENT = ['paymentId', 'amountMinor', 'currency', 'declineCode', 'attempt'] as const;
const REFUND = ['refundId', 'paymentId', 'amountMinor'] as const;
const CAPTURE = ['captureId', 'paymentId', 'amountMinor', 'shipmentId'] as const;
const DISPUTE = ['disputeId', 'paymentId', 'amountMinor', 'currency', 'reason'] as const;
const RETURN = ['returnId'] as const;
const PROMISED = ['sku', 'units', 'outcome'] as const;

/**
 * What an order's customer may know of each kind of event, by members of its data: nothing of one that is not here. What staff wrote, who
 * they are, and what the gateway or carrier said to us stays with those who work here.
 */
export const CUSTOMER_EVENTS: Readonly<Record<string, readonly string[]>> = {
  order_placed: ['items', 'fulfilment', 'customerId'],
  order_rejected: ['shortages'],
  order_paid: [],
  order_fulfilling: [],
  order_fulfilled: [],
  order_expired: [],
  order_cancelled: [],
  order_failed: ['code', 'detail'],
  stock_reserved: ['reservationId', 'allocations'],
  stock_allocated: ['reservationId', 'units'],
  stock_restocked: ['units'],
  items_backordered: ['shortages'],
  items_cut: ['shortages'],
  backorders_closed: ['units'],
  hold_expired: ['reservationId'],
  hold_released: ['reservationId'],
  units_blocked: PROMISED,
  units_missing: PROMISED,
  units_re_sourced: PROMISED,
  payment_started: PAYMENT,
  payment_authorized: PAYMENT,
  payment_captured: PAYMENT,
  payment_declined: PAYMENT,
  payment_failed: PAYMENT,
  payment_unknown: PAYMENT,
  payment_requires_action: PAYMENT,
  payment_voided: [...PAYMENT, 'voidedMinor', 'status'],
  payment_settled_by_hand: ['paymentId', 'outcome'],
  authorization_lost: ['paymentId'],
  capture_started: CAPTURE,
  capture_succeeded: CAPTURE,
  capture_failed: CAPTURE,
  capture_settled: ['captureId', 'outcome'],
  capture_retried: ['captureId'],
  // Its reason is what the customer is told of it.
  refund_started: [...REFUND, 'reason'],
  refund_pending: REFUND,
  refund_succeeded: REFUND,
  refund_failed: REFUND,
  refund_settled: ['refundId', 'outcome'],
  refund_found: REFUND,
  refund_retried: ['refundId'],
  dispute_inquiry: DISPUTE,
  dispute_needs_response: DISPUTE,
  dispute_under_review: DISPUTE,
  dispute_won: DISPUTE,
  dispute_lost: DISPUTE,
  dispute_closed: DISPUTE,
  shipments_created: ['shipments'],
  shipment_booked: SHIPMENT,
  shipment_picked_up: SHIPMENT,
  shipment_delivered: SHIPMENT,
  shipment_failed: SHIPMENT,
  shipment_lost: SHIPMENT,
  shipment_voided: SHIPMENT,
  shipment_void_refused: SHIPMENT,
  shipment_left_after_stop: SHIPMENT,
  cancel_requested: [],
  cancel_refused: [],
  rest_cancelled: ['units'],
  cut_requested: ['requestId', 'items'],
  cut_refused: ['requestId'],
  units_cut: ['items'],
  amend_requested: ['requestId', 'items', 'shipTo'],
  amend_refused: ['requestId', 'code', 'detail'],
  order_amended: ['requestId', 'items', 'totalMinor', 'shipTo', 'notTakenOut'],
  review_opened: ['deadline'],
  review_approved: [],
  review_rejected: [],
  attention_resolved: [],
  return_authorised: [...RETURN, 'items', 'refund', 'restockingFee'],
  return_received: [...RETURN, 'items'],
  return_inspected: [...RETURN, 'refundMinor'],
  return_completed: [...RETURN, 'refundMinor'],
  return_expired: RETURN,
  return_cancelled: RETURN,
  return_closed_to_arrivals: RETURN,
};

/**
 * An event as the customer of its order sees it. What they caused themselves they see as it is; of anything else `CUSTOMER_EVENTS` says
 * what, and not who caused it. Its number, kind and time are theirs always, so that a stream has no gaps.
 *
 * @param caller the customer, as a caller
 */
export function eventForCustomer(event: OrderEvent, caller: string): OrderEvent {
  if (event.actor === caller) return event;
  const { seq, type, at, data } = event;
  const shown = Object.hasOwn(CUSTOMER_EVENTS, type) ? (CUSTOMER_EVENTS[type] ?? []) : [];
  return {
    seq,
    type,
    at,
    data: Object.fromEntries(Object.entries(data).filter(([member]) => shown.includes(member))),
  };
}

/** An event as this caller sees it. */
export function eventFor({
  role,
  caller,
}: Pick<Principal, 'role' | 'caller'>): (event: OrderEvent) => OrderEvent {
  return (event) => (role === 'customer' ? eventForCustomer(event, caller) : event);
}
