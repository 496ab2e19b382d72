import { execute, maybeOne, many, type Queryable, type Transaction } from '../../platform/database/database';
import type { PaymentStatus } from './types';

export interface PaymentRow {
  id: string;
  orderId: string;
  reservationId: string;
  status: PaymentStatus;
  amountMinor: number;
  currency: string;
  method: string;
  token: string;
  gateway: string;
  gatewayRef: string | null;
  declineCode: string | null;
  /** The hold still waits for this money. */
  wanted: boolean;
}

export function selectPayment(on: Queryable, paymentId: string): Promise<PaymentRow | undefined> {
  return maybeOne<PaymentRow>(
    on,
    'payments.payment',
    `select p.id, p.order_id as "orderId", p.reservation_id as "reservationId", p.status, p.amount_minor as "amountMinor",
       p.currency, p.method, p.token, p.gateway, p.gateway_ref as "gatewayRef", p.decline_code as "declineCode",
       r.status = 'charging' as wanted
     from payments p join reservations r on r.id = p.reservation_id where p.id = $1`,
    [paymentId],
  );
}

/**
 * Stores the gateway's id of a charge in flight unless one is stored already, and answers the stored one; none: the
 * payment is no longer in flight, or its hold was given up.
 */
export async function storeGatewayRef(
  on: Queryable,
  paymentId: string,
  ref: string,
): Promise<string | undefined> {
  const stored = await maybeOne<{ ref: string }>(
    on,
    'payments.store_gateway_ref',
    `update payments p set gateway_ref = coalesce(gateway_ref, $2), updated_at = clock_timestamp()
     where id = $1 and status in ('pending', 'unknown')
       and exists (select 1 from reservations r where r.id = p.reservation_id and r.status = 'charging')
     returning gateway_ref as ref`,
    [paymentId, ref],
  );
  return stored?.ref;
}

/** `pending` to `unknown`; answers the payment's order, none when it was not pending. */
export async function updateToUnknown(tx: Transaction, paymentId: string): Promise<string | undefined> {
  const changed = await maybeOne<{ orderId: string }>(
    tx,
    'payments.mark_unknown',
    `update payments set status = 'unknown', updated_at = clock_timestamp()
     where id = $1 and status = 'pending' returning order_id as "orderId"`,
    [paymentId],
  );
  return changed?.orderId;
}

/** Captured payments of an order, locked by id. */
export async function lockCapturedPayments(tx: Transaction, orderId: string): Promise<string[]> {
  const locked = await many<{ id: string }>(
    tx,
    'payments.lock_captured',
    `select id from payments where order_id = $1 and status in ('captured', 'partially_refunded')
     order by id for no key update`,
    [orderId],
  );
  return locked.map((payment) => payment.id);
}

export interface PaymentDue {
  paymentId: string;
  amountMinor: number;
}

/**
 * What each of these payments still owes the customer: captured, less what was planned to go back, less the price of the
 * units that shipments carry or still will. The caller holds the payments' locks.
 */
export function selectRefundsDue(tx: Transaction, paymentIds: readonly string[]): Promise<PaymentDue[]> {
  return many<PaymentDue>(
    tx,
    'payments.refunds_due',
    `select * from (
       select p.id as "paymentId", p.amount_minor - p.refund_planned_minor - coalesce(
         (select sum(si.quantity * oi.unit_price_minor)
          from shipments s
          join shipment_items si on si.shipment_id = s.id
          join order_items oi on oi.order_id = s.order_id and oi.product_id = si.product_id
          where s.reservation_id = p.reservation_id and s.status not in ('voided', 'failed')), 0)::bigint as "amountMinor"
       from payments p where p.id = any ($1::uuid[])) due
     where "amountMinor" > 0 order by "paymentId"`,
    [paymentIds],
  );
}

export interface NewRefund extends PaymentDue {
  refundId: string;
  orderId: string;
  reason: string;
}

/** Writes refunds, and sets their amounts aside on the payments, which must be locked. */
export function insertRefunds(tx: Transaction, refunds: readonly NewRefund[]): Promise<number> {
  return execute(
    tx,
    'payments.insert_refunds',
    `with planned as (
       insert into refunds (id, payment_id, order_id, amount_minor, reason)
       select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[])
       returning payment_id, amount_minor
     )
     update payments p set refund_planned_minor = p.refund_planned_minor + planned.amount_minor
     from planned where p.id = planned.payment_id`,
    [
      refunds.map((r) => r.refundId),
      refunds.map((r) => r.paymentId),
      refunds.map((r) => r.orderId),
      refunds.map((r) => r.amountMinor),
      refunds.map((r) => r.reason),
    ],
  );
}

/** Refunds of an order that the gateway has not made yet, oldest first. */
export async function selectPendingRefunds(on: Queryable, orderId: string): Promise<string[]> {
  const pending = await many<{ id: string }>(
    on,
    'payments.pending_refunds',
    `select id from refunds where order_id = $1 and status = 'pending' order by id`,
    [orderId],
  );
  return pending.map((refund) => refund.id);
}

export interface RefundRow {
  id: string;
  paymentId: string;
  orderId: string;
  amountMinor: number;
  currency: string;
  reason: string;
  status: 'pending' | 'succeeded';
  gateway: string;
  chargeRef: string | null;
}

export function selectRefund(on: Queryable, refundId: string): Promise<RefundRow | undefined> {
  return maybeOne<RefundRow>(
    on,
    'payments.refund',
    `select r.id, r.payment_id as "paymentId", r.order_id as "orderId", r.amount_minor as "amountMinor", p.currency,
       r.reason, r.status, p.gateway, p.gateway_ref as "chargeRef"
     from refunds r join payments p on p.id = r.payment_id where r.id = $1`,
    [refundId],
  );
}

/** Records that the money of a pending refund is back; false when that was recorded before. */
export async function completeRefund(tx: Transaction, refundId: string, ref: string): Promise<boolean> {
  const changed = await execute(
    tx,
    'payments.complete_refund',
    `with done as (
       update refunds set status = 'succeeded', gateway_ref = $2, updated_at = clock_timestamp()
       where id = $1 and status = 'pending' returning payment_id, amount_minor
     )
     update payments p
     set refunded_minor = p.refunded_minor + done.amount_minor,
         status = case when p.refunded_minor + done.amount_minor = p.amount_minor then 'refunded' else 'partially_refunded' end,
         updated_at = clock_timestamp()
     from done where p.id = done.payment_id`,
    [refundId, ref],
  );
  return changed === 1;
}

/** Money of an order that is back with the customer, minor units. */
export async function sumRefunded(on: Queryable, orderId: string): Promise<number> {
  const sum = await maybeOne<{ refunded: number }>(
    on,
    'payments.sum_refunded',
    `select coalesce(sum(refunded_minor), 0)::bigint as refunded from payments where order_id = $1`,
    [orderId],
  );
  return sum?.refunded ?? 0;
}
