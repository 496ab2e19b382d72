import type { Database, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { enqueue } from '../../platform/database/outbox';
import { openLines, setReservationStatus } from '../stock/reservations/reservations';
import { lockOrderReservations, type ReservationRow } from '../stock/reservations/reservations';
import { selectRefundsDue } from '../payments/queries';
import { selectOrderPayments } from '../payments/charge-queries';
import { closeBackorders } from './backorders/backorders';
import { appendEvents } from '../orders/events';
import { readProgress } from './progress';
import { releaseLines, type ReleasedLine } from './release';
import { claimCancel, dropCancel, settleStatus } from '../orders/status';
import { selectCutLines, selectShippedReservations } from './cancel-queries';
import type { OrderProgress } from '../orders/types';

async function progressOf(db: Database, orderId: string): Promise<OrderProgress> {
  const progress = await readProgress(db, orderId);
  if (!progress) throw new AppError('ORDER_NOT_FOUND', 'There is no such order.');
  return progress;
}

/** Longer than a cancellation takes: a bell that rings into it would make the engine fail the update. */
const LOOK_AGAIN_SECONDS = 15;

/**
 * Remembers, with the order, that it is to be cancelled: whoever carries on with it after a crash knows. The saga is rung
 * later, although it is the saga that asks: the engine forgets an update whose task was lost too often, and with it the saga
 * what its own lost steps have done.
 */
export async function requestCancel(
  db: Database,
  { orderId, reason }: { orderId: string; reason: string },
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    if (await claimCancel(tx, orderId, reason)) {
      await appendEvents(tx, [{ orderId, type: 'cancel_requested', data: { reason } }]);
      await enqueue(tx, [{ topic: 'order.wake', key: orderId }], LOOK_AGAIN_SECONDS);
    }
  });
  return progressOf(db, orderId);
}

/** Forgets a wish to cancel that could not be fulfilled: something had left already. */
export async function refuseCancel(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    if (await dropCancel(tx, orderId)) await appendEvents(tx, [{ orderId, type: 'cancel_refused' }]);
  });
  return progressOf(db, orderId);
}

/**
 * Gives up what an order has not paid for: its places in the queues for stock first, in a transaction of their own, so that
 * the stock it frees next is not allocated to it again; then its unpaid holds. A second call finds nothing to do.
 */
export async function cancelUnpaid(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying((tx) => closeBackorders(tx, orderId));
  await db.retrying(async (tx) => {
    const holds = await lockOrderReservations(tx, orderId);
    await releaseReservations(
      tx,
      holds.filter((hold) => hold.status === 'pending'),
      { orderId, endAs: 'cancelled' },
    );
    // An order that only waited for stock had no hold to release, and ends here.
    await settleStatus(tx, [orderId], 'cancelled');
  });
  return progressOf(db, orderId);
}

/**
 * Gives up a hold whose charge stays unresolved for too long, and the order's places in the queues before it; a hold whose
 * charge was resolved meanwhile is left alone. The charge is still looked up afterwards; should it turn out
 * to be captured, the money goes back.
 */
export async function abandonReservation(
  db: Database,
  { orderId, reservationId }: { orderId: string; reservationId: string },
): Promise<OrderProgress> {
  const failure = { code: 'PAYMENT_UNRESOLVED', detail: 'The payment gateway gave no final answer in time.' };
  const abandoned = async (tx: Transaction) => {
    const holds = await lockOrderReservations(tx, orderId);
    return holds.filter((hold) => hold.id === reservationId && hold.status === 'charging');
  };
  await db.retrying(async (tx) => {
    if ((await abandoned(tx)).length > 0) await closeBackorders(tx, orderId);
  });
  await db.retrying(async (tx) =>
    releaseReservations(tx, await abandoned(tx), { orderId, endAs: 'failed', failure }),
  );
  return progressOf(db, orderId);
}

interface EndRequest {
  orderId: string;
  endAs: 'cancelled' | 'failed';
  failure?: { code: string; detail: string };
}

async function releaseReservations(
  tx: Transaction,
  holds: readonly ReservationRow[],
  end: EndRequest,
): Promise<void> {
  const { orderId } = end;
  const ids = holds.map((hold) => hold.id);
  if (ids.length === 0) return;
  const lines = await openLines(tx, ids);
  await setReservationStatus(tx, ids, 'cancelled');
  await releaseLines(tx, {
    kind: 'release',
    lines: lines.map((line): ReleasedLine => ({ ...line, orderId, effectId: line.reservationId })),
    events: ids.map((reservationId) => ({ orderId, type: 'hold_released', data: { reservationId } })),
    endAs: end.endAs,
    failure: end.failure ?? null,
  });
}

/**
 * Puts back on sale what is held for shipments that failed or were voided: the last step of a compensation, after their money
 * went back. What is shipped or still on its way to ship is kept, and so is what failed after the refund was planned: only
 * as long as it is held does the order's progress ask for another compensation. A second call finds nothing to do.
 */
export async function releaseCutShipments(
  db: Database,
  { orderId, endAs, failure }: EndRequest,
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    const holds = await lockOrderReservations(tx, orderId);
    const failed = await selectCutLines(tx, orderId);
    const unrefunded = await reservationsWithRefundDue(tx, orderId);
    const cut = failed.filter((line) => !unrefunded.has(line.reservationId));
    if (cut.length === 0) return;
    const cutLines = new Set(
      cut.map((line) => `${line.reservationId}:${line.productId}:${line.warehouseId}`),
    );
    const kept = (
      await openLines(
        tx,
        holds.map((hold) => hold.id),
      )
    ).filter((line) => !cutLines.has(`${line.reservationId}:${line.productId}:${line.warehouseId}`));
    const stillOpen = new Set(kept.map((line) => line.reservationId));
    const closed = [...new Set(cut.map((line) => line.reservationId))].filter((id) => !stillOpen.has(id));
    const shipped = await selectShippedReservations(tx, closed);
    await setReservationStatus(tx, [...shipped], 'shipped');
    await setReservationStatus(
      tx,
      closed.filter((id) => !shipped.has(id)),
      'cancelled',
    );
    await releaseLines(tx, {
      kind: 'release',
      lines: cut.map(({ shipmentId, ...line }): ReleasedLine => ({ ...line, orderId, effectId: shipmentId })),
      events: [
        {
          orderId,
          type: 'stock_restocked',
          data: { units: cut.reduce((sum, l) => sum + l.openQuantity, 0) },
        },
      ],
      endAs,
      failure: failure ?? null,
    });
  });
  return progressOf(db, orderId);
}

/** Asked after the failed shipments were read, so that one which fails meanwhile is among these. */
async function reservationsWithRefundDue(tx: Transaction, orderId: string): Promise<Set<string>> {
  const captured = (await selectOrderPayments(tx, orderId)).filter(
    (payment) => payment.status === 'captured' || payment.status === 'partially_refunded',
  );
  const due = await selectRefundsDue(
    tx,
    captured.map((payment) => payment.id),
  );
  const unplanned = new Set(due.map((payment) => payment.paymentId));
  return new Set(captured.filter(({ id }) => unplanned.has(id)).map((payment) => payment.reservationId));
}
