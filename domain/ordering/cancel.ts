import type { Database, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { beginStops, clearStopRefusals } from '../fulfilment/stop';
import { concludeCancelRequest, recordCancelRequest } from '../orders/cancel-request';
import { settleStatus } from '../orders/status';
import { makeChargesDue } from '../payments/charge';
import { readOrderPayments } from '../payments/payments';
import { isInFlight } from '../payments/rules';
import {
  lockOrderReservations,
  openLines,
  setReservationStatus,
  type ReservationRow,
} from '../stock/reservations/reservations';
import { newId } from '../../platform/ids';
import { closeBackorders } from './backorders/backorders';
import { existingProgress } from './progress';
import { releaseLines, type EndOfOrder, type ReleasedLine } from './release';
import type { OrderProgress } from './types';
import { beingAddedOf, planRefundsOfUnshipped, unshippedOf } from './unshipped';

/** Longer than a cancellation takes: a signal that arrives while it runs would make the engine fail the update. */
const LOOK_AGAIN_SECONDS = 15;

/**
 * Records that an order is to be cancelled, so that a saga that is started again knows. The saga is woken later, although the
 * saga itself asks: Temporal drops an update whose task was lost too often, and the saga then no longer knows what its lost
 * steps have done.
 *
 * @throws `ORDER_NOT_FOUND`
 */
export async function requestCancel(
  db: Database,
  request: { orderId: string; reason: string; actor?: string | undefined },
): Promise<OrderProgress> {
  const { orderId } = request;
  await db.retrying(async (tx) => {
    await clearStopRefusals(tx, orderId);
    if (await recordCancelRequest(tx, request))
      await enqueue(tx, [{ topic: 'order.wake', key: orderId }], LOOK_AGAIN_SECONDS);
  });
  return existingProgress(db, orderId);
}

/**
 * Ends whatever of an order has not left: its places in the queues for stock first, in a transaction of their own, so that the
 * stock it frees next is not allocated to it again; then its shipments, which are stopped; then its reservations that are not
 * paid for, or of which nothing is in a shipment yet. A charge in flight is not waited for: money that turns out to be captured goes
 * back. A second call finds nothing to do.
 */
export async function cancelUndelivered(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying((tx) => closeBackorders(tx, orderId));
  await db.retrying((tx) => beginStops(tx, orderId));
  await db.retrying(async (tx) => {
    const reservations = await lockOrderReservations(tx, orderId);
    const unshipped = await unshippedOf(tx, orderId);
    await releaseReservations(
      tx,
      reservations.filter(
        ({ id, status }) => status === 'pending' || status === 'charging' || unshipped.has(id),
      ),
      { orderId, endAs: 'cancelled' },
    );
    // An order that only waited for stock had no reservation to release, and ends here.
    await settleStatus(tx, [orderId], 'cancelled');
  });
  return existingProgress(db, orderId);
}

/** Ends a request to cancel when nothing more of the order can be ended. */
export async function concludeCancel(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying((tx) => concludeCancelRequest(tx, orderId));
  return existingProgress(db, orderId);
}

/**
 * Gives up the reservation of a payment whose charge stays unresolved for too long, and the order's places in the queues before it,
 * unless it is only what an amendment adds: then the order is to be as it was. One whose charge was resolved meanwhile is left alone, as is
 * one for which another payment took over. The charge is still looked up afterwards; should it turn out to be captured, the money goes
 * back.
 */
export async function abandonReservation(
  db: Database,
  { orderId, paymentId }: { orderId: string; paymentId: string },
): Promise<void> {
  const failure = { code: 'PAYMENT_UNRESOLVED', detail: 'The payment gateway gave no final answer in time.' };
  const abandoned = async (tx: Transaction) => {
    const reservations = await lockOrderReservations(tx, orderId);
    // Read under the locks, which whoever takes over or records an outcome has as well.
    const payment = (await readOrderPayments(tx, orderId)).find(({ id }) => id === paymentId);
    if (!payment?.serves || !isInFlight(payment)) return [];
    return reservations.filter(({ id, status }) => id === payment.reservationId && status === 'charging');
  };
  await db.retrying(async (tx) => {
    const additions = await beingAddedOf(tx, orderId);
    if ((await abandoned(tx)).some(({ id }) => !additions.has(id))) await closeBackorders(tx, orderId);
  });
  await db.retrying(async (tx) =>
    releaseReservations(tx, await abandoned(tx), { orderId, endAs: 'failed', failure }),
  );
}

async function releaseReservations(
  tx: Transaction,
  reservations: readonly ReservationRow[],
  { orderId, ...end }: EndOfOrder & { orderId: string },
): Promise<void> {
  const ids = reservations.map(({ id }) => id);
  if (ids.length === 0) return;
  const paid = new Set(reservations.filter(({ status }) => status === 'confirmed').map(({ id }) => id));
  const lines = await openLines(tx, ids);
  await setReservationStatus(tx, ids, 'cancelled');
  await releaseLines(tx, {
    ...end,
    kind: 'release',
    lines: lines.map((line): ReleasedLine => ({ ...line, orderId, effectId: line.reservationId })),
    // A charge that nobody wants any more is given up at the gateway at once.
    async plan(inner) {
      await makeChargesDue(inner, orderId);
      return planRefundsOfUnshipped(inner, orderId, {
        lines: lines.filter(({ reservationId }) => paid.has(reservationId)),
        id: newId(),
        reason: 'the order was cancelled',
      });
    },
    events: ids.map((reservationId) => ({ orderId, type: 'hold_released', data: { reservationId } })),
  });
}
