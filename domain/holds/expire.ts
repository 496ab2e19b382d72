import type { Database, Transaction } from '../../platform/database';
import { isLockTimeout } from '../../platform/errors';
import { openLines } from '../inventory/holds';
import { selectFreeStock } from '../inventory/queries';
import { freeHolds, freeLockedLines } from './free';
import { publishNextLook, selectDueHoldsForUpdate, selectDueHoldsOnForUpdate } from './queries';
import type { ExpiryRound } from './types';

export interface ExpiryRequest {
  /** Holds that one transaction frees at most: as long as it runs, their stock rows are locked. */
  batchSize: number;
  /** Batches of one round, which then says that there is more. */
  batches: number;
  /** Least time until the next look, milliseconds: what falls due meanwhile is freed together. */
  pauseMs: number;
}

/**
 * Frees holds without an order that are past due by PostgreSQL's clock, set-based and soonest first, and says when to look
 * again. Several at once share the work: each skips what another has locked.
 */
export async function expireDueHolds(db: Database, request: ExpiryRequest): Promise<ExpiryRound> {
  let freed = 0;
  let more = true;
  for (let batch = 0; more && batch < request.batches; batch++) {
    const { found, freed: now } = await expireBatch(db, request.batchSize);
    freed += now;
    more = found === request.batchSize && now > 0;
  }
  const { sleepMs, nextDueAt } = await publishNextLook(db, request.pauseMs / 1_000);
  return { freed, more, sleepMs, nextDueAt: nextDueAt?.toISOString() ?? null };
}

interface Batch {
  /** Holds that were due. */
  found: number;
  freed: number;
}

async function expireBatch(db: Database, limit: number): Promise<Batch> {
  try {
    return await db.transaction(async (tx) => {
      const ids = await selectDueHoldsForUpdate(tx, limit);
      if (ids.length > 0) await freeHolds(tx, ids, 'expire');
      return { found: ids.length, freed: ids.length };
    });
  } catch (error) {
    // Somebody who is paused, say, keeps a stock row locked: the holds on all other rows need not wait for that.
    if (isLockTimeout(error)) return db.transaction((tx) => expireUnlocked(tx, limit));
    throw error;
  }
}

async function expireUnlocked(tx: Transaction, limit: number): Promise<Batch> {
  const ids = await selectDueHoldsForUpdate(tx, limit);
  const lines = await openLines(tx, ids);
  const keyOf = (row: { productId: number; warehouseId: number }) => `${row.productId}:${row.warehouseId}`;
  const unique = new Map(lines.map((line) => [keyOf(line), line]));
  const locked = new Set((await selectFreeStock(tx, [...unique.values()])).map(keyOf));
  const busy = new Set(lines.filter((line) => !locked.has(keyOf(line))).map((line) => line.reservationId));
  const free = ids.filter((id) => !busy.has(id));
  if (free.length > 0) {
    const theirs = lines.filter((line) => !busy.has(line.reservationId));
    await freeLockedLines(tx, free, theirs, 'expire');
  }
  return { found: ids.length, freed: free.length };
}

/** Holds in one transaction; many may fall due together. */
const RECLAIM_LIMIT = 500;

/** Frees holds without an order on these products that are past due and that the expiry has not come to yet. */
export async function reclaimHolds(db: Database, productIds: readonly number[]): Promise<void> {
  for (;;) {
    const freed = await db.retrying(async (tx) => {
      const ids = await selectDueHoldsOnForUpdate(tx, productIds, RECLAIM_LIMIT);
      if (ids.length > 0) await freeHolds(tx, ids, 'expire');
      return ids.length;
    });
    if (freed < RECLAIM_LIMIT) return;
  }
}
