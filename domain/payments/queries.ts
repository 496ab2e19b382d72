import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import {
  EVER_PAID_STATUSES,
  type AUTHORIZED_PAYMENT_STATUSES,
  type NewPayment,
  type PaymentRow,
  type PaymentStatus,
} from './types';
import type { PaymentView } from './view-types';
import type { ReservationStatus } from '../stock/reservations/types';
import { PAYMENT_JSON } from './view-sql';

export function insertPayments(tx: Transaction, payments: readonly NewPayment[]): Promise<number> {
  return execute(
    tx,
    'payments.insert',
    `insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, currency, method, token, gateway,
       capture_later, off_session, return_url, action_limit)
     select id, order_id, reservation_id, attempt, update_id, 'pending', amount, currency, method, token, gateway,
       capture_later, off_session, return_url,
       (select e.action_until from payments e where e.id = p.takes_place_of)
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[],
         $11::boolean[], $12::boolean[], $13::text[], $14::uuid[])
       as p (id, order_id, reservation_id, attempt, update_id, amount, currency, method, token, gateway, capture_later, off_session,
         return_url, takes_place_of)`,
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
      payments.map((p) => p.captureLater),
      payments.map((p) => p.offSession),
      payments.map((p) => p.returnUrl),
      payments.map((p) => p.takesPlaceOf ?? null),
    ],
  );
}

const PAYMENT_COLUMNS = `id, order_id as "orderId", reservation_id as "reservationId", attempt, update_id as "updateId", status,
  amount_minor as "amountMinor", currency, gateway_ref as "gatewayRef", decline_code as "declineCode", serves,
  void_settled_by as "voidSettledBy"`;

/** All payments of an order, oldest first. */
export function selectOfOrder(on: Queryable, orderId: string): Promise<PaymentRow[]> {
  return many<PaymentRow>(
    on,
    'payments.of_order',
    `select ${PAYMENT_COLUMNS} from payments where order_id = $1 order by attempt`,
    [orderId],
  );
}

export function selectOfOrderForUpdate(tx: Transaction, orderId: string): Promise<PaymentRow[]> {
  return many<PaymentRow>(
    tx,
    'payments.lock_of_order',
    `select ${PAYMENT_COLUMNS} from payments where order_id = $1 order by id for no key update`,
    [orderId],
  );
}

export function selectById(on: Queryable, paymentId: string): Promise<PaymentRow | undefined> {
  return maybeOne<PaymentRow>(on, 'payments.by_id', `select ${PAYMENT_COLUMNS} from payments where id = $1`, [
    paymentId,
  ]);
}

/** Of one that was captured all of it is. Addresses for its customer are not kept: they may hold secrets. */
export function updateOutcome(
  tx: Transaction,
  payment: {
    id: string;
    status: Extract<PaymentStatus, 'captured' | 'declined'>;
    gatewayRef: string | null;
    declineCode: string | null;
  },
): Promise<number> {
  return execute(
    tx,
    'payments.update_outcome',
    `update payments
     set status = $2, gateway_ref = coalesce($3, gateway_ref), decline_code = $4, captured_whole = $5,
         capture_planned_minor = case when $5 then amount_minor else 0 end,
         captured_minor = case when $5 then amount_minor else 0 end,
         next_action = null, return_url = null, updated_at = clock_timestamp()
     where id = $1`,
    [payment.id, payment.status, payment.gatewayRef, payment.declineCode, payment.status === 'captured'],
  );
}

export interface NewAuthorization {
  id: string;
  status: (typeof AUTHORIZED_PAYMENT_STATUSES)[number];
  gatewayRef: string;
  multicapture: boolean;
  captureBefore: Date | null;
  /** So long before the gateway drops it something is done, at most half of the time that is left, seconds. */
  marginSeconds: number;
}

/** The money of a payment is set aside. Addresses for its customer are not kept: they may hold secrets. */
export function updateAuthorized(tx: Transaction, payment: NewAuthorization): Promise<number> {
  return execute(
    tx,
    'payments.update_authorized',
    `update payments
     set status = $2, gateway_ref = coalesce($3, gateway_ref), multicapture = $4, capture_before = $5,
         capture_due_at = $5::timestamptz
           - least(make_interval(secs => $6), greatest(($5::timestamptz - clock_timestamp()) / 2, interval '0')),
         look_due_at = $5, decline_code = null,
         tries = 0, next_try_at = null, last_error = null, next_action = null, return_url = null, updated_at = clock_timestamp()
     where id = $1`,
    [
      payment.id,
      payment.status,
      payment.gatewayRef,
      payment.multicapture,
      payment.captureBefore,
      payment.marginSeconds,
    ],
  );
}

/** Whether money of an order ever came in, or was set aside, also where all of it was voided since. */
export async function existsCaptured(on: Queryable, orderId: string): Promise<boolean> {
  const { paid } = await one<{ paid: boolean }>(
    on,
    'payments.exists_captured',
    `select exists (select from payments where order_id = $1
                    and status in ${literals(EVER_PAID_STATUSES)}) as paid`,
    [orderId],
  );
  return paid;
}

/** A payment with what became of what it was to pay for. */
export interface AttemptedPayment {
  payment: PaymentView;
  /** False: another payment of the reservation took its place. */
  serves: boolean;
  reservation: ReservationStatus;
}

/** The payment that an attempt to pay an order led to; undefined: none yet. */
export function selectOfUpdate(
  on: Queryable,
  orderId: string,
  updateId: string,
): Promise<AttemptedPayment | undefined> {
  return maybeOne<AttemptedPayment>(
    on,
    'payments.of_update',
    `select ${PAYMENT_JSON} as payment, p.serves, r.status as reservation
     from payments p join reservations r on r.id = p.reservation_id where p.order_id = $1 and p.update_id = $2`,
    [orderId, updateId],
  );
}

/** A payment as clients see it. */
export async function selectView(on: Queryable, paymentId: string): Promise<PaymentView> {
  const { payment } = await one<{ payment: PaymentView }>(
    on,
    'payments.view',
    `select ${PAYMENT_JSON} as payment from payments p where p.id = $1`,
    [paymentId],
  );
  return payment;
}
