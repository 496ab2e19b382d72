import type { Transaction } from '../../../platform/database/database';
import { derivedId } from '../../../platform/ids';
import { distinctKeys } from '../ledger/rules';
import {
  endOvertakenHolds,
  insertEmptyStock,
  lockStock,
  selectHoldsOfCounts,
  takeBlocked,
  type StockLedger,
  type Taken,
} from '../ledger/stock-ledger';
import type { UploadCounts } from '../../uploads/types';
import type { Allocation, LedgerEntry, StagedBatch } from '../ledger/types';
import { moveLotsApart, noteLotNumbers, selectLotNumberFacts, selectOtherExpiry } from '../tracking/tracking';
import { rejectLotRows, selectLotRows } from './lot-queries';
import { decideLotRows, type DecidedLotRow } from './lot-rules';
import { reasonOf } from './rules';
import type { FeedMode } from './types';
import { Undecided } from './undecided';

export interface LotBatch extends StagedBatch {
  jobId: string;
  mode: FeedMode;
  /** Of the feed. */
  asOf: string;
  actor: string;
}

/**
 * Applies rows that name lots: each has a ledger entry of its own, and moves units of its lot. In a `set` feed it is an absolute number of
 * the lot as of its time, by the rules of those of a place (docs/decisions/0033-absolute-numbers-carry-a-time.md). Locks the stock rows.
 */
export async function applyLotRows<Effects>(
  tx: Transaction,
  stock: StockLedger<Effects>,
  batch: LotBatch,
): Promise<UploadCounts & { taken: Taken<Effects> | null }> {
  const rows = await selectLotRows(tx, batch, batch.asOf);
  const filled = rows.filter(({ quantity }) => quantity > 0);
  if (filled.length > 0) await insertEmptyStock(tx, filled);
  const levels = await lockStock(tx, rows);
  const facts = new Map(
    (rows.length > 0 ? await selectLotNumberFacts(tx, rows) : []).map((one) => [one.place, one]),
  );
  const holds = batch.mode === 'set' ? await selectHoldsOfCounts(tx, rows) : [];
  const decided = decideLotRows(
    batch.mode,
    rows.map((row, index) => ({ row, facts: facts.get(index + 1) })),
    levels,
    holds,
  );
  const applied = decided.flatMap((one) => (one.outcome === 'applied' ? [one] : []));
  const numbers = applied.map(({ row }) => row);
  const released = holds.length > 0 ? await endOvertakenHolds(tx, numbers) : [];
  const refused = decided.flatMap((one) => (one.outcome === 'rejected' ? [one] : []));
  const isPosted = applied.length > 0 || released.length > 0;
  const taken = isPosted ? await post(tx, stock, batch, { applied, released }) : null;
  if (refused.length > 0) {
    await rejectLotRows(
      tx,
      batch.feedId,
      refused.map(({ row: { seq }, code, reason }) => ({ seq, code, reason: reason ?? reasonOf(code) })),
    );
  }
  const linesOf = (some: readonly DecidedLotRow[]) => some.reduce((sum, { row }) => sum + row.lines, 0);
  return {
    applied: linesOf(applied),
    rejected: linesOf(refused),
    unchanged: linesOf(decided) - linesOf(applied) - linesOf(refused),
    taken,
  };
}

type AppliedLotRow = Extract<DecidedLotRow, { outcome: 'applied' }>;

async function post<Effects>(
  tx: Transaction,
  stock: StockLedger<Effects>,
  { jobId, mode, actor }: LotBatch,
  { applied, released }: { applied: readonly AppliedLotRow[]; released: readonly Allocation[] },
): Promise<Taken<Effects> | null> {
  const entries = applied.map(({ row, delta, asOf }): LedgerEntry & { reference: string } => ({
    productId: row.productId,
    warehouseId: row.warehouseId,
    kind: 'feed',
    onHandDelta: delta,
    reservedDelta: 0,
    // Of its own, so that the lot is known that it moves.
    effectId: derivedId('feed-lot', jobId, row.seq),
    ...(row.reason === null ? {} : { reason: row.reason }),
    reference: row.reference === null ? jobId : `${jobId} ${row.reference}`,
    actor,
    ...(mode === 'set' ? { correction: { asOf } } : {}),
  }));
  // Before the entries, whose trigger then chooses no units.
  const moves = entries.map(({ productId, warehouseId, onHandDelta, effectId, reference }, index) => ({
    productId,
    warehouseId,
    code: applied[index]?.row.lot ?? '',
    expiresOn: applied[index]?.row.expiresOn ?? null,
    units: onHandDelta,
    effectId,
    reference,
  }));
  await moveLotsApart(tx, 'feed', moves);
  // Another transaction has made the lot meanwhile, with another date.
  if (await selectOtherExpiry(tx, moves)) throw new Undecided();
  if (mode === 'set') {
    await noteLotNumbers(
      tx,
      applied.map(({ row, asOf }) => ({ ...row, code: row.lot, asOf })),
    );
  }
  const taken = await stock.post(tx, entries, released);
  await blockWhatCame(tx, applied);
  return taken;
}

/** The ledger blocks what comes in where units become free. Units that only change their lot may come into one that is blocked too. */
async function blockWhatCame(tx: Transaction, applied: readonly AppliedLotRow[]): Promise<void> {
  const came = applied.filter(({ delta }) => delta > 0).map(({ row }) => row);
  const places = distinctKeys(came);
  if (places.length > 0) await takeBlocked(tx, places);
}
