import type { Database, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { createShipments } from '../fulfilment/create';
import { setReservationStatus } from '../stock/reservations/reservations';
import { lockOrderReservations, type ReservationRow } from '../stock/reservations/reservations';
import { refundDue } from '../payments/refund';
import type { ChargeOutcome, PaymentStatus } from '../payments/types';
import {
  insertPayments,
  selectReservationAmount,
  selectOrderForPayment,
  selectOrderPayments,
  selectPayment,
  selectOrderPaymentsForUpdate,
  setCharging,
  setPendingAgain,
  updatePaymentMethod,
  updatePaymentOutcome,
  type PaymentRow,
} from '../payments/charge-queries';
import { appendEvents } from '../orders/events';
import { orderPaymentId } from '../orders/ids';
import { readProgress } from './progress';
import { lockOrders } from '../orders/effects';
import { advanceStatus } from '../orders/status';
import type { OrderProgress, PaymentMethod } from '../orders/types';

export interface BeginChargeRequest {
  orderId: string;
  /** Binds the charge: the same id again is the same charge. */
  updateId: string;
  /** Absent: the order's stored method, for a part that was allocated later. */
  payment: PaymentMethod | null;
  /** Absent: the oldest unpaid hold. */
  reservationId: string | null;
  gateway: string;
}

export type BeginChargeResult =
  /** `status` is `pending` for a new charge; an id that was used before answers how that charge stands. */
  | { begun: true; paymentId: string; status: PaymentStatus; progress: OrderProgress }
  | {
      begun: false;
      code: 'HOLD_EXPIRED' | 'ORDER_NOT_PAYABLE' | 'PAYMENT_IN_PROGRESS';
      progress: OrderProgress;
    };

/**
 * Takes an order's oldest unpaid hold from `pending` to `charging`, where it cannot expire, and writes the charge that is
 * about to be made. Nothing is charged unless this succeeded: a hold that is past due is refused here.
 * Asked again with the same `updateId` it answers the same charge.
 */
export async function beginCharge(db: Database, request: BeginChargeRequest): Promise<BeginChargeResult> {
  const outcome = await db.retrying((tx) => tryBeginCharge(tx, request));
  const progress = await readProgress(db, request.orderId);
  if (!progress) throw new AppError('ORDER_NOT_FOUND', 'There is no such order.');
  return { ...outcome, progress };
}

type Begun =
  | { begun: true; paymentId: string; status: PaymentStatus }
  | { begun: false; code: 'HOLD_EXPIRED' | 'ORDER_NOT_PAYABLE' | 'PAYMENT_IN_PROGRESS' };

async function tryBeginCharge(tx: Transaction, request: BeginChargeRequest): Promise<Begun> {
  const { orderId, updateId } = request;
  const holds = await lockOrderReservations(tx, orderId);
  const payments = await selectOrderPayments(tx, orderId);
  const earlier = payments.find((payment) => payment.updateId === updateId);
  if (earlier) return { begun: true, paymentId: earlier.id, status: earlier.status };
  if (payments.some(isInFlight)) return { begun: false, code: 'PAYMENT_IN_PROGRESS' };

  const order = await selectOrderForPayment(tx, orderId);
  const payment = request.payment ?? order?.paymentMethod;
  const hold = oldestPending(
    holds.filter((h) => request.reservationId === null || h.id === request.reservationId),
  );
  if (!order || !payment || !hold) return { begun: false, code: whyNotPayable(holds) };
  if ((await setCharging(tx, hold.id)) === 0) return { begun: false, code: 'HOLD_EXPIRED' };

  const amount = await selectReservationAmount(tx, hold.id);
  if (!amount) throw new AppError('ORDER_NOT_FOUND', 'There is no such order.');
  const attempt = payments.length + 1;
  const paymentId = orderPaymentId(orderId, attempt);
  await insertPayments(tx, [
    {
      id: paymentId,
      orderId,
      reservationId: hold.id,
      attempt,
      updateId,
      ...amount,
      ...payment,
      gateway: request.gateway,
    },
  ]);
  await lockOrders(tx, [orderId]);
  await updatePaymentMethod(tx, orderId, payment);
  await appendEvents(tx, [
    { orderId, type: 'payment_started', data: { paymentId, amountMinor: amount.amountMinor, attempt } },
  ]);
  return { begun: true, paymentId, status: 'pending' };
}

function isInFlight(payment: PaymentRow): boolean {
  return payment.status === 'pending' || payment.status === 'unknown';
}

/** One that is past due only where there is no other: it is about to end. */
function oldestPending(holds: readonly ReservationRow[]): ReservationRow | undefined {
  const pending = holds.filter((hold) => hold.status === 'pending').sort((a, b) => a.seq - b.seq);
  return pending.find((hold) => (hold.msLeft ?? 0) > 0) ?? pending[0];
}

function whyNotPayable(holds: readonly ReservationRow[]): 'HOLD_EXPIRED' | 'ORDER_NOT_PAYABLE' {
  return holds.length > 0 && holds.every((hold) => hold.status === 'expired')
    ? 'HOLD_EXPIRED'
    : 'ORDER_NOT_PAYABLE';
}

/**
 * Writes how a charge ended, and with it, in the same transaction, what follows for the hold: captured → confirmed, with one
 * shipment per warehouse; declined → pending again, so that another card may be tried until it expires.
 * A charge that is settled already is left as it is. Money that was captured for a hold given up meanwhile goes back.
 */
export async function settleCharge(
  db: Database,
  request: { paymentId: string; outcome: Exclude<ChargeOutcome, { status: 'unknown' }>; carrier: string },
): Promise<OrderProgress> {
  const orderId = await db.retrying((tx) => trySettle(tx, request));
  const progress = await readProgress(db, orderId);
  if (!progress) throw new AppError('ORDER_NOT_FOUND', 'There is no such order.');
  return progress;
}

async function trySettle(
  tx: Transaction,
  { paymentId, outcome, carrier }: Parameters<typeof settleCharge>[1],
) {
  const known = await selectPayment(tx, paymentId);
  if (!known) throw new AppError('PAYMENT_NOT_FOUND', 'There is no such payment.', { paymentId });
  const { orderId, reservationId } = known;
  const holds = await lockOrderReservations(tx, orderId);
  const hold = holds.find((candidate) => candidate.id === reservationId);
  const payments = await selectOrderPaymentsForUpdate(tx, orderId);
  const payment = payments.find((candidate) => candidate.id === paymentId);
  if (!payment || !isInFlight(payment)) return orderId;

  if (outcome.status === 'declined') {
    const { gatewayRef, declineCode } = outcome;
    await updatePaymentOutcome(tx, { id: paymentId, status: 'declined', gatewayRef, declineCode });
    await setPendingAgain(tx, reservationId);
    await appendEvents(tx, [{ orderId, type: 'payment_declined', data: { paymentId, declineCode } }]);
    return orderId;
  }
  const captured = {
    id: paymentId,
    status: 'captured',
    gatewayRef: outcome.gatewayRef,
    declineCode: null,
  } as const;
  await updatePaymentOutcome(tx, captured);
  const stillHeld = hold?.status === 'charging';
  if (stillHeld) await setReservationStatus(tx, [reservationId], 'confirmed');
  await appendEvents(tx, [
    {
      orderId,
      type: 'payment_captured',
      data: { paymentId, amountMinor: payment.amountMinor, currency: payment.currency },
    },
  ]);
  if (stillHeld) {
    await createShipments(tx, [{ orderId, reservationId, carrier }]);
    await advanceStatus(tx, [orderId], 'paid');
  } else {
    await refundDue(tx, orderId, 'the hold was given up before the charge was resolved');
  }
  return orderId;
}
