import type { Database, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { reservationsThatLeft, stoppedLines } from '../fulfilment/shipments-of-order';
import { recordCancelRequest, refuseCancelRequest } from '../orders/cancel-request';
import { settleStatus } from '../orders/status';
import { readRefundable } from '../payments/refund';
import {
  lockOrderReservations,
  openLines,
  setReservationStatus,
  type OpenLine,
  type ReservationRow,
} from '../stock/reservations/reservations';
import { closeBackorders } from './backorders/backorders';
import { existingProgress } from './progress';
import { refundsDue } from './refund';
import { releaseLines, type ReleasedLine } from './release';
import type { OrderProgress } from './types';

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
  { orderId, reason }: { orderId: string; reason: string },
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    if (await recordCancelRequest(tx, orderId, reason))
      await enqueue(tx, [{ topic: 'order.wake', key: orderId }], LOOK_AGAIN_SECONDS);
  });
  return existingProgress(db, orderId);
}

/** Forgets a request to cancel that could not be met: something had left already. */
export async function refuseCancel(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying((tx) => refuseCancelRequest(tx, orderId));
  return existingProgress(db, orderId);
}

/**
 * Gives up what an order has not paid for: its places in the queues for stock first, in a transaction of their own, so that
 * the stock it frees next is not allocated to it again; then its unpaid reservations. A second call finds nothing to do.
 */
export async function cancelUnpaid(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying((tx) => closeBackorders(tx, orderId));
  await db.retrying(async (tx) => {
    const reservations = await lockOrderReservations(tx, orderId);
    await releaseReservations(
      tx,
      reservations.filter(({ status }) => status === 'pending'),
      { orderId, endAs: 'cancelled' },
    );
    // An order that only waited for stock had no reservation to release, and ends here.
    await settleStatus(tx, [orderId], 'cancelled');
  });
  return existingProgress(db, orderId);
}

/**
 * Gives up a reservation whose charge stays unresolved for too long, and the order's places in the queues before it. One
 * whose charge was resolved meanwhile is left alone. The charge is still looked up afterwards; should it turn out to be
 * captured, the money goes back.
 */
export async function abandonReservation(
  db: Database,
  { orderId, reservationId }: { orderId: string; reservationId: string },
): Promise<OrderProgress> {
  const failure = { code: 'PAYMENT_UNRESOLVED', detail: 'The payment gateway gave no final answer in time.' };
  const abandoned = async (tx: Transaction) => {
    const reservations = await lockOrderReservations(tx, orderId);
    return reservations.filter(({ id, status }) => id === reservationId && status === 'charging');
  };
  await db.retrying(async (tx) => {
    if ((await abandoned(tx)).length > 0) await closeBackorders(tx, orderId);
  });
  await db.retrying(async (tx) =>
    releaseReservations(tx, await abandoned(tx), { orderId, endAs: 'failed', failure }),
  );
  return existingProgress(db, orderId);
}

interface EndRequest {
  orderId: string;
  endAs: 'cancelled' | 'failed';
  failure?: { code: string; detail: string };
}

async function releaseReservations(
  tx: Transaction,
  reservations: readonly ReservationRow[],
  end: EndRequest,
): Promise<void> {
  const { orderId } = end;
  const ids = reservations.map(({ id }) => id);
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
 * Puts back on sale what is reserved for shipments that failed or were voided: the last step of a compensation, after their
 * money went back. What has left or may still leave is kept, and so is what failed after the refund was planned: only while
 * it is reserved does the order's progress ask for another compensation. A second call finds nothing to do.
 */
export async function releaseStoppedShipments(
  db: Database,
  { orderId, endAs, failure }: EndRequest,
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    const reservations = await lockOrderReservations(tx, orderId);
    const stopped = await stoppedLines(tx, orderId);
    const unrefunded = await reservationsWithRefundDue(tx, orderId);
    const released = stopped.filter((line) => !unrefunded.has(line.reservationId));
    if (released.length === 0) return;
    await endEmptied(tx, reservations, released);
    await releaseLines(tx, {
      kind: 'release',
      lines: released.map(({ shipmentId, ...line }): ReleasedLine => ({
        ...line,
        orderId,
        effectId: shipmentId,
      })),
      events: [
        {
          orderId,
          type: 'stock_restocked',
          data: { units: released.reduce((sum, line) => sum + line.openQuantity, 0) },
        },
      ],
      endAs,
      failure: failure ?? null,
    });
  });
  return existingProgress(db, orderId);
}

/** Ends the reservations that have no open line but these: as `shipped` where something of them has left. */
async function endEmptied(
  tx: Transaction,
  reservations: readonly ReservationRow[],
  released: readonly OpenLine[],
): Promise<void> {
  const releasedKeys = new Set(released.map(lineKey));
  const lines = await openLines(
    tx,
    reservations.map(({ id }) => id),
  );
  const stillOpen = new Set(
    lines.filter((line) => !releasedKeys.has(lineKey(line))).map((line) => line.reservationId),
  );
  const emptied = [...new Set(released.map((line) => line.reservationId))].filter((id) => !stillOpen.has(id));
  const shipped = await reservationsThatLeft(tx, emptied);
  await setReservationStatus(tx, [...shipped], 'shipped');
  await setReservationStatus(
    tx,
    emptied.filter((id) => !shipped.has(id)),
    'cancelled',
  );
}

function lineKey({ reservationId, productId, warehouseId }: OpenLine): string {
  return `${reservationId}:${productId}:${warehouseId}`;
}

/** Read after the failed shipments, so that one which fails meanwhile is among these. */
async function reservationsWithRefundDue(tx: Transaction, orderId: string): Promise<Set<string>> {
  const payments = await readRefundable(tx, orderId);
  const owing = new Set((await refundsDue(tx, orderId, payments)).map(({ paymentId }) => paymentId));
  return new Set(
    payments.filter(({ paymentId }) => owing.has(paymentId)).map((payment) => payment.reservationId),
  );
}
