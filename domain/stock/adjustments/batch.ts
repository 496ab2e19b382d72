import type { Database, Transaction } from '../../../platform/database/database';
import { AppError, isAppError, isSubjectsOwn, translateDatabaseError } from '../../../platform/errors';
import { runInHalves } from '../../../platform/halves';
import { derivedId } from '../../../platform/ids';
import { readActive } from '../../catalog/warehouse-state';
import { decideUpdates, distinctKeys, stockKeyOf, type BatchCode } from '../ledger/rules';
import { insertEmptyStock, lockStock, type StockAccess, type StockLedger } from '../ledger/stock-ledger';
import type { LedgerEntry, LedgerKind, StockKey, StockLevel } from '../ledger/types';
import type { ADJUSTMENT_KINDS } from './adjust';
import { asOutcome, stored, type UpdateOutcome } from './batch-outcomes';
import { insertChunk, selectChunk, selectStockKeys, type ResolvedKey, type StoredOutcome } from './queries';

export interface BatchUpdate {
  sku: string;
  /** Warehouse code. */
  location: string;
  /** Units to add or take; not zero. */
  delta: number;
  /** A correction is superseded by the next newer absolute number, a movement (the default) stays applied. */
  kind?: (typeof ADJUSTMENT_KINDS)[number] | undefined;
  reason: string;
  reference?: string | undefined;
}

export interface BatchRequest {
  /** Makes the batch happen once: the same id must always come with the same updates. */
  batchId: string;
  /** All updates or none. */
  atomic: boolean;
  updates: readonly BatchUpdate[];
  actor: string;
  /** What the ledger calls it; `adjust` unless given. */
  kind?: Extract<LedgerKind, 'adjust' | 'receipt' | 'feed'>;
  /** Updates in one transaction where the batch is not atomic. Part of what the batch is: the same for every try. */
  chunkSize?: number;
}

export interface BatchResult {
  applied: number;
  rejected: number;
  outcomes: UpdateOutcome[];
}

/** Short enough that nobody waits long for a row, long enough that a statement's own cost hardly counts. */
const CHUNK_SIZE = 1_000;
/** Batches over the same rows queue for them; each turn is some tens of milliseconds. */
const ATTEMPTS = 12;
/** Between the search for updates that fail and the next run, others may change the same stock, so that another one fails. */
const ISOLATION_ROUNDS = 3;

/** An update with its place in the batch and the row it is about, if there can be one. */
interface PlacedUpdate extends BatchUpdate {
  index: number;
  key: ResolvedKey | undefined;
}

/**
 * Changes many rows with a handful of statements and says of each update what became of it. Updates of one row are decided in
 * their order, each after the one before it. Units that arrive go to waiting backorders in the same transaction.
 *
 * Not atomic: in transactions of `chunkSize` updates, each remembered with its outcomes. A batch that broke off and is sent
 * again goes on where it was, and returns for what was done what it returned the first time. An update that fails by an error of
 * its own is rejected as `UPDATE_FAILED`, and the others are applied.
 *
 * @throws BATCH_REJECTED (atomic) with `rejected`, the updates that cannot be applied; nothing is changed then
 */
export async function applyUpdates(access: StockAccess, request: BatchRequest): Promise<BatchResult> {
  const { atomic, updates, chunkSize = CHUNK_SIZE } = request;
  const placed = await place(access.db, updates);
  const size = atomic ? Math.max(1, placed.length) : chunkSize;
  const outcomes: UpdateOutcome[] = [];
  for (let start = 0, chunk = 0; start < placed.length; start += size, chunk++) {
    outcomes.push(...(await applyChunk(access, request, chunk, placed.slice(start, start + size))));
  }
  const applied = outcomes.filter((outcome) => outcome.status === 'applied').length;
  return { applied, rejected: outcomes.length - applied, outcomes };
}

async function place(db: Database, updates: readonly BatchUpdate[]): Promise<PlacedUpdate[]> {
  const nameOf = (pair: { sku: string; location: string }) => JSON.stringify([pair.sku, pair.location]);
  const pairs = new Map(updates.map(({ sku, location }) => [nameOf({ sku, location }), { sku, location }]));
  const resolved = await selectStockKeys(db, [...pairs.values()]);
  const byName = new Map(resolved.map((key) => [nameOf(key), key]));
  return updates.map((update, index) => ({ ...update, index, key: byName.get(nameOf(update)) }));
}

async function applyChunk(
  { db, stock }: StockAccess,
  request: BatchRequest,
  chunk: number,
  updates: readonly PlacedUpdate[],
): Promise<UpdateOutcome[]> {
  const run = (failed: ReadonlySet<number>) =>
    db.retrying((tx) => runChunk(tx, stock, request, { chunk, updates, failing: failed }), {
      attempts: ATTEMPTS,
    });
  const runApart = async (round: number, known: ReadonlySet<number>): Promise<StoredOutcome[]> => {
    try {
      return await run(known);
    } catch (error) {
      if (isAppError(error) || !isSubjectsOwn(error) || round === ISOLATION_ROUNDS) throw error;
      return runApart(
        round + 1,
        await findFailing({ db, stock }, request, { chunk, updates, failing: known }),
      );
    }
  };
  try {
    const stored = await runApart(0, new Set());
    return updates.map((update, place) => asOutcome(update, stored[place] ?? [null, null, null, null]));
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

interface ChunkOfUpdates {
  chunk: number;
  updates: readonly PlacedUpdate[];
  /** Places, in the batch, of updates that are not to be tried. */
  failing: ReadonlySet<number>;
}

class Tried extends Error {}
class Found extends Error {}

/**
 * Places, in the batch, of the updates that fail by an error of their own; of an atomic batch the first of them. Tries parts of the chunk in transactions that are
 * rolled back, each part after all updates before it that do not fail: an update may fail only because of an earlier one.
 */
async function findFailing(
  { db, stock }: StockAccess,
  request: BatchRequest,
  { chunk, updates, failing: known }: ChunkOfUpdates,
): Promise<Set<number>> {
  const failing = new Set(known);
  /** Throws what the updates before this place throw together. */
  const attempt = (upTo: number) =>
    db
      .retrying(
        async (tx) => {
          const part = { chunk, updates: updates.slice(0, upTo), failing };
          await runChunk(tx, stock, { ...request, atomic: false }, part);
          throw new Tried();
        },
        { attempts: ATTEMPTS },
      )
      .catch((error: unknown) => {
        if (!(error instanceof Tried)) throw error;
      });
  await runInHalves(
    updates.map(({ index }, place) => ({ index, place })),
    (some) => attempt((some.at(-1)?.place ?? -1) + 1),
    async ({ index, place }) => {
      // Stock may have changed since: then one before it fails now, which the next round finds.
      const isItsOwn = await attempt(place).then(
        () => true,
        () => false,
      );
      if (isItsOwn) failing.add(index);
      // Nothing of the batch is applied, so one is enough to say why.
      if (isItsOwn && request.atomic) throw new Found();
    },
    isSubjectsOwn,
  ).catch((error: unknown) => {
    if (!(error instanceof Found)) throw error;
  });
  return failing;
}

async function runChunk(
  tx: Transaction,
  stock: StockLedger,
  request: BatchRequest,
  { chunk, updates, failing }: ChunkOfUpdates,
): Promise<StoredOutcome[]> {
  const { batchId, atomic } = request;
  const keys = keysOf(updates);
  // Only an arrival makes a row. First of all locks, and in their order, so that it waits for nobody who waits for us.
  const missing = keysOf(updates.filter(({ key, delta }) => key?.hasRow === false && delta > 0));
  if (missing.length > 0) await insertEmptyStock(tx, missing);
  // Read after the locks: a transaction that applied this chunk meanwhile had them until the chunk was written.
  const [locked, known, active] = await Promise.all([
    lockStock(tx, keys),
    selectChunk(tx, batchId, chunk),
    readActive(tx),
  ]);
  if (known) return known;

  const before = new Map(locked.map((level) => [stockKeyOf(level), level]));
  const levels = new Map<string, { onHand: number; reserved: number }>(before);
  const codes = decide(levels, updates, failing);
  if (atomic) refuseUnlessAll(updates, codes, before, active);
  const applied = updates.filter((_, place) => codes[place] === null);
  const taken = await stock.post(tx, entriesOf(request, applied));
  // Who waited for what arrived changed what is reserved.
  const after = taken ? await lockStock(tx, keys) : withCounters(locked, levels);
  const outcomes = storedOutcomes(updates, codes, after, active);
  const added = await insertChunk(tx, batchId, chunk, outcomes);
  await taken?.write();
  // Without a row to lock, somebody else may have decided the same chunk at the same time; nothing was applied by either.
  return added ? outcomes : ((await selectChunk(tx, batchId, chunk)) ?? outcomes);
}

function hasIds(key: ResolvedKey | undefined): key is ResolvedKey & StockKey {
  return key !== undefined && key.productId !== null && key.warehouseId !== null;
}

function keysOf(updates: readonly PlacedUpdate[]): StockKey[] {
  return distinctKeys(updates.flatMap(({ key }) => (hasIds(key) ? [key] : [])));
}

function decide(
  levels: Map<string, { onHand: number; reserved: number }>,
  updates: readonly PlacedUpdate[],
  failing: ReadonlySet<number>,
): (BatchCode | null)[] {
  const known = updates.flatMap(({ key, delta, index }) =>
    hasIds(key) && !failing.has(index)
      ? [{ productId: key.productId, warehouseId: key.warehouseId, delta }]
      : [],
  );
  const decisions = decideUpdates(levels, known).values();
  return updates.map(({ key, index }) => {
    if (failing.has(index)) return 'UPDATE_FAILED';
    if (hasIds(key)) return decisions.next().value ?? null;
    return key && key.productId !== null ? 'UNKNOWN_LOCATION' : 'UNKNOWN_SKU';
  });
}

function refuseUnlessAll(
  updates: readonly PlacedUpdate[],
  codes: readonly (BatchCode | null)[],
  before: ReadonlyMap<string, StockLevel>,
  active: ReadonlySet<number>,
): void {
  const rejected = updates.flatMap((update, place) => {
    const code = codes[place];
    if (!code) return [];
    const level = hasIds(update.key) ? before.get(stockKeyOf(update.key)) : undefined;
    return [asOutcome(update, stored(code, level, active))];
  });
  if (rejected.length === 0) return;
  throw new AppError(
    'BATCH_REJECTED',
    `${rejected.length} of ${updates.length} updates cannot be applied, so none was.`,
    { rejected },
  );
}

function entriesOf(request: BatchRequest, applied: readonly PlacedUpdate[]): LedgerEntry[] {
  const { batchId, actor, kind = 'adjust' } = request;
  return applied.flatMap(({ key, index, delta, kind: own, reason, reference }): LedgerEntry[] =>
    hasIds(key)
      ? [
          {
            productId: key.productId,
            warehouseId: key.warehouseId,
            kind,
            onHandDelta: delta,
            reservedDelta: 0,
            effectId: derivedId('batch', batchId, index),
            reason,
            actor,
            ...(reference ? { reference } : {}),
            ...(own === 'correction' ? { correction: { asOf: null } } : {}),
          },
        ]
      : [],
  );
}

function withCounters(
  locked: readonly StockLevel[],
  levels: ReadonlyMap<string, { onHand: number; reserved: number }>,
): StockLevel[] {
  return locked.map((level) => ({ ...level, ...levels.get(stockKeyOf(level)) }));
}

function storedOutcomes(
  updates: readonly PlacedUpdate[],
  codes: readonly (BatchCode | null)[],
  after: readonly StockLevel[],
  active: ReadonlySet<number>,
): StoredOutcome[] {
  const levels = new Map(after.map((level) => [stockKeyOf(level), level]));
  return updates.map(({ key }, place) =>
    stored(codes[place] ?? null, hasIds(key) ? levels.get(stockKeyOf(key)) : undefined, active),
  );
}
