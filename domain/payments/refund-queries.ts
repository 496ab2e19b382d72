import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { REFUNDABLE_PAYMENT_STATUSES, type RefundablePayment, type RefundStatus } from './types';

const REFUNDABLE = `select id as "paymentId", reservation_id as "reservationId", amount_minor as "amountMinor",
    refund_planned_minor as "refundPlannedMinor"
  from payments where order_id = $1 and status in ${literals(REFUNDABLE_PAYMENT_STATUSES)} order by id`;

export function selectRefundable(on: Queryable, orderId: string): Promise<RefundablePayment[]> {
  return many<RefundablePayment>(on, 'payments.refundable', REFUNDABLE, [orderId]);
}

/** The same, locked by id. */
export function selectRefundableForUpdate(tx: Transaction, orderId: string): Promise<RefundablePayment[]> {
  return many<RefundablePayment>(tx, 'payments.lock_refundable', `${REFUNDABLE} for no key update`, [
    orderId,
  ]);
}

export interface NewRefund {
  refundId: string;
  paymentId: string;
  orderId: string;
  amountMinor: number;
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
  status: RefundStatus;
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
  const { refunded } = await one<{ refunded: number }>(
    on,
    'payments.sum_refunded',
    `select coalesce(sum(refunded_minor), 0)::bigint as refunded from payments where order_id = $1`,
    [orderId],
  );
  return refunded;
}
