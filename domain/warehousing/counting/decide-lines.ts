import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { derivedId } from '../../../platform/ids';
import { decideNumber } from '../../stock/ledger/numbers';
import { stockKeyOf } from '../../stock/ledger/rules';
import {
  insertEmptyStock,
  lockStock,
  selectNumberFacts,
  type NumberFacts,
  type StockAccess,
  type StockLedger,
} from '../../stock/ledger/stock-ledger';
import type { LedgerEntry, StockKey, StockLevel } from '../../stock/ledger/types';
import { findReservedUnits } from '../../stock/reservations/holders';
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
import type { LineProblem, LineStatus, SheetView } from './types';

interface Decision {
  sheetId: string;
  /** Undefined: every line that this decision can be about. */
  skus?: readonly string[] | undefined;
  actor: string;
}

/**
 * Ends the counting. Lines within the sheet's tolerance are approved at once, those that a newer absolute number has overtaken are
 * closed; the others wait for `approveCount`, `rejectCount` or `recount`. Submitted again, it returns how the sheet stands.
 *
 * @throws NOT_FOUND; COUNT_INCOMPLETE with the SKUs that have no count
 */
export function submitCount({ db, stock }: StockAccess, sheetId: string): Promise<SheetView> {
  return onSheet(db, sheetId, async (tx, sheet, lines) => {
    const missing = lines.filter((line) => line.status === 'open').map((line) => line.sku);
    if (missing.length > 0)
      throw new AppError('COUNT_INCOMPLETE', `${missing.length} lines have no count.`, { skus: missing });
    const counted = lines.filter((line) => line.status === 'counted');
    const { tolerance } = sheet;
    await applyCounts(tx, stock, { ...sheet, sheetId }, { lines: counted, tolerance, actor: null });
    return counted.length > 0;
  });
}

/**
 * Applies lines that await it: on hand is then what was counted, and what has moved since the count. The variance is taken anew, against
 * what the ledger says now of that time: another count may have corrected it since. A line that a newer absolute number has
 * overtaken closes as `superseded` and changes nothing. One that would leave less than is reserved stays, with the code
 * BELOW_RESERVED and the reservations, for a person to free what is reserved.
 *
 * @throws NOT_FOUND; UNKNOWN_SKU; COUNT_NOT_IN_REVIEW where a line awaits no decision. One that is approved already is left.
 */
export function approveCount({ db, stock }: StockAccess, decision: Decision): Promise<SheetView> {
  const { sheetId, skus, actor } = decision;
  return onSheet(db, sheetId, async (tx, sheet, lines) => {
    const chosen = decidable(lines, skus, 'approved', ['review']);
    await applyCounts(tx, stock, { ...sheet, sheetId }, { lines: chosen, tolerance: null, actor });
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

/** The lines that a decision is about and that are not decided so already, nor overtaken. */
function decidable(
  lines: readonly LineRow[],
  skus: readonly string[] | undefined,
  become: LineStatus,
  from: readonly LineStatus[],
): LineRow[] {
  if (skus === undefined) {
    const chosen = lines.filter((line) => from.includes(line.status));
    if (chosen.length === 0 && !lines.some((line) => line.status === become || isOvertaken(line)))
      throw new AppError('COUNT_NOT_IN_REVIEW', 'No line of this sheet awaits that.');
    return chosen;
  }
  const known = new Map(lines.map((line) => [line.sku, line]));
  return [...new Set(skus)].flatMap((sku) => {
    const line = known.get(sku);
    if (!line) throw new AppError('UNKNOWN_SKU', `${sku} is not on this sheet.`);
    if (line.status === become || (become === 'approved' && isOvertaken(line))) return [];
    if (!from.includes(line.status))
      throw new AppError('COUNT_NOT_IN_REVIEW', `${sku} is ${line.status}: it awaits no such decision.`);
    return [line];
  });
}

function isOvertaken(line: LineRow): boolean {
  return line.status === 'superseded';
}

async function set(
  tx: Transaction,
  sheetId: string,
  lines: readonly LineRow[],
  status: LineStatus,
  actor: string | null,
): Promise<void> {
  const unchanged = { code: null, variance: null, reservations: null };
  const decisions = lines.map(({ productId }): LineDecision => ({ productId, status, ...unchanged }));
  if (decisions.length > 0) await updateLines(tx, sheetId, decisions, actor);
}

/** A line with what was counted, and with what it meets in its stock row; undefined: there is no row, and nothing was found. */
interface CountedLine {
  line: LineRow;
  counted: number;
  countedAt: string;
  found: { level: StockLevel; facts: NumberFacts } | undefined;
}

/**
 * The last step of a transaction: orders may be locked here.
 *
 * @param tolerance units that a line may be off by; null: whatever it is off by
 */
async function applyCounts(
  tx: Transaction,
  stock: StockLedger,
  sheet: LockedSheet & { sheetId: string },
  { lines, tolerance, actor }: { lines: readonly LineRow[]; tolerance: number | null; actor: string | null },
): Promise<void> {
  if (lines.length === 0) return;
  const counted = await look(tx, sheet.warehouseId, lines);
  const decided = counted.map((line) => decideLine(line, tolerance));
  const short = counted.filter((_, place) => decided[place]?.code === 'BELOW_RESERVED');
  const reserved = await findReservedUnits(
    tx,
    short.map(({ line }) => ({ productId: line.productId, warehouseId: sheet.warehouseId })),
  );
  const decisions = counted.map(({ line: { productId } }, place): LineDecision => {
    const { status, code, variance } = decided[place] ?? { status: 'review', code: null, variance: null };
    const reservations =
      code === 'BELOW_RESERVED'
        ? (reserved.get(stockKeyOf({ productId, warehouseId: sheet.warehouseId })) ?? [])
        : null;
    return { productId, status, code, variance, reservations };
  });
  const entries = counted.flatMap((line, place) => {
    const { status, variance } = decided[place] ?? {};
    return status === 'approved' && line.found ? [entryOf(sheet, line, variance ?? 0, actor)] : [];
  });
  await updateLines(tx, sheet.sheetId, decisions, actor);
  await stock.change(tx, entries);
}

/** Locks the stock rows of lines, and reads what their counts meet there. */
async function look(tx: Transaction, warehouseId: number, lines: readonly LineRow[]): Promise<CountedLine[]> {
  const counted = lines.flatMap((line) => {
    const { counted: units, countedAt } = line;
    return units === null || countedAt === null ? [] : [{ line, counted: units, countedAt }];
  });
  const keyOf = ({ line }: { line: LineRow }): StockKey => ({ productId: line.productId, warehouseId });
  await insertEmptyStock(tx, counted.filter(({ counted: units }) => units > 0).map(keyOf));
  const levels = new Map((await lockStock(tx, counted.map(keyOf))).map((level) => [level.productId, level]));
  const numbers = counted.map((line) => ({ ...keyOf(line), asOf: line.countedAt }));
  const facts = new Map((await selectNumberFacts(tx, numbers)).map((row) => [row.productId, row]));
  return counted.map((line) => {
    const { productId } = line.line;
    const [level, known] = [levels.get(productId), facts.get(productId)];
    return { ...line, found: level && known ? { level, facts: known } : undefined };
  });
}

interface LineOutcome {
  status: Extract<LineStatus, 'approved' | 'review' | 'superseded'>;
  code: LineProblem | null;
  variance: number | null;
}

function decideLine({ counted, found }: CountedLine, tolerance: number | null): LineOutcome {
  if (!found) return { status: 'approved', code: null, variance: 0 };
  const { level, facts } = found;
  if (facts.isFolded) return { status: 'review', code: 'ASOF_BEFORE_RETENTION', variance: null };
  const decision = decideNumber({ ...facts, onHand: level.onHand }, counted);
  if (decision.outcome === 'superseded') return { status: 'superseded', code: null, variance: null };
  const { delta: variance } = decision;
  if (tolerance !== null && !isWithinTolerance(variance, tolerance))
    return { status: 'review', code: null, variance };
  const code = approvalProblem(level, variance);
  return { status: code ? 'review' : 'approved', code, variance };
}

function entryOf(
  { sheetId, warehouseId }: LockedSheet & { sheetId: string },
  { line: { productId, round }, counted, countedAt }: CountedLine,
  variance: number,
  actor: string | null,
): LedgerEntry {
  return {
    productId,
    warehouseId,
    kind: 'count',
    onHandDelta: variance,
    reservedDelta: 0,
    effectId: derivedId('count', sheetId, productId, round),
    reference: `count:${sheetId}`,
    reason: 'cycle count',
    correction: { asOf: countedAt, number: counted },
    ...(actor ? { actor } : {}),
  };
}
