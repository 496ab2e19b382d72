import type { Database, Transaction } from '../../platform/database/database';
import { resolveAttention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import { orderPaymentId } from '../orders/ids';
import { isCapturedLater } from '../orders/rules';
import { pricesOfLines, readPaymentTerms, storePaymentMethod } from '../orders/payment-terms';
import { advanceStatus } from '../orders/status';
import type { PaymentMethod } from '../orders/types';
import {
  createPayments,
  lockOrderPayments,
  readOrderPayments,
  readPayment,
  settlePayment,
  waitForCustomer,
} from '../payments/payments';
import { paymentNotFound } from '../payments/errors';
import { giveUpPayment } from '../payments/charge';
import type { FinalOutcome } from '../payments/payments';
import { lockRefundable, planRefunds } from '../payments/refund';
import { isInFlight } from '../payments/rules';
import type { ChargeOutcome } from '../payments/gateway';
import type { PaymentRow, PaymentStatus } from '../payments/types';
import { beginCharging, continueCharging, endCharging } from '../stock/reservations/charging';
import {
  lockOrderReservations,
  openLines,
  setReservationStatus,
  type ReservationRow,
} from '../stock/reservations/reservations';
import { existingProgress } from './progress';
import { shipUnlessReviewed } from './review';
import type { OrderProgress, PayRefusal } from './types';

export interface BeginChargeRequest {
  orderId: string;
  /** Binds the charge: the same id again is the same charge. */
  updateId: string;
  /** Absent: the order's stored method, for a part that was allocated later. */
  payment: PaymentMethod | null;
  /** Absent: the oldest unpaid reservation. */
  reservationId: string | null;
  gateway: string;
  /** How often a reservation may be charged. */
  attemptLimit: number;
  /** The caller who pays; absent: nobody in particular. */
  actor?: string | undefined;
}

export type BeginChargeResult =
  /** `status` is `pending` for a new charge; for an id that was used before, how that charge stands. */
  | { begun: true; paymentId: string; status: PaymentStatus; progress: OrderProgress }
  | { begun: false; code: PayRefusal; progress: OrderProgress };

/**
 * Takes an order's oldest unpaid reservation from `pending` to `charging`, where it cannot expire, and writes the charge that
 * is about to be made. Nothing is charged unless this succeeded: a reservation that is past due is refused here. The same
 * `updateId` again is the same charge. It takes the place of a charge that waits for its customer: that one is given up at the gateway,
 * and what it captures all the same goes back. It is waited for no longer than the other was, so that the stock is not kept longer.
 *
 * @throws `ORDER_NOT_FOUND`
 */
export async function beginCharge(db: Database, request: BeginChargeRequest): Promise<BeginChargeResult> {
  const outcome = await db.retrying((tx) => tryBeginCharge(tx, request));
  return { ...outcome, progress: await existingProgress(db, request.orderId) };
}

type Begun = { begun: true; paymentId: string; status: PaymentStatus } | { begun: false; code: PayRefusal };

async function tryBeginCharge(tx: Transaction, request: BeginChargeRequest): Promise<Begun> {
  const { orderId, updateId, gateway, actor } = request;
  const reservations = await lockOrderReservations(tx, orderId);
  const payments = await readOrderPayments(tx, orderId);
  const earlier = payments.find((payment) => payment.updateId === updateId);
  if (earlier) return { begun: true, paymentId: earlier.id, status: earlier.status };

  const terms = await readPaymentTerms(tx, orderId);
  const method = request.payment ?? terms?.paymentMethod;
  const asked = request.reservationId;
  const candidates = reservations.filter(({ id }) => asked === null || id === asked);
  const waiting = payments.find((payment) => payment.serves && payment.status === 'requires_action');
  const reservation =
    oldestPending(candidates) ??
    candidates.find(({ id, status }) => id === waiting?.reservationId && status === 'charging');
  if (!terms || terms.isBeingCancelled) return { begun: false, code: 'ORDER_NOT_PAYABLE' };
  if (!method || !reservation) return { begun: false, code: whyNotPayable(reservations) };
  const reservationId = reservation.id;
  if (reservation.attempt >= request.attemptLimit) return { begun: false, code: 'PAYMENT_ATTEMPTS_EXCEEDED' };
  const takesPlaceOf = reservation.status === 'charging' ? waiting : undefined;
  const refused = await (takesPlaceOf ? takePlaceOf(tx, takesPlaceOf) : beginPending(tx, reservationId));
  if (refused) return { begun: false, code: refused };

  const amountMinor = await priceOfReservation(tx, orderId, reservationId);
  const attempt = payments.length + 1;
  const paymentId = orderPaymentId(orderId, attempt);
  const { currency } = terms;
  await createPayments(tx, [
    {
      id: paymentId,
      orderId,
      reservationId,
      attempt,
      updateId,
      amountMinor,
      currency,
      method: method.method,
      token: method.token,
      gateway,
      captureLater: isCapturedLater(terms),
      offSession: request.payment === null,
      returnUrl: request.payment?.returnUrl ?? null,
      takesPlaceOf: takesPlaceOf?.id ?? null,
    },
  ]);
  await storePaymentMethod(tx, orderId, method);
  const data = { paymentId, amountMinor, attempt };
  await appendEvents(tx, [{ orderId, type: 'payment_started', actor, data }]);
  return { begun: true, paymentId, status: 'pending' };
}

/** Why a reservation that waits for its payment is not charged; null: it is being charged now. */
async function beginPending(tx: Transaction, reservationId: string): Promise<PayRefusal | null> {
  return (await beginCharging(tx, reservationId)) ? null : 'HOLD_EXPIRED';
}

/** Why another payment does not take the place of one that waits for its customer; null: it does. */
async function takePlaceOf(
  tx: Transaction,
  { id, orderId, reservationId }: PaymentRow,
): Promise<PayRefusal | null> {
  const locked = (await lockOrderPayments(tx, orderId)).find((payment) => payment.id === id);
  // The charge has gone on meanwhile.
  if (locked?.status !== 'requires_action' || !locked.serves) return 'PAYMENT_IN_PROGRESS';
  if (!(await continueCharging(tx, reservationId))) return 'HOLD_EXPIRED';
  await giveUpPayment(tx, id);
  return null;
}

/** What the open units of a reservation cost, minor units. */
async function priceOfReservation(tx: Transaction, orderId: string, reservationId: string): Promise<number> {
  const lines = await openLines(tx, [reservationId]);
  const prices = await pricesOfLines(tx, orderId, lines);
  return prices.get(reservationId) ?? 0;
}

/** One that is past due only where there is no other: it is about to end. */
function oldestPending(reservations: readonly ReservationRow[]): ReservationRow | undefined {
  const pending = reservations.filter(({ status }) => status === 'pending').sort((a, b) => a.seq - b.seq);
  return pending.find(({ msLeft }) => (msLeft ?? 0) > 0) ?? pending[0];
}

function whyNotPayable(reservations: readonly ReservationRow[]): PayRefusal {
  if (reservations.some(({ status }) => status === 'charging')) return 'PAYMENT_IN_PROGRESS';
  return reservations.length > 0 && reservations.every(({ status }) => status === 'expired')
    ? 'HOLD_EXPIRED'
    : 'ORDER_NOT_PAYABLE';
}

export interface SettleRequest extends ChargeTerms {
  paymentId: string;
  outcome: Exclude<ChargeOutcome, { status: 'unknown' }>;
  carrier: string;
}

/** What is set about charges that are not over with their outcome. */
export interface ChargeTerms {
  /** How long a customer may take to authenticate, seconds. */
  actionSeconds: number;
  /** So long before the gateway drops an authorisation something is done about it, seconds. */
  lapseMarginSeconds: number;
}

/**
 * Writes how a charge ended and, in the same transaction, what follows for its reservation: captured or authorised → confirmed, with
 * one shipment per warehouse, unless somebody is to approve the order first; declined → pending again, so that another card may be
 * tried until it expires. One that waits for its customer keeps its reservation. A charge that was settled before is left as it is.
 * Money that came in for a reservation given up meanwhile goes back, or is voided.
 *
 * @returns the order's id
 * @throws `PAYMENT_NOT_FOUND`
 */
export function recordChargeOutcome(db: Database, request: SettleRequest): Promise<string> {
  return db.retrying((tx) => trySettle(tx, request));
}

async function trySettle(tx: Transaction, request: SettleRequest): Promise<string> {
  const { paymentId, outcome, carrier } = request;
  const known = await readPayment(tx, paymentId);
  if (!known) throw paymentNotFound(paymentId);
  const { orderId, reservationId } = known;
  const reservations = await lockOrderReservations(tx, orderId);
  const payment = (await lockOrderPayments(tx, orderId)).find(({ id }) => id === paymentId);
  if (!payment || !isInFlight(payment)) return orderId;

  const isCharging = reservations.some(({ id, status }) => id === reservationId && status === 'charging');
  const isWanted = isCharging && payment.serves;
  if (outcome.status === 'requires_action') {
    // Of one that nobody wants any more the gateway is asked again at once, to give it up.
    if (isWanted) await waitForCustomer(tx, payment, { ...outcome, actionSeconds: request.actionSeconds });
    return orderId;
  }
  if (!isWanted) {
    await settleUnwanted(tx, payment, outcome);
    return orderId;
  }
  await resolveAttention(tx, [{ kind: 'charge_unresolved', about: paymentId }]);
  const terms = await readPaymentTerms(tx, orderId);
  const settlement = { isWanted, marginSeconds: request.lapseMarginSeconds };
  if (outcome.status === 'declined') {
    if (terms) await endCharging(tx, reservationId, terms.holdSeconds);
    await settlePayment(tx, payment, outcome, settlement);
    return orderId;
  }
  await setReservationStatus(tx, [reservationId], 'confirmed');
  await settlePayment(tx, payment, outcome, settlement);
  const isAuthorized = outcome.status === 'authorized';
  if (terms)
    await shipUnlessReviewed(tx, { orderId, reservationId, carrier, reservations, isAuthorized }, terms);
  await advanceStatus(tx, [orderId], 'paid');
  return orderId;
}

/**
 * Writes how a charge ended whose money is not wanted any more: its reservation was given up, or another payment took its place. What
 * was captured goes back in full, what was authorised is voided. The caller has locked the order's reservations and payments, and
 * seen that the charge is in flight. Locks the order's row.
 */
export async function settleUnwanted(
  tx: Transaction,
  payment: PaymentRow,
  outcome: FinalOutcome,
): Promise<void> {
  const { id: paymentId, orderId, amountMinor } = payment;
  await resolveAttention(tx, [{ kind: 'charge_unresolved', about: paymentId }]);
  await settlePayment(tx, payment, outcome, { isWanted: false, marginSeconds: 0 });
  if (outcome.status !== 'captured') return;
  const plan = {
    paymentId,
    amountMinor,
    origin: { kind: 'payment' as const, id: paymentId },
    reason: payment.serves
      ? 'the hold was given up before the charge was resolved'
      : 'another payment took its place',
    actor: null,
  };
  const payments = await lockRefundable(tx, orderId);
  await appendEvents(tx, await planRefunds(tx, orderId, { payments, plans: [plan] }));
}
