import type { Database, Transaction } from '../../platform/database/database';
import { isAppError, isSubjectsOwn, type AppError } from '../../platform/errors';
import { findCategories, lockSkusAndProducts, writeProducts } from '../catalog/bulk-products';
import { updateTracking } from '../catalog/products';
import type { ChangedProduct, NewStoredProduct } from '../catalog/types';
import { advanceLane, lockLane } from '../uploads/uploads';
import { PRODUCT_MODES, type UploadCounts } from '../uploads/types';
import { lockFollowingStock } from './lock-stock';
import { rejectRows, selectRows, type Refusal, type StagedRow } from './queries';
import { decide, reasonOf, type Decision } from './rules';
import type { ProductMode } from './types';

export interface ImportProgress extends UploadCounts {
  added: number;
  /** Lines that are left; 0: nothing is. */
  left: number;
}

export interface ImportRequest {
  jobId: string;
  lane: number;
  /** Rows at most. */
  size: number;
}

/** Names that are free are locked one by one, and locks are few. */
const MAX_ROWS = 500;

/**
 * Takes the next rows of an upload, up to `size`, in one transaction: products, rejects and the position. Repeated after a crash, it
 * goes on where the last commit left it. A row that fails by an error of its own is rejected as `ROW_FAILED`, and the others are
 * taken: a batch that has it is tried again with half of its rows. Not by `runInHalves`: which rows are next is known under the lane's
 * lock only, and the first half is an answer by itself, after which the caller asks for the next rows.
 *
 * @throws AppError `FEED_NOT_FOUND`
 */
export async function importNextBatch(db: Database, request: ImportRequest): Promise<ImportProgress> {
  const size = Math.min(request.size, MAX_ROWS);
  let position: number | undefined;
  try {
    return await db.retrying((tx) =>
      takeRows(tx, { ...request, size }, (at) => {
        position = at;
      }),
    );
  } catch (error) {
    if (error instanceof ChangedMeanwhile) return importNextBatch(db, request);
    if (isAppError(error) || !isSubjectsOwn(error)) throw error;
    if (size > 1) return importNextBatch(db, { ...request, size: Math.floor(size / 2) });
    return db.retrying((tx) => rejectNext(tx, request, position));
  }
}

async function takeRows(
  tx: Transaction,
  request: ImportRequest,
  begun: (position: number) => void,
): Promise<ImportProgress> {
  const lane = await lockLane(tx, request, PRODUCT_MODES);
  begun(lane.position);
  const rows = lane.left === 0 ? [] : await selectRows(tx, lane.feedId, lane.position, request.size);
  const decisions = await decideRows(tx, rows, lane.mode);
  await write(tx, decisions);
  const refusals = refusalsIn(decisions);
  if (refusals.length > 0) await rejectRows(tx, lane.feedId, refusals);
  const upTo = rows.length < request.size ? lane.lastSeq : (rows.at(-1)?.line ?? lane.lastSeq);
  const counts = countsOf(decisions);
  await advanceLane(tx, lane, upTo, counts);
  return { ...counts, left: lane.lastSeq - upTo };
}

/** Rejects the next row, unless another attempt has moved on from `position`. */
async function rejectNext(
  tx: Transaction,
  request: ImportRequest,
  position: number | undefined,
): Promise<ImportProgress> {
  const lane = await lockLane(tx, request, PRODUCT_MODES);
  const nothing = { applied: 0, added: 0, unchanged: 0, rejected: 0 };
  const [row] = lane.position === position ? await selectRows(tx, lane.feedId, lane.position, 1) : [];
  if (!row) return { ...nothing, left: lane.left };
  await rejectRows(tx, lane.feedId, [{ line: row.line, code: 'ROW_FAILED', reason: reasonOf('ROW_FAILED') }]);
  const counts = { ...nothing, rejected: row.lines };
  await advanceLane(tx, lane, row.line, counts);
  return { ...counts, left: lane.lastSeq - row.line };
}

interface DecidedRow {
  row: StagedRow;
  /** Null: it is new. */
  productId: number | null;
  decision: Decision;
}

/**
 * Locks what the rows are about (stock that follows their products, then names, then products: the order in which others lock them), and
 * decides each.
 */
async function decideRows(
  tx: Transaction,
  rows: readonly StagedRow[],
  mode: ProductMode,
): Promise<DecidedRow[]> {
  if (rows.length === 0) return [];
  const { moves, refusals } = await lockFollowingStock(tx, rows);
  const { found, products } = await lockSkusAndProducts(
    tx,
    rows.map(({ sku }) => sku),
  );
  const codes = [
    ...rows.map(({ fields }) => fields.category),
    ...[...products.values()].map(({ category }) => category),
  ];
  const categoryOf = await findCategories(tx, [...new Set(codes.filter((code) => typeof code === 'string'))]);
  return rows.map((row) => {
    const { id = null, alike = 0 } = found.get(row.sku) ?? {};
    const product = id === null ? null : (products.get(id) ?? null);
    const known = { product, alike: id === null ? alike : 0, categoryOf };
    const decision = decide(row, known, mode);
    if (decision.is !== 'changed' || id === null) return { row, productId: id, decision };
    if (decision.changesCategory && moves.get(id) !== decision.product.categoryId)
      throw new ChangedMeanwhile();
    if (!decision.changesTracking) return { row, productId: id, decision };
    const refusal = refusals.get(id);
    if (refusal === undefined) throw new ChangedMeanwhile();
    return { row, productId: id, decision: refusal ? refused(refusal) : decision };
  });
}

/** A product was changed between the two reads, and its stock is not locked: the rows are rolled back and decided again. */
class ChangedMeanwhile extends Error {}

function refused({ message }: AppError): Decision {
  return { is: 'rejected', code: 'PRODUCT_HAS_STOCK', reason: message };
}

async function write(tx: Transaction, decided: readonly DecidedRow[]): Promise<void> {
  const added: NewStoredProduct[] = [];
  const changed: ChangedProduct[] = [];
  const tracked: { id: number; lots: boolean; serials: boolean }[] = [];
  for (const { decision, productId } of decided) {
    if (decision.is === 'added') added.push(decision.product);
    if (decision.is !== 'changed' || productId === null) continue;
    if (decision.changesShown) changed.push({ ...decision.product, id: productId });
    if (decision.changesTracking) tracked.push({ ...decision.product, id: productId });
  }
  await writeProducts(tx, { added, changed });
  for (const { id, ...keep } of tracked) await updateTracking(tx, id, keep);
}

function refusalsIn(decided: readonly DecidedRow[]): Refusal[] {
  return decided.flatMap(({ row: { line }, decision }) =>
    decision.is === 'rejected'
      ? [{ line, code: decision.code, reason: decision.reason ?? reasonOf(decision.code) }]
      : [],
  );
}

/** Of lines that say the same, the first is what was done, and the others are unchanged. */
function countsOf(decided: readonly DecidedRow[]): UploadCounts & { added: number } {
  const counts = { applied: 0, added: 0, unchanged: 0, rejected: 0 };
  for (const { row, decision } of decided) {
    if (decision.is === 'rejected') {
      counts.rejected += row.lines;
      continue;
    }
    const isApplied = decision.is !== 'unchanged';
    counts.applied += isApplied ? 1 : 0;
    counts.added += decision.is === 'added' ? 1 : 0;
    counts.unchanged += row.lines - (isApplied ? 1 : 0);
  }
  return counts;
}
