import { execute, maybeOne, many, type Queryable, type Transaction } from '../../platform/database/database';
import type { PaymentStatus } from './types';
import type { OrderStatus, PaymentMethod } from '../orders/types';

export interface NewPayment {
  id: string;
  orderId: string;
  reservationId: string;
  attempt: number;
  updateId: string;
  amountMinor: number;
  currency: string;
  method: string;
  token: string;
  gateway: string;
}

export async function insertPayments(tx: Transaction, payments: readonly NewPayment[]): Promise<void> {
  if (payments.length === 0) return;
  await execute(
    tx,
    'orders.insert_payments',
    `insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, currency, method, token, gateway)
     select id, order_id, reservation_id, attempt, update_id, 'pending', amount, currency, method, token, gateway
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[])
       as p (id, order_id, reservation_id, attempt, update_id, amount, currency, method, token, gateway)`,
    [
      payments.map((p) => p.id),
      payments.map((p) => p.orderId),
      payments.map((p) => p.reservationId),
      payments.map((p) => p.attempt),
      payments.map((p) => p.updateId),
      payments.map((p) => p.amountMinor),
      payments.map((p) => p.currency),
      payments.map((p) => p.method),
      payments.map((p) => p.token),
      payments.map((p) => p.gateway),
    ],
  );
}

export interface PaymentRow {
  id: string;
  orderId: string;
  reservationId: string;
  attempt: number;
  updateId: string;
  status: PaymentStatus;
  amountMinor: number;
  currency: string;
  gatewayRef: string | null;
  declineCode: string | null;
}

const PAYMENT_COLUMNS = `id, order_id as "orderId", reservation_id as "reservationId", attempt, update_id as "updateId", status,
  amount_minor as "amountMinor", currency, gateway_ref as "gatewayRef", decline_code as "declineCode"`;

/** All charges of an order, oldest first. */
export function selectOrderPayments(on: Queryable, orderId: string): Promise<PaymentRow[]> {
  return many<PaymentRow>(
    on,
    'orders.payments',
    `select ${PAYMENT_COLUMNS} from payments where order_id = $1 order by attempt`,
    [orderId],
  );
}

export function selectPayment(on: Queryable, paymentId: string): Promise<PaymentRow | undefined> {
  return maybeOne<PaymentRow>(on, 'orders.payment', `select ${PAYMENT_COLUMNS} from payments where id = $1`, [
    paymentId,
  ]);
}

export function selectOrderPaymentsForUpdate(tx: Transaction, orderId: string): Promise<PaymentRow[]> {
  return many<PaymentRow>(
    tx,
    'orders.lock_payments',
    `select ${PAYMENT_COLUMNS} from payments where order_id = $1 order by id for no key update`,
    [orderId],
  );
}

export function updatePaymentOutcome(
  tx: Transaction,
  payment: { id: string; status: PaymentStatus; gatewayRef: string | null; declineCode: string | null },
): Promise<number> {
  return execute(
    tx,
    'orders.update_payment_outcome',
    `update payments set status = $2, gateway_ref = coalesce($3, gateway_ref), decline_code = $4, updated_at = clock_timestamp()
     where id = $1`,
    [payment.id, payment.status, payment.gatewayRef, payment.declineCode],
  );
}

export function setCharging(tx: Transaction, reservationId: string): Promise<number> {
  return execute(
    tx,
    'orders.set_charging',
    `update reservations set status = 'charging', attempt = attempt + 1, updated_at = clock_timestamp()
     where id = $1 and status = 'pending' and expires_at > clock_timestamp()`,
    [reservationId],
  );
}

/**
 * Back to waiting for money. A later part of an order, which was charged without asking, gets its hold's whole length again,
 * once: further declines do not make it longer.
 */
export function setPendingAgain(tx: Transaction, reservationId: string): Promise<number> {
  return execute(
    tx,
    'orders.set_pending_again',
    `update reservations r
     set status = 'pending', updated_at = clock_timestamp(),
         expires_at = case when r.seq > 1 and r.attempt = 1 then clock_timestamp() + make_interval(secs => o.reservation_seconds) else r.expires_at end
     from orders o where o.id = r.order_id and r.id = $1 and r.status = 'charging'`,
    [reservationId],
  );
}

/** What the open units of a hold cost, in minor units, and their currency. */
export function selectReservationAmount(
  on: Queryable,
  reservationId: string,
): Promise<{ amountMinor: number; currency: string } | undefined> {
  return maybeOne(
    on,
    'orders.hold_amount',
    `select coalesce(sum(l.open_quantity * i.unit_price_minor), 0)::bigint as "amountMinor", o.currency
     from reservations r
     join orders o on o.id = r.order_id
     left join reservation_lines l on l.reservation_id = r.id
     left join order_items i on i.order_id = r.order_id and i.product_id = l.product_id
     where r.id = $1 group by o.currency`,
    [reservationId],
  );
}

export function selectOrderForPayment(
  on: Queryable,
  orderId: string,
): Promise<{ status: OrderStatus; paymentMethod: PaymentMethod | null } | undefined> {
  return maybeOne(
    on,
    'orders.for_payment',
    'select status, payment_method as "paymentMethod" from orders where id = $1',
    [orderId],
  );
}

export function updatePaymentMethod(
  tx: Transaction,
  orderId: string,
  method: PaymentMethod,
): Promise<number> {
  return execute(
    tx,
    'orders.update_payment_method',
    'update orders set payment_method = $2, updated_at = clock_timestamp() where id = $1',
    [orderId, JSON.stringify(method)],
  );
}
