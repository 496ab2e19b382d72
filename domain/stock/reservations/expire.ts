import { setTimeout as delay } from 'node:timers/promises';
import type { Transaction } from '../../../platform/database/database';
import { isLockTimeout, isSubjectsOwn } from '../../../platform/errors';
import { forgetSettled, runIsolated } from '../alerts/failed-work';
import { openLines } from './reservations';
import { lockUnlockedStock, type StockAccess, type StockLedger } from '../ledger/stock-ledger';
import { stockKeyOf } from '../ledger/rules';
import { freeReservations, freeLockedLines } from './free-reservations';
import {
  publishNextLook,
  selectDueAmongForUpdate,
  selectDueForUpdate,
  selectDueOnProductsAfterWait,
  selectDueOnProductsForUpdate,
  selectSettledFailures,
} from './expiry-queries';
import { AWAKE_BEFORE_MS } from './rules';
import type { ExpiryRound } from './types';

export { hasOverdueReservation as reservationsAreOverdue } from './expiry-queries';

export interface ExpiryRequest {
  /** Reservations that one transaction frees at most: as long as it runs, their stock rows are locked. */
  batchSize: number;
  /** Least time between two looks, milliseconds: what falls due meanwhile is freed together. */
  pauseMs: number;
  /** A round ends after this long, milliseconds, even though more fall due. */
  roundMs: number;
}

/** A reservation that is made while a round waits for the next one to fall due may fall due before it: looked for this often. */
const LOOK_MS = 300;

/**
 * A round of the expiry: frees reservations without an order that are past due by PostgreSQL's clock, set-based and soonest first,
 * waits for those that fall due in a moment, and says when the next round must begin. Several at once share the work: each
 * skips what another has locked. A reservation that cannot be freed by an error of its own does not stop the others: an alert is raised,
 * and it is tried again after a while. Ends early when `signal` is aborted.
 */
export async function expireDueReservations(
  access: StockAccess,
  request: ExpiryRequest,
  signal: AbortSignal,
): Promise<ExpiryRound> {
  const end = performance.now() + request.roundMs;
  const isOver = () => signal.aborted || performance.now() >= end;
  let freed = 0;
  for (;;) {
    freed += await freeDue(access, request.batchSize, isOver);
    await forgetSettled(access.db, 'expire_reservation', selectSettledFailures);
    const next = await publishNextLook(access.db, request.pauseMs / 1_000);
    const sleepMs = Math.max(0, next.inMs - AWAKE_BEFORE_MS);
    if (sleepMs > 0 || isOver()) {
      return { freed, sleepMs, nextDueAt: next.nextDueAt?.toISOString() ?? null };
    }
    await delay(Math.min(next.inMs, LOOK_MS), undefined, { signal }).catch(() => undefined);
  }
}

async function freeDue(access: StockAccess, batchSize: number, isOver: () => boolean): Promise<number> {
  let freed = 0;
  for (;;) {
    const batch = await expireBatch(access, (tx) => selectDueForUpdate(tx, batchSize));
    freed += batch.freed;
    if (batch.found < batchSize || batch.freed === 0 || isOver()) return freed;
  }
}

interface Batch {
  /** Reservations that were due. */
  found: number;
  freed: number;
}

/** Locks reservations that are due. */
type SelectDue = (tx: Transaction) => Promise<string[]>;

/** Frees what `select` finds, all in one transaction, or in several where one of the reservations cannot be freed. */
async function expireBatch(access: StockAccess, select: SelectDue): Promise<Batch> {
  let ids: string[] = [];
  try {
    return await expireTogether(access, async (tx) => (ids = await select(tx)));
  } catch (error) {
    if (!isSubjectsOwn(error)) throw error;
    const batch = { found: ids.length, freed: 0 };
    await runIsolated(ids, {
      db: access.db,
      work: 'expire_reservation',
      idOf: (id) => id,
      async run(some) {
        batch.freed += (await expireTogether(access, (tx) => selectDueAmongForUpdate(tx, some))).freed;
      },
    });
    return batch;
  }
}

async function expireTogether({ db, stock }: StockAccess, select: SelectDue): Promise<Batch> {
  try {
    return await db.transaction(async (tx) => {
      const ids = await select(tx);
      if (ids.length > 0) await freeReservations(tx, stock, ids, 'expire');
      return { found: ids.length, freed: ids.length };
    });
  } catch (error) {
    // Somebody who is paused, say, keeps a stock row locked: the reservations on all other rows need not wait for that.
    if (isLockTimeout(error)) return db.transaction((tx) => expireUnlocked(tx, stock, select));
    throw error;
  }
}

async function expireUnlocked(tx: Transaction, stock: StockLedger, select: SelectDue): Promise<Batch> {
  const ids = await select(tx);
  const lines = await openLines(tx, ids);
  const locked = new Set((await lockUnlockedStock(tx, lines)).map(stockKeyOf));
  const busy = new Set(
    lines.filter((line) => !locked.has(stockKeyOf(line))).map((line) => line.reservationId),
  );
  const free = ids.filter((id) => !busy.has(id));
  if (free.length > 0) {
    const theirs = lines.filter((line) => !busy.has(line.reservationId));
    await freeLockedLines(tx, stock, { ids: free, lines: theirs, as: 'expire' });
  }
  return { found: ids.length, freed: free.length };
}

/** Reservations in one transaction; many may fall due together. */
const RECLAIM_LIMIT = 500;

/**
 * Frees reservations without an order on these products that are past due and that the expiry has not come to yet. Those that cannot
 * be freed are left to it. Those that somebody works on it waits for: they are being freed, and are free only when that is committed.
 *
 * @throws a lock timeout where that takes too long
 */
export async function reclaimStandalone(access: StockAccess, productIds: readonly number[]): Promise<void> {
  for (const select of [selectDueOnProductsForUpdate, selectDueOnProductsAfterWait]) {
    for (;;) {
      const batch = await expireBatch(access, (tx) => select(tx, productIds, RECLAIM_LIMIT));
      if (batch.found < RECLAIM_LIMIT || batch.freed === 0) break;
    }
  }
}
