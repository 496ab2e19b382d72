import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { lockStock, type StockAccess } from '../../stock/ledger/stock-ledger';
import type { LedgerEntry } from '../../stock/ledger/types';
import { endCountHold } from '../quality/count-holds';
import { applyCounts } from './apply-counts';
import { onSheet } from './on-sheet';
import { updateLines, type LineDecision, type LineRow } from './queries';
import type { LineStatus, SheetView } from './types';
import { resetLots } from './unit-queries';

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
export function submitCount(
  { db, stock }: StockAccess,
  { sheetId, actor }: Pick<Decision, 'sheetId' | 'actor'>,
): Promise<SheetView> {
  return onSheet(db, sheetId, async (tx, sheet, lines) => {
    const missing = lines.filter((line) => line.status === 'open').map((line) => line.sku);
    if (missing.length > 0)
      throw new AppError('COUNT_INCOMPLETE', `${missing.length} lines have no count.`, { skus: missing });
    const counted = lines.filter((line) => line.status === 'counted');
    const { tolerance } = sheet;
    const how = { tolerance, actor: null, resolveReserved: false };
    await applyCounts(tx, stock, { ...sheet, sheetId }, counted, how);
    await record(tx, 'submitted', { sheetId, actor }, counted);
    return counted.length > 0;
  });
}

/**
 * Applies lines that await it: on hand is then what was counted, and what has moved since the count. The variance is taken anew, against
 * what the ledger says now of that time: another count may have corrected it since. A line that a newer absolute number has
 * overtaken closes as `superseded` and changes nothing. One that would leave less than is reserved stays, with the code
 * BELOW_RESERVED and the reservations, for a person to free what is reserved.
 *
 * With `resolveReserved` such a line is `resolving`: the units that were not found are put on a hold of its own, and those that are
 * promised are awaited. `settleCount` is to be called then; a message in the outbox does so when this process dies.
 *
 * @throws NOT_FOUND; UNKNOWN_SKU; COUNT_NOT_IN_REVIEW where a line awaits no decision. One that is approved already is left.
 */
export function approveCount(
  { db, stock }: StockAccess,
  decision: Decision & { resolveReserved?: boolean | undefined },
): Promise<SheetView> {
  const { sheetId, skus, actor, resolveReserved = false } = decision;
  return onSheet(db, sheetId, async (tx, sheet, lines) => {
    const chosen = decidable(lines, skus, 'approved', ['review']);
    const how = { tolerance: null, actor, resolveReserved };
    await applyCounts(tx, stock, { ...sheet, sheetId }, chosen, how);
    await record(tx, 'approved', decision, chosen);
    return false;
  });
}

/**
 * Leaves what is on hand as it is, whatever was counted. Also ends a sheet, or lines of it, that nobody is going to count. Units that a
 * line in `resolving` kept are on sale again; what was cut for it stays cut.
 *
 * @throws NOT_FOUND, UNKNOWN_SKU, COUNT_NOT_IN_REVIEW for a line that was approved
 */
export function rejectCount(access: StockAccess, decision: Decision): Promise<SheetView> {
  const { sheetId, skus, actor } = decision;
  return onSheet(access.db, sheetId, async (tx, { warehouseId }, lines) => {
    const chosen = decidable(lines, skus, 'rejected', ['open', 'counted', 'review', 'resolving']);
    const freed = await endHolds(tx, warehouseId, chosen, actor);
    await set(tx, sheetId, chosen, 'rejected', actor);
    await record(tx, 'rejected', decision, chosen);
    await access.stock.change(tx, freed);
    return false;
  });
}

/**
 * Sends lines back to be counted again; one in `resolving` as `rejectCount` does.
 *
 * @throws NOT_FOUND, UNKNOWN_SKU, COUNT_NOT_IN_REVIEW
 */
export function recount(access: StockAccess, decision: Decision): Promise<SheetView> {
  const { sheetId, skus, actor } = decision;
  return onSheet(access.db, sheetId, async (tx, { warehouseId }, lines) => {
    const chosen = decidable(lines, skus, 'open', ['review', 'resolving']);
    const freed = await endHolds(tx, warehouseId, chosen, actor);
    await set(tx, sheetId, chosen, 'open', null);
    await record(tx, 'sent_back', decision, chosen);
    await resetLots(
      tx,
      sheetId,
      chosen.map(({ productId }) => productId),
    );
    await access.stock.change(tx, freed);
    return false;
  });
}

/** Where no line was decided nothing was changed. */
async function record(
  tx: Transaction,
  done: 'submitted' | 'approved' | 'rejected' | 'sent_back',
  { sheetId, actor }: Pick<Decision, 'sheetId' | 'actor'>,
  lines: readonly LineRow[],
): Promise<void> {
  if (lines.length === 0) return;
  await recordChange(tx, {
    actor,
    action: `count_sheet.${done}`,
    subject: { type: 'count_sheet', id: sheetId },
    after: { skus: lines.map(({ sku }) => sku) },
  });
}

/** Ends the holds of lines in `resolving`, under the locks of their stock rows. Returns the entries that free what they kept. */
async function endHolds(
  tx: Transaction,
  warehouseId: number,
  lines: readonly LineRow[],
  actor: string,
): Promise<LedgerEntry[]> {
  const held = lines.flatMap(({ productId, holdId }) =>
    holdId === null ? [] : [{ productId, warehouseId, holdId }],
  );
  await lockStock(tx, held);
  const entries: LedgerEntry[] = [];
  for (const { holdId, ...key } of held) entries.push(...(await endCountHold(tx, key, { holdId, actor })));
  return entries;
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
    if (chosen.length === 0 && !lines.some((line) => line.status === become || isPastApproval(line)))
      throw new AppError('COUNT_NOT_IN_REVIEW', 'No line of this sheet awaits that.');
    return chosen;
  }
  const known = new Map(lines.map((line) => [line.sku, line]));
  return [...new Set(skus)].flatMap((sku) => {
    const line = known.get(sku);
    if (!line) throw new AppError('UNKNOWN_SKU', `${sku} is not on this sheet.`);
    if (line.status === become || (become === 'approved' && isPastApproval(line))) return [];
    if (!from.includes(line.status))
      throw new AppError('COUNT_NOT_IN_REVIEW', `${sku} is ${line.status}: it awaits no such decision.`);
    return [line];
  });
}

function isPastApproval({ status }: LineRow): boolean {
  return status === 'superseded' || status === 'resolving';
}

async function set(
  tx: Transaction,
  sheetId: string,
  lines: readonly LineRow[],
  status: LineStatus,
  actor: string | null,
): Promise<void> {
  const unchanged = { code: null, variance: null, reservations: null, reservationCount: null, holdId: null };
  const decisions = lines.map(({ productId }): LineDecision => ({ productId, status, ...unchanged }));
  if (decisions.length > 0) await updateLines(tx, sheetId, decisions, actor);
}
