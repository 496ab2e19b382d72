import type { Database, Transaction } from '../../platform/database/database';
import { isSubjectsOwn } from '../../platform/errors';
import { enqueue } from '../../platform/database/outbox';
import { wasEverPaid } from '../payments/payments';
import { actOnEach, runIsolated } from '../stock/alerts/failed-work';
import { reclaimStandalone } from '../stock/reservations/expire';
import {
  lockOrderReservations,
  lockReservations,
  openLines,
  setReservationsExpired,
  type ReservationRow,
} from '../stock/reservations/reservations';
import {
  selectDueOfWaitingOrders,
  selectDueReservationsAfterWait,
  selectDueReservationsForUpdate,
  type DueReservation,
} from './due-queries';
import { stock } from './backorders/stock-with-backorders';
import { settleStatus } from '../orders/status';
import { closeBackorders, isBackorderDue } from './backorders/backorders';
import { existingProgress } from './progress';
import { releaseLines } from './release';
import type { OrderProgress } from './types';
import { beingAddedOf } from './unshipped';

/**
 * Ends an unpaid reservation that is past due, by PostgreSQL's clock. One that is not due, or that was paid or ended
 * meanwhile, is left alone; the progress returned says which. Of an order that was never paid, what waits for stock is given
 * up as well, first and in a transaction of its own, so that the freed stock is not allocated to it; not with what an amendment adds,
 * without which the order is to be as it was.
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
    if ((await beingAddedOf(tx, orderId)).has(reservationId)) return;
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
  await setReservationsExpired(tx, ids, 'order');
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
 * Frees every unpaid reservation on these products, of orders and without one, that is past due and that its saga, or the expiry,
 * has not freed yet, so that a shortage is never decided while stock is only late in coming back: what a look at the stock counts
 * as late is what this frees (`canBeFreed`). Waits for what somebody else is freeing. Sagas are woken to see it.
 *
 * @throws a lock timeout where somebody else takes too long
 */
export async function reclaimExpired(db: Database, productIds: readonly number[]): Promise<void> {
  // Apart, since orders are locked last of all.
  await reclaimStandalone({ db, stock }, productIds);
  await reclaimOfOrders((tx) => selectDueReservationsForUpdate(tx, productIds, RECLAIM_LIMIT), db);
  await reclaimOfOrders((tx) => selectDueReservationsAfterWait(tx, productIds, RECLAIM_LIMIT), db);
  await reclaimOfWaitingOrders(db, productIds);
}

async function reclaimOfOrders(
  select: (tx: Transaction) => Promise<DueReservation[]>,
  db: Database,
): Promise<void> {
  for (;;) {
    let found: DueReservation[] = [];
    let freed = 0;
    try {
      // The caller tries a lock timeout again: to wait here several times would keep its whole batch waiting.
      freed = await db.transaction(async (tx) => expireAndWake(tx, (found = await select(tx))));
    } catch (error) {
      if (!isSubjectsOwn(error)) throw error;
      await runIsolated(
        found.map(({ id }) => id),
        {
          db,
          work: 'expire_reservation',
          idOf: (id) => id,
          async run(ids) {
            freed += await db.retrying(async (tx) =>
              expireAndWake(tx, (await lockReservations(tx, ids)).filter(isDue)),
            );
          },
        },
      );
    }
    if (found.length < RECLAIM_LIMIT || freed === 0) return;
  }
}

/** One order at a time, as its saga does it: places in the queues are given up in a transaction of their own. There are few. */
async function reclaimOfWaitingOrders(db: Database, productIds: readonly number[]): Promise<void> {
  for (;;) {
    const due = await selectDueOfWaitingOrders(db, productIds, RECLAIM_LIMIT);
    const failed = await actOnEach(due, new Set(), {
      db,
      work: 'expire_reservation',
      idOf: ({ id }) => id,
      async act({ id, orderId }) {
        await expireReservation(db, { orderId, reservationId: id });
        await db.retrying((tx) => enqueue(tx, [{ topic: 'order.wake', key: orderId }]));
      },
      isOwn: isSubjectsOwn,
    });
    if (due.length < RECLAIM_LIMIT || failed === due.length) return;
  }
}

/** Returns how many reservations were freed. */
async function expireAndWake(
  tx: Transaction,
  due: readonly Pick<ReservationRow, 'id' | 'orderId'>[],
): Promise<number> {
  await expireReservations(tx, due);
  await enqueue(
    tx,
    due.flatMap(({ orderId }) => (orderId ? [{ topic: 'order.wake' as const, key: orderId }] : [])),
  );
  return due.length;
}
