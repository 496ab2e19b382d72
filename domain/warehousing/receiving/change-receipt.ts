import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import {
  checkCountable,
  insertEmptyStock,
  lockStock,
  selectNumberedSince,
  takeBlocked,
  type StockAccess,
  type StockLedger,
} from '../../stock/ledger/stock-ledger';
import { unreserved } from '../../stock/ledger/rules';
import type { LedgerEntry, StockKey, StockLevel } from '../../stock/ledger/types';
import { moveKnownLots } from '../../stock/tracking/lots';
import { takeInCounted, takeOutCounted } from '../../stock/tracking/correct-counted-serials';
import { replaceSerials } from '../../stock/tracking/replace-serials';
import { takeOutOfStock, unitsOfLot } from '../../stock/tracking/take-out';
import { takeInSerials } from '../../stock/tracking/take-in-serials';
import { selectLotsNumberedSince } from '../../stock/tracking/tracking';
import type { LotMove, MovingEntry } from '../../stock/tracking/types';
import { changeAverages, type CostChange } from '../costing/receipt-averages';
import { amountOverflow } from '../costing/amount-overflow';
import { costOf, LARGEST_AMOUNT } from '../costing/rules';
import { takeFromHolds } from '../quality/take-from-holds';
import {
  existsChange,
  insertChange,
  lockReceipt,
  markReversed,
  selectChangeIds,
  selectLines,
  updateLines,
  type KeptLine,
  type LockedReceipt,
} from './queries';
import { readReceipt } from './receipts';
import {
  changedLines,
  correctionFault,
  isSameLot,
  movesOf,
  type ChangedLine as Changed,
  type LineMoves,
} from './rules';
import type { LineCorrection, LineState, ReceiptChange, RECEIPT_CHANGES, ReceiptView } from './types';

type ChangedLine = Changed<KeptLine>;

/**
 * Takes a receipt back as a whole: as if it had never come, in stock, ledger, lots, serial numbers and average cost. Its reference is free
 * for a better one. The same change again changes nothing.
 *
 * @throws NOT_FOUND; RECEIPT_REVERSED; UNITS_HAVE_LEFT with `sku` and `there` when not all of it is there and free
 */
export function reverseReceipt(access: StockAccess, change: ReceiptChange): Promise<ReceiptView> {
  return changeReceipt(access, change, 'reversal', (lines) =>
    changedLines(
      lines,
      lines.map(({ line, serials }) => ({ line, quantity: 0, serials })),
    ),
  );
}

/**
 * Corrects what a receipt says came: quantities, costs, lots, serial numbers. It takes effect as of when the receipt came: a newer absolute
 * number of the stock, or of a lot (a count, a `setTo`, a feed) has seen what really came there, and stays what it is. The same change again changes nothing.
 *
 * @throws NOT_FOUND; RECEIPT_REVERSED; NO_SUCH_LINE, LOT_REQUIRED, NOT_TRACKED, SERIALS_REQUIRED, SERIAL_NOT_THERE, UNITS_NAMED_TWICE with
 * `line`; UNITS_HAVE_LEFT with `sku` and `there` when units that did not come, or came in another lot, are not there and free;
 * LOT_EXPIRY_MISMATCH, DUPLICATE_SERIAL, QUANTITY_OVERFLOW, AMOUNT_OVERFLOW
 */
export function correctReceipt(
  access: StockAccess,
  { corrections, ...change }: ReceiptChange & { corrections: readonly LineCorrection[] },
): Promise<ReceiptView> {
  return changeReceipt(access, change, 'correction', (lines) => {
    const fault = correctionFault(lines, corrections);
    if (fault) throw new AppError(fault.code, fault.detail, { line: fault.line });
    return changedLines(lines, corrections);
  });
}

type ChangeKind = (typeof RECEIPT_CHANGES)[number];

async function changeReceipt(
  { db, stock }: StockAccess,
  change: ReceiptChange,
  kind: ChangeKind,
  decide: (lines: readonly KeptLine[]) => ChangedLine[],
): Promise<ReceiptView> {
  const { receiptId, changeId } = change;
  try {
    return await db.retrying(async (tx) => {
      const receipt = await lockReceipt(tx, receiptId);
      if (!receipt) throw new AppError('NOT_FOUND', 'There is no such receipt.');
      if (!(await existsChange(tx, changeId))) {
        if (receipt.isReversed)
          throw new AppError('RECEIPT_REVERSED', 'The receipt was taken back as a whole.');
        await apply(tx, stock, receipt, { ...change, kind }, decide(await selectLines(tx, receiptId)));
      }
      const view = await readReceipt(tx, receiptId);
      if (!view) throw new Error('a receipt disappeared');
      return view;
    });
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

async function apply(
  tx: Transaction,
  stock: StockLedger,
  receipt: LockedReceipt,
  { changeId: effectId, kind, reason, actor }: ReceiptChange & { kind: ChangeKind },
  changed: readonly ChangedLine[],
): Promise<void> {
  const { id: receiptId, warehouseId, supplierReference: reference, receivedAt } = receipt;
  const keys = [...new Set(changed.map(({ before }) => before.productId))].map((productId) => ({
    productId,
    warehouseId,
  }));
  await insertEmptyStock(tx, keys);
  const levels = new Map((await lockStock(tx, keys)).map((level) => [level.productId, level]));
  const lines = await withMoves(tx, changed, receipt);
  const receivedBy = [receiptId, ...(await selectChangeIds(tx, receiptId))];
  await insertChange(tx, { id: effectId, receiptId, kind, reason, actor, lines: changed.map(asChange) });
  if (kind === 'reversal') await markReversed(tx, receiptId);
  await recordChange(tx, {
    actor,
    action: kind === 'reversal' ? 'receipt.reversed' : 'receipt.corrected',
    subject: { type: 'receipt', id: receiptId },
    after: { changeId: effectId },
  });
  await updateLines(
    tx,
    receiptId,
    changed.map(({ after }) => after),
  );
  await changeAverages(tx, { receiptId, changeId: effectId }, costChanges(lines));

  const entry: MovingEntry = { kind: 'receipt', effectId, receiptId, orderId: null, reference };
  const freed: LedgerEntry[] = [];
  const moved = new Set<number>();
  for (const one of lines) {
    const { productId } = one.before;
    const onHand = levels.get(productId)?.onHand ?? 0;
    const done = await moveUnits(tx, one, { receipt, receivedBy, entry, actor, onHand });
    freed.push(...done.freed);
    if (done.hasMoved) moved.add(productId);
  }
  const entries = unitsByProduct(lines)
    // Also where lots and serial numbers move without a difference: the entry says as of when they do.
    .filter(({ productId, units }) => units !== 0 || moved.has(productId))
    .map(({ productId, sku, units }): LedgerEntry => {
      if (units !== 0) checkThere(levels.get(productId), freed, { productId, sku, units });
      return {
        productId,
        warehouseId,
        kind: 'receipt',
        onHandDelta: units,
        reservedDelta: 0,
        effectId,
        reason,
        reference,
        actor,
        correction: { asOf: receivedAt },
      };
    });
  await stock.change(tx, [...freed, ...entries]);
  // A lot that it is said to be now may have expired, without anything becoming available.
  await takeBlocked(tx, keys);
}

/** A line with what of it moves. */
type MovedLine = ChangedLine & {
  moves: LineMoves;
  /** Of its units of before, those that a number of their lot has taken off, and that are said to have come all the same. */
  takenOff: number;
};

/** What moves of each line: what newer absolute numbers of its place, or of its lots, have not seen. */
async function withMoves(
  tx: Transaction,
  changed: readonly ChangedLine[],
  { warehouseId, receivedAt }: LockedReceipt,
): Promise<MovedLine[]> {
  const keys = [...new Set(changed.map(({ before }) => before.productId))].map((productId) => ({
    productId,
    warehouseId,
  }));
  const places = new Set((await selectNumberedSince(tx, keys, receivedAt)).map(({ productId }) => productId));
  const lots = changed.flatMap(({ before, after }) =>
    [before.lotCode, after.lotCode].flatMap((code) =>
      code === null ? [] : [{ productId: before.productId, warehouseId, code }],
    ),
  );
  const found = lots.length > 0 ? await selectLotsNumberedSince(tx, lots, receivedAt) : [];
  const numbered = found.map(({ place }) => lots[place]);
  const isNumbered = (productId: number, code: string | null) =>
    numbered.some((lot) => lot?.productId === productId && lot.code === code);
  const moved: MovedLine[] = [];
  for (const line of changed) {
    const { productId, lotCode, quantity } = line.before;
    const from = isNumbered(productId, lotCode);
    const to = isNumbered(productId, line.after.lotCode);
    const moves = movesOf(line, { place: places.has(productId), from, to });
    // They come into another lot, at what the receipt says that they cost.
    const comesAnew = from && lotCode !== null && moves.comes > 0;
    const left = comesAnew ? await unitsOfLot(tx, { productId, warehouseId }, lotCode) : quantity;
    moved.push({ ...line, moves, takenOff: quantity - Math.min(quantity, left) });
  }
  return moved;
}

interface Move {
  receipt: LockedReceipt;
  /** The receipt, and the documents that changed it before. */
  receivedBy: readonly string[];
  entry: MovingEntry;
  actor: string;
  onHand: number;
}

/** Lots and serial numbers of a line that is changed. `freed`: what takes them off holds of blocked lots. */
async function moveUnits(
  tx: Transaction,
  changed: MovedLine,
  move: Move,
): Promise<{ freed: LedgerEntry[]; hasMoved: boolean }> {
  const { before, added, removed, replaced, moves } = changed;
  const { isCounted } = moves;
  const { entry, onHand, receivedBy } = move;
  const { warehouseId, receivedAt } = move.receipt;
  const key: StockKey = { productId: before.productId, warehouseId };
  const { sku } = before;
  const { freed, hasMoved } = await moveLot(tx, changed, move);
  if (replaced.length > 0)
    await replaceSerials(tx, { ...key, sku, replacements: replaced, receivedBy, entry });
  if (removed.length > 0) {
    if (isCounted) await takeOutCounted(tx, { ...key, sku, serials: removed, entry, receivedAt });
    else await takeOutOfStock(tx, { ...key, sku, serials: removed, entry });
  }
  if (added.length > 0) {
    const came = added.map((serial) => ({ ...key, serial }));
    if (isCounted) await takeInCounted(tx, { ...key, sku, serials: added, entry, onHand });
    else await takeInSerials(tx, came, entry);
  }
  return { freed, hasMoved: hasMoved || added.length + removed.length + replaced.length > 0 };
}

async function moveLot(
  tx: Transaction,
  { before, after, moves }: MovedLine,
  { receipt: { warehouseId }, entry, actor }: Move,
): Promise<{ freed: LedgerEntry[]; hasMoved: boolean }> {
  const { productId, sku, lotCode: from } = before;
  const { lotCode: to } = after;
  const freed: LedgerEntry[] = [];
  if (!before.lotTracked || to === null) return { freed, hasMoved: false };
  const key: StockKey = { productId, warehouseId };
  let { leaves, comes } = moves;
  // Counted units only change their lot: as many as the count left of the one that was noted.
  if (moves.isCounted && from !== null)
    leaves = comes = Math.min(leaves, comes, await unitsOfLot(tx, key, from));
  if (from !== null && leaves > 0) {
    freed.push(
      ...(await takeOutOfStock(tx, {
        ...key,
        sku,
        code: from,
        units: leaves,
        entry,
        takeFromHolds: (lotId, units) => takeFromHolds(tx, { ...key, lotId, units, actor }),
      })),
    );
  }
  if (comes > 0) {
    const expiresOn = isSameLot(to, before) ? null : after.expiresOn;
    const move: LotMove = { ...key, code: to, expiresOn, units: comes };
    await moveKnownLots(tx, [move], entry);
  }
  return { freed, hasMoved: leaves > 0 || comes > 0 };
}

/** @throws UNITS_HAVE_LEFT, QUANTITY_OVERFLOW */
function checkThere(
  level: StockLevel | undefined,
  freed: readonly LedgerEntry[],
  { productId, sku, units }: { productId: number; sku: string; units: number },
): void {
  const released = freed
    .filter((one) => one.productId === productId)
    .reduce((sum, { reservedDelta }) => sum - reservedDelta, 0);
  const there = unreserved(level) + released;
  if (units < -there) {
    const detail = `Of ${sku} ${-units} would go, and only ${there} are there and free.`;
    throw new AppError('UNITS_HAVE_LEFT', detail, { sku, there });
  }
  checkCountable((level?.onHand ?? 0) + units);
}

function unitsByProduct(lines: readonly MovedLine[]) {
  const units = new Map<number, { productId: number; sku: string; units: number }>();
  for (const { before, moves } of lines) {
    const { productId, sku } = before;
    const sum = units.get(productId) ?? { productId, sku, units: 0 };
    sum.units += moves.units;
    units.set(productId, sum);
  }
  return [...units.values()].sort((a, b) => a.productId - b.productId);
}

interface ProductCostChange extends CostChange {
  sku: string;
  currency: string | null;
}

/**
 * What the averages take: units with a cost, before and after.
 *
 * @throws AMOUNT_OVERFLOW where a line costs more than an amount can be
 */
function costChanges(lines: readonly MovedLine[]): ProductCostChange[] {
  const sums = new Map<number, ProductCostChange>();
  for (const { before, after, moves, takenOff } of lines) {
    const { productId, sku } = before;
    const none = { productId, sku, currency: null, quantity: 0, moved: 0, valueMinor: 0n, counted: 0 };
    const sum: ProductCostChange = sums.get(productId) ?? none;
    sums.set(productId, sum);
    sum.moved += moves.units;
    if (before.unitCostMinor !== null && before.currency !== null) sum.counted -= takenOff;
    if (costOf(after.quantity, after.unitCostMinor ?? 0) > LARGEST_AMOUNT) throw amountOverflow(sku);
    for (const [line, sign] of [
      [before, -1],
      [after, 1],
    ] as const) {
      const { currency, unitCostMinor, quantity } = line;
      if (unitCostMinor === null || currency === null) continue;
      sum.currency ??= currency;
      sum.quantity += sign * quantity;
      if (moves.isCounted) sum.counted += sign * quantity;
      sum.valueMinor += BigInt(sign * quantity) * BigInt(unitCostMinor);
    }
  }
  return [...sums.values()]
    .filter(({ quantity, moved, valueMinor }) => quantity !== 0 || moved !== 0 || valueMinor !== 0n)
    .sort((a, b) => a.productId - b.productId);
}

function asChange({ before, after }: ChangedLine) {
  return { line: before.line, before: stateOf(before), after: stateOf(after) };
}

function stateOf({ quantity, unitCostMinor, lotCode, expiresOn, serials }: KeptLine): LineState {
  return { quantity, unitCostMinor, lot: lotCode === null ? null : { code: lotCode, expiresOn }, serials };
}
