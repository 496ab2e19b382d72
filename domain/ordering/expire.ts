import type { Database, Transaction } from '../../platform/database/database';
import { isSubjectsOwn } from '../../platform/errors';
import { enqueue } from '../../platform/database/outbox';
import { wasEverPaid } from '../payments/payments';
import { runIsolated } from '../stock/alerts/failed-work';
import { reclaimStandalone } from '../stock/reservations/expire';
import {
  lockOrderReservations,
  lockReservations,
  openLines,
  setReservationStatus,
  type ReservationRow,
} from '../stock/reservations/reservations';
import { selectDueReservationsForUpdate } from './due-queries';
import { stock } from './backorders/stock-with-backorders';
import { settleStatus } from '../orders/status';
import { closeBackorders, isBackorderDue } from './backorders/backorders';
import { existingProgress } from './progress';
import { releaseLines } from './release';
import type { OrderProgress } from './types';

/**
 * Ends an unpaid reservation that is past due, by PostgreSQL's clock. One that is not due, or that was paid or ended
 * meanwhile, is left alone; the progress returned says which. Of an order that was never paid, what waits for stock is given
 * up as well, first and in a transaction of its own, so that the freed stock is not allocated to it.
 *
 * @throws `ORDER_NOT_FOUND`
 */
export async function expireReservation(
  db: Database,
  { orderId, reservationId }: { orderId: string; reservationId: string },
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    const reservations = await lockOrderReservations(tx, orderId);
    if (!reservations.some((reservation) => reservation.id === reservationId && isDue(reservation))) return;
    // A charge takes all of these locks too, so an order that is not being paid here is not paid meanwhile.
    const beingPaid = reservations.some(({ status }) => status === 'charging');
    if (!beingPaid && !(await wasEverPaid(tx, orderId))) await closeBackorders(tx, orderId);
  });
  await db.retrying(async (tx) => {
    await expireReservations(tx, (await lockReservations(tx, [reservationId])).filter(isDue));
  });
  return existingProgress(db, orderId);
}

/**
 * Gives up what of an order has waited for stock until its time, by PostgreSQL's clock; before it nothing changes.
 *
 * @throws `ORDER_NOT_FOUND`
 */
export async function giveUpBackorders(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    if (!(await isBackorderDue(tx, orderId))) return;
    await closeBackorders(tx, orderId);
    await settleStatus(tx, [orderId], 'expired');
  });
  return existingProgress(db, orderId);
}

function isDue({ status, msLeft }: ReservationRow): boolean {
  return status === 'pending' && msLeft !== null && msLeft <= 0;
}

/** Frees reservations whose locks the caller has and which are due. */
async function expireReservations(
  tx: Transaction,
  due: readonly Pick<ReservationRow, 'id' | 'orderId'>[],
): Promise<void> {
  const orderOf = new Map(due.flatMap(({ id, orderId }) => (orderId ? [[id, orderId] as const] : [])));
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

/** Reservations in one transaction; many may fall due together. */
const RECLAIM_LIMIT = 200;

/**
 * Frees unpaid reservations on these products, of orders and without one, that are past due and whose saga, or the expiry,
 * has not done it yet, so that a shortage is never decided while stock is only late in coming back. Skips what somebody else
 * works on. Sagas are woken to see it.
 */
export async function reclaimExpired(db: Database, productIds: readonly number[]): Promise<void> {
  // Apart, since orders are locked last of all.
  await reclaimStandalone({ db, stock }, productIds);
  await reclaimOfOrders(db, productIds);
}

type DueReservation = Pick<ReservationRow, 'id' | 'orderId'>;

async function reclaimOfOrders(db: Database, productIds: readonly number[]): Promise<void> {
  for (;;) {
    let found: DueReservation[] = [];
    let freed = 0;
    const reclaim = (select: (tx: Transaction) => Promise<DueReservation[]>) =>
      db.retrying(async (tx) => expireAndWake(tx, await select(tx)));
    try {
      freed = await reclaim(
        async (tx) => (found = await selectDueReservationsForUpdate(tx, productIds, RECLAIM_LIMIT)),
      );
    } catch (error) {
      if (!isSubjectsOwn(error)) throw error;
      await runIsolated(
        found.map(({ id }) => id),
        {
          db,
          work: 'expire_reservation',
          idOf: (id) => id,
          async run(ids) {
            freed += await reclaim(async (tx) => (await lockReservations(tx, ids)).filter(isDue));
          },
        },
      );
    }
    if (found.length < RECLAIM_LIMIT || freed === 0) return;
  }
}

/** Returns how many reservations were freed. */
async function expireAndWake(tx: Transaction, due: readonly DueReservation[]): Promise<number> {
  await expireReservations(tx, due);
  await enqueue(
    tx,
    due.flatMap(({ orderId }) => (orderId ? [{ topic: 'order.wake' as const, key: orderId }] : [])),
  );
  return due.length;
}
