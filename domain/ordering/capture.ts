import type { Database, Transaction } from '../../platform/database/database';
import { parcelsThatLeft } from '../fulfilment/shipments-of-order';
import { raiseAttention } from '../orders/attention';
import { recordCancelRequest } from '../orders/cancel-request';
import { appendEvents } from '../orders/events';
import { pricesOf, pricesOfLines } from '../orders/payment-terms';
import type { NewEvent } from '../orders/types';
import {
  clearLapse,
  lockAuthorized,
  planCaptures,
  planVoids,
  type AuthorizedPayment,
} from '../payments/captures';
import { captureNeeds, wholeCapture, type PaidUnits } from '../payments/rules';
import { lockOrderReservations, openLines, type ReservationRow } from '../stock/reservations/reservations';
import { existingProgress } from './progress';
import type { OrderProgress } from './types';

export { selectIsLastParcel as isLastParcel } from './capture-queries';

/** What is done about an authorisation before the gateway drops it. */
export type LapseAction = 'capture' | 'cancel';

/**
 * Plans what is to be captured of authorised payments: what the parcels that left cost. Where nothing more of a reservation can leave,
 * what is not captured of its payment is to be voided. Nothing waits for the gateway. A second call finds nothing to do.
 */
export async function settleAuthorizations(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    const reservations = await lockOrderReservations(tx, orderId);
    const payments = await lockAuthorized(tx, orderId);
    const unitsOf = await readPaidUnits(tx, orderId, { payments, reservations });
    const needs = payments.map((payment) => ({ payment, ...captureNeeds(payment, unitsOf(payment)) }));
    const events = await planCaptures(tx, orderId, {
      payments,
      plans: needs.flatMap(({ payment: { paymentId }, captures }) =>
        captures.map((capture) => ({ paymentId, ...capture })),
      ),
    });
    await planVoids(
      tx,
      needs.filter(({ isOver }) => isOver).map(({ payment }) => payment.paymentId),
    );
    await appendEvents(tx, events);
  });
  return existingProgress(db, orderId);
}

/**
 * Plans to capture everything authorised for an order that is not cut, whether or not it has left. The caller has locked the order's
 * reservations. Locks its payments.
 *
 * @param reservations of the order
 * @returns events, which are the caller's to append
 */
export async function planWholeCapture(
  tx: Transaction,
  orderId: string,
  { reservations }: { reservations: readonly ReservationRow[] },
): Promise<NewEvent[]> {
  return planWhole(tx, orderId, { reservations, payments: await lockAuthorized(tx, orderId) });
}

async function planWhole(
  tx: Transaction,
  orderId: string,
  order: { payments: readonly AuthorizedPayment[]; reservations: readonly ReservationRow[] },
): Promise<NewEvent[]> {
  const payments = order.payments.filter(({ isWhole }) => !isWhole);
  const unitsOf = await readPaidUnits(tx, orderId, { ...order, payments });
  const plans = payments.map((one) => ({ paymentId: one.paymentId, ...wholeCapture(one, unitsOf(one)) }));
  return planCaptures(tx, orderId, { payments, plans });
}

/** What is known of the units that each of these payments pays for. */
async function readPaidUnits(
  tx: Transaction,
  orderId: string,
  {
    payments,
    reservations,
  }: { payments: readonly AuthorizedPayment[]; reservations: readonly ReservationRow[] },
): Promise<(payment: AuthorizedPayment) => PaidUnits> {
  const left = payments.length === 0 ? [] : await parcelsThatLeft(tx, orderId);
  const reserved = await openLines(
    tx,
    payments.map(({ reservationId }) => reservationId),
  );
  const priceOfParcel = await pricesOf(
    tx,
    orderId,
    left.map(({ shipmentId: group, productId, quantity }) => ({ group, productId, quantity })),
  );
  const priceOfReservation = await pricesOfLines(tx, orderId, reserved);
  return ({ reservationId }) => {
    const own = left.filter((parcel) => parcel.reservationId === reservationId);
    return {
      parcels: [...new Set(own.map(({ shipmentId }) => shipmentId))].map((shipmentId) => ({
        shipmentId,
        minor: priceOfParcel.get(shipmentId) ?? 0,
      })),
      reservedMinor: priceOfReservation.get(reservationId) ?? 0,
      isOpen: reservations.some(({ id, status }) => id === reservationId && status === 'confirmed'),
    };
  };
}

/**
 * Does what is set about authorisations that the gateway is about to drop: captures everything, or cancels what has not left of the
 * order. Nothing is done about one of which nothing waits to leave any more, or of which everything is planned to be captured. A second
 * call finds nothing to do.
 */
export async function actOnLapse(
  db: Database,
  { orderId, action }: { orderId: string; action: LapseAction },
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    const reservations = await lockOrderReservations(tx, orderId);
    const lapsing = (await lockAuthorized(tx, orderId)).filter(({ isLapsing }) => isLapsing);
    await clearLapse(
      tx,
      lapsing.map(({ paymentId }) => paymentId),
    );
    const open = new Set(reservations.filter(({ status }) => status === 'confirmed').map(({ id }) => id));
    const payments = lapsing.filter(({ isWhole, reservationId }) => !isWhole && open.has(reservationId));
    if (payments.length === 0) return;
    const events = action === 'capture' ? await planWhole(tx, orderId, { payments, reservations }) : [];
    const what = action === 'capture' ? 'it is captured before it ships' : 'what has not left is cancelled';
    await raiseAttention(
      tx,
      payments.map(({ paymentId }) => ({
        orderId,
        kind: 'authorization_lapses' as const,
        about: paymentId,
        why: `The gateway is about to drop the authorisation: ${what}.`,
      })),
    );
    if (action === 'cancel') await recordCancelRequest(tx, { orderId, reason: 'its authorisation lapses' });
    await appendEvents(tx, events);
  });
  return existingProgress(db, orderId);
}
