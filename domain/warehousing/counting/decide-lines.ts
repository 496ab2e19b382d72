import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { derivedId } from '../../../platform/ids';
import {
  insertEmptyStock,
  lockStock,
  type StockAccess,
  type StockLedger,
} from '../../stock/ledger/stock-ledger';
import type { LedgerEntry, StockKey } from '../../stock/ledger/types';
import {
  lockSheet,
  selectLines,
  updateLines,
  updateSheet,
  type LineDecision,
  type LineRow,
  type LockedSheet,
} from './queries';
import { approvalProblem, isWithinTolerance, sheetStatus } from './rules';
import { sheetIn } from './sheets';
import type { LineStatus, SheetView } from './types';

interface Decision {
  sheetId: string;
  /** Undefined: every line that this decision can be about. */
  skus?: readonly string[] | undefined;
  actor: string;
}

/**
 * Ends the counting. Lines within the sheet's tolerance are approved at once; the others wait for `approveCount`,
 * `rejectCount` or `recount`. Submitted again, it returns how the sheet stands.
 *
 * @throws NOT_FOUND; COUNT_INCOMPLETE with the SKUs that have no count
 */
export function submitCount({ db, stock }: StockAccess, sheetId: string): Promise<SheetView> {
  return onSheet(db, sheetId, async (tx, sheet, lines) => {
    const missing = lines.filter((line) => line.status === 'open').map((line) => line.sku);
    if (missing.length > 0)
      throw new AppError('COUNT_INCOMPLETE', `${missing.length} lines have no count.`, { skus: missing });
    const counted = lines.filter((line) => line.status === 'counted');
    const small = counted.filter((line) => isWithinTolerance(line.variance ?? 0, sheet.tolerance));
    const large = counted.filter((line) => !small.includes(line));
    await set(tx, sheetId, large, 'review', null);
    await applyVariances(tx, stock, { ...sheet, sheetId }, { lines: small, actor: null });
    return counted.length > 0;
  });
}

/**
 * Applies the variance of lines that await it: to what is on hand now, so that what was sold since the count stays sold. A
 * line that would leave less than is reserved stays, with the code BELOW_RESERVED, for a person to free what is reserved.
 *
 * @throws NOT_FOUND; UNKNOWN_SKU; COUNT_NOT_IN_REVIEW where a line awaits no decision. One that is approved already is left.
 */
export function approveCount({ db, stock }: StockAccess, decision: Decision): Promise<SheetView> {
  const { sheetId, skus, actor } = decision;
  return onSheet(db, sheetId, async (tx, sheet, lines) => {
    const chosen = decidable(lines, skus, 'approved', ['review']);
    await applyVariances(tx, stock, { ...sheet, sheetId }, { lines: chosen, actor });
    return false;
  });
}

/**
 * Leaves what is on hand as it is, whatever was counted. Also ends a sheet, or lines of it, that nobody is going to count.
 *
 * @throws NOT_FOUND, UNKNOWN_SKU, COUNT_NOT_IN_REVIEW for a line that was approved
 */
export function rejectCount(db: Database, decision: Decision): Promise<SheetView> {
  const { sheetId, skus, actor } = decision;
  return onSheet(db, sheetId, async (tx, _sheet, lines) => {
    const chosen = decidable(lines, skus, 'rejected', ['open', 'counted', 'review']);
    await set(tx, sheetId, chosen, 'rejected', actor);
    return false;
  });
}

/**
 * Sends lines back to be counted again.
 *
 * @throws NOT_FOUND, UNKNOWN_SKU, COUNT_NOT_IN_REVIEW
 */
export function recount(db: Database, decision: Decision): Promise<SheetView> {
  const { sheetId, skus } = decision;
  return onSheet(db, sheetId, async (tx, _sheet, lines) => {
    await set(tx, sheetId, decidable(lines, skus, 'open', ['review']), 'open', null);
    return false;
  });
}

/** Runs a decision under the sheet's lock, and moves the sheet to where its lines then stand. */
function onSheet(
  db: Database,
  sheetId: string,
  decide: (tx: Transaction, sheet: LockedSheet, lines: readonly LineRow[]) => Promise<boolean>,
): Promise<SheetView> {
  return db.retrying(async (tx) => {
    const sheet = await lockSheet(tx, sheetId);
    if (!sheet) throw new AppError('NOT_FOUND', 'There is no such count.');
    const before = await selectLines(tx, sheetId);
    const submitted = await decide(tx, sheet, before);
    const after = await selectLines(tx, sheetId);
    const status = sheetStatus(after);
    if (submitted || status !== sheetStatus(before)) await updateSheet(tx, sheetId, { status, submitted });
    return sheetIn(tx, sheetId);
  });
}

/** The lines that a decision is about and that are not decided so already. */
function decidable(
  lines: readonly LineRow[],
  skus: readonly string[] | undefined,
  become: LineStatus,
  from: readonly LineStatus[],
): LineRow[] {
  if (skus === undefined) {
    const chosen = lines.filter((line) => from.includes(line.status));
    if (chosen.length === 0 && !lines.some((line) => line.status === become))
      throw new AppError('COUNT_NOT_IN_REVIEW', 'No line of this sheet awaits that.');
    return chosen;
  }
  const known = new Map(lines.map((line) => [line.sku, line]));
  return [...new Set(skus)].flatMap((sku) => {
    const line = known.get(sku);
    if (!line) throw new AppError('UNKNOWN_SKU', `${sku} is not on this sheet.`);
    if (line.status === become) return [];
    if (!from.includes(line.status))
      throw new AppError('COUNT_NOT_IN_REVIEW', `${sku} is ${line.status}: it awaits no such decision.`);
    return [line];
  });
}

async function set(
  tx: Transaction,
  sheetId: string,
  lines: readonly LineRow[],
  status: LineStatus,
  actor: string | null,
): Promise<void> {
  const decisions = lines.map(({ productId }): LineDecision => ({ productId, status, code: null }));
  if (decisions.length > 0) await updateLines(tx, sheetId, decisions, actor);
}

/** The last step of a transaction: orders may be locked here. */
async function applyVariances(
  tx: Transaction,
  stock: StockLedger,
  sheet: LockedSheet & { sheetId: string },
  { lines, actor }: { lines: readonly LineRow[]; actor: string | null },
): Promise<void> {
  if (lines.length === 0) return;
  const { sheetId, warehouseId } = sheet;
  const off = lines.filter((line) => line.variance !== 0);
  const keys = off.map(({ productId }): StockKey => ({ productId, warehouseId }));
  await insertEmptyStock(tx, keys);
  const levels = new Map((await lockStock(tx, keys)).map((level) => [level.productId, level]));
  const entries: LedgerEntry[] = [];
  const decisions = lines.map((line): LineDecision => {
    const { productId, round } = line;
    const variance = line.variance ?? 0;
    const level = levels.get(productId);
    const code = level ? approvalProblem(level, variance) : null;
    if (code) return { productId, status: 'review', code };
    if (variance !== 0) {
      entries.push({
        productId,
        warehouseId,
        kind: 'count',
        onHandDelta: variance,
        reservedDelta: 0,
        effectId: derivedId('count', sheetId, productId, round),
        reference: `count:${sheetId}`,
        reason: 'cycle count',
        ...(actor ? { actor } : {}),
      });
    }
    return { productId, status: 'approved', code: null };
  });
  await updateLines(tx, sheetId, decisions, actor);
  await stock.change(tx, entries);
}
