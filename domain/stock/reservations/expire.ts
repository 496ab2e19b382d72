import { setTimeout as delay } from 'node:timers/promises';
import type { Database, Transaction } from '../../../platform/database/database';
import { isLockTimeout, isSubjectsOwn } from '../../../platform/errors';
import { runInHalves } from '../../../platform/halves';
import { forgetFailures, recordFailure } from '../alerts/failed-work';
import { openLines } from './reservations';
import { selectFreeStock } from '../ledger/queries';
import { freeReservations, freeLockedLines } from './free';
import {
  hasOverdueReservation,
  publishNextLook,
  selectDueAmongForUpdate,
  selectDueForUpdate,
  selectDueOnProductsForUpdate,
  selectSettledFailures,
} from './expiry-queries';
import { AWAKE_BEFORE_MS } from './rules';
import type { ExpiryRound } from './types';

export interface ExpiryRequest {
  /** Holds that one transaction frees at most: as long as it runs, their stock rows are locked. */
  batchSize: number;
  /** Least time between two looks, milliseconds: what falls due meanwhile is freed together. */
  pauseMs: number;
  /** A round ends after this long, milliseconds, even though more holds fall due. */
  roundMs: number;
}

/** A hold that is made while a round waits for the next one to fall due may fall due before it: looked for this often. */
const LOOK_MS = 300;

/**
 * A round of the expiry: frees holds without an order that are past due by PostgreSQL's clock, set-based and soonest first,
 * waits for those that fall due in a moment, and says when the next round must begin. Several at once share the work: each
 * skips what another has locked. A hold that cannot be freed by an error of its own stops no other: an alert tells of it, and it
 * is tried again after a while. Ends early when `signal` is aborted.
 */
export async function expireDueReservations(
  db: Database,
  request: ExpiryRequest,
  signal: AbortSignal,
): Promise<ExpiryRound> {
  const end = performance.now() + request.roundMs;
  const isOver = () => signal.aborted || performance.now() >= end;
  let freed = 0;
  for (;;) {
    freed += await freeDue(db, request.batchSize, isOver);
    await forgetFailures(db, 'expire_hold', await selectSettledFailures(db));
    const next = await publishNextLook(db, request.pauseMs / 1_000);
    const sleepMs = Math.max(0, next.inMs - AWAKE_BEFORE_MS);
    if (sleepMs > 0 || isOver()) {
      return { freed, sleepMs, nextDueAt: next.nextDueAt?.toISOString() ?? null };
    }
    await delay(Math.min(next.inMs, LOOK_MS), undefined, { signal }).catch(() => undefined);
  }
}

async function freeDue(db: Database, batchSize: number, isOver: () => boolean): Promise<number> {
  let freed = 0;
  for (;;) {
    const batch = await expireBatch(db, (tx) => selectDueForUpdate(tx, batchSize));
    freed += batch.freed;
    if (batch.found < batchSize || batch.freed === 0 || isOver()) return freed;
  }
}

interface Batch {
  /** Holds that were due. */
  found: number;
  freed: number;
}

/** Locks holds that are due. */
type SelectDue = (tx: Transaction) => Promise<string[]>;

/** Frees what `select` finds, all in one transaction, or in several where one of the holds cannot be freed. */
async function expireBatch(db: Database, select: SelectDue): Promise<Batch> {
  let ids: string[] = [];
  try {
    return await expireTogether(db, async (tx) => (ids = await select(tx)));
  } catch (error) {
    if (!isSubjectsOwn(error)) throw error;
    const batch = { found: ids.length, freed: 0 };
    await runInHalves(
      ids,
      async (some) => {
        batch.freed += (await expireTogether(db, (tx) => selectDueAmongForUpdate(tx, some))).freed;
      },
      async (subject, failure) => {
        await recordFailure(db, { work: 'expire_hold', subject, error: failure });
      },
      isSubjectsOwn,
    );
    return batch;
  }
}

async function expireTogether(db: Database, select: SelectDue): Promise<Batch> {
  try {
    return await db.transaction(async (tx) => {
      const ids = await select(tx);
      if (ids.length > 0) await freeReservations(tx, ids, 'expire');
      return { found: ids.length, freed: ids.length };
    });
  } catch (error) {
    // Somebody who is paused, say, keeps a stock row locked: the holds on all other rows need not wait for that.
    if (isLockTimeout(error)) return db.transaction((tx) => expireUnlocked(tx, select));
    throw error;
  }
}

async function expireUnlocked(tx: Transaction, select: SelectDue): Promise<Batch> {
  const ids = await select(tx);
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

/**
 * Frees holds without an order on these products that are past due and that the expiry has not come to yet. Those that cannot
 * be freed are left to it.
 */
export async function reclaimStandalone(db: Database, productIds: readonly number[]): Promise<void> {
  for (;;) {
    const batch = await expireBatch(db, (tx) => selectDueOnProductsForUpdate(tx, productIds, RECLAIM_LIMIT));
    if (batch.found < RECLAIM_LIMIT || batch.freed === 0) return;
  }
}

/** Whether a reservation without an order is past due for `seconds`: an expiry that runs frees it within half a second. */
export function reservationsAreOverdue(db: Database, seconds: number): Promise<boolean> {
  return hasOverdueReservation(db, seconds);
}
