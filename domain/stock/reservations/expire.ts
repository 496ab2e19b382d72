import { setTimeout as delay } from 'node:timers/promises';
import type { Transaction } from '../../../platform/database/database';
import { isLockTimeout } from '../../../platform/errors';
import { openLines } from './reservations';
import { lockUnlockedStock, type StockAccess, type StockLedger } from '../ledger/stock-ledger';
import { stockKeyOf } from '../ledger/rules';
import { freeReservations, freeLockedLines } from './free-reservations';
import {
  publishNextLook,
  reservationsAreOverdue,
  selectDueForUpdate,
  selectDueOnProductsForUpdate,
} from './expiry-queries';
import { AWAKE_BEFORE_MS } from './rules';
import type { ExpiryRound } from './types';

export { reservationsAreOverdue };

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
 * skips what another has locked. Ends early when `signal` is aborted.
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
    const batch = await expireBatch(access, batchSize);
    freed += batch.freed;
    if (batch.found < batchSize || batch.freed === 0 || isOver()) return freed;
  }
}

interface Batch {
  /** Reservations that were due. */
  found: number;
  freed: number;
}

async function expireBatch({ db, stock }: StockAccess, limit: number): Promise<Batch> {
  try {
    return await db.transaction(async (tx) => {
      const ids = await selectDueForUpdate(tx, limit);
      if (ids.length > 0) await freeReservations(tx, stock, ids, 'expire');
      return { found: ids.length, freed: ids.length };
    });
  } catch (error) {
    // Somebody who is paused, say, keeps a stock row locked: the reservations on all other rows need not wait for that.
    if (isLockTimeout(error)) return db.transaction((tx) => expireUnlocked(tx, stock, limit));
    throw error;
  }
}

async function expireUnlocked(tx: Transaction, stock: StockLedger, limit: number): Promise<Batch> {
  const ids = await selectDueForUpdate(tx, limit);
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

/** Frees reservations without an order on these products that are past due and that the expiry has not come to yet. */
export async function reclaimStandalone(
  { db, stock }: StockAccess,
  productIds: readonly number[],
): Promise<void> {
  for (;;) {
    const freed = await db.retrying(async (tx) => {
      const ids = await selectDueOnProductsForUpdate(tx, productIds, RECLAIM_LIMIT);
      if (ids.length > 0) await freeReservations(tx, stock, ids, 'expire');
      return ids.length;
    });
    if (freed < RECLAIM_LIMIT) return;
  }
}
