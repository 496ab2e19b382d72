import type { Database, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { enqueue } from '../../platform/database/outbox';
import { reclaimStandalone } from '../stock/reservations/expire';
import { lockReservations, openLines, setReservationStatus } from '../stock/reservations/reservations';
import { selectDueReservationsForUpdate } from './due-queries';
import { lockOrderReservations, type ReservationRow } from '../stock/reservations/reservations';
import { stock } from './backorders/stock';
import { closeBackorders } from './backorders/backorders';
import { readProgress } from './progress';
import { releaseLines } from './release';
import { selectPaidOrders } from './cancel-queries';
import type { OrderProgress } from '../orders/types';

/**
 * Ends an unpaid hold that is past due, by PostgreSQL's clock. One that is not due, or that was paid or ended meanwhile, is
 * left alone; the progress answered says which. Of an order that was never paid, what waits for stock is given up as well,
 * first and in a transaction of its own, so that the freed stock is not allocated to it.
 */
export async function expireReservation(
  db: Database,
  { orderId, reservationId }: { orderId: string; reservationId: string },
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    const holds = await lockOrderReservations(tx, orderId);
    if (!holds.some((hold) => hold.id === reservationId && isDue(hold))) return;
    // A charge takes all of these locks too, so who is not paid for here is not being paid for meanwhile.
    const beingPaid = holds.some((hold) => hold.status === 'charging');
    if (!beingPaid && !(await selectPaidOrders(tx, [orderId])).has(orderId))
      await closeBackorders(tx, orderId);
  });
  await db.retrying(async (tx) => {
    await expireReservations(tx, (await lockReservations(tx, [reservationId])).filter(isDue));
  });
  const progress = await readProgress(db, orderId);
  if (!progress) throw new AppError('ORDER_NOT_FOUND', 'There is no such order.');
  return progress;
}

function isDue(hold: ReservationRow): boolean {
  return hold.status === 'pending' && hold.msLeft !== null && hold.msLeft <= 0;
}

/** Frees holds whose locks the caller has and which are due. */
async function expireReservations(
  tx: Transaction,
  holds: readonly Pick<ReservationRow, 'id' | 'orderId'>[],
): Promise<void> {
  const orderOf = new Map(holds.flatMap(({ id, orderId }) => (orderId ? [[id, orderId] as const] : [])));
  const ids = [...orderOf.keys()];
  if (ids.length === 0) return;
  const lines = await openLines(tx, ids);
  await setReservationStatus(tx, ids, 'expired');
  await releaseLines(tx, {
    kind: 'expire',
    endAs: 'expired',
    lines: lines.flatMap((line) => {
      const orderId = orderOf.get(line.reservationId);
      return orderId ? [{ ...line, orderId, effectId: line.reservationId }] : [];
    }),
    events: [...orderOf].map(([reservationId, orderId]) => ({
      orderId,
      type: 'hold_expired',
      data: { reservationId },
    })),
  });
}

/** Holds in one transaction; many may fall due together. */
const RECLAIM_LIMIT = 200;

/**
 * Frees unpaid holds on these products, of orders and without one, that are past due and whose saga, or the expiry, has not
 * done it yet, so that a shortage is never decided while stock is only late in coming back. Skips what anybody else works on.
 * Sagas are woken to see it.
 */
export async function reclaimExpired(db: Database, productIds: readonly number[]): Promise<void> {
  // Apart, since orders are locked last of all.
  await reclaimStandalone({ db, stock }, productIds);
  await reclaimOfOrders(db, productIds);
}

async function reclaimOfOrders(db: Database, productIds: readonly number[]): Promise<void> {
  for (;;) {
    const freed = await db.retrying(async (tx) => {
      const holds = await selectDueReservationsForUpdate(tx, productIds, RECLAIM_LIMIT);
      await expireReservations(tx, holds);
      await enqueue(
        tx,
        holds.map(({ orderId }) => ({ topic: 'order.wake' as const, key: orderId })),
      );
      return holds.length;
    });
    if (freed < RECLAIM_LIMIT) return;
  }
}
