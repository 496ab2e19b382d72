import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import {
  checkCountable,
  insertEmptyStock,
  lockStock,
  takeBlocked,
  type StockAccess,
  type StockLedger,
} from '../../stock/ledger/stock-ledger';
import { unreserved } from '../../stock/ledger/rules';
import type { LedgerEntry, StockKey, StockLevel } from '../../stock/ledger/types';
import { moveKnownLots } from '../../stock/tracking/lots';
import { takeOutOfStock } from '../../stock/tracking/take-out';
import { takeInSerials } from '../../stock/tracking/take-in-serials';
import { codeKey } from '../../stock/tracking/rules';
import type { LotMove, MovingEntry } from '../../stock/tracking/types';
import { changeAverages, type CostChange } from '../costing/receipt-averages';
import { takeFromHolds } from '../quality/take-from-holds';
import {
  existsChange,
  insertChange,
  lockReceipt,
  markReversed,
  selectLines,
  updateLines,
  type KeptLine,
  type LockedReceipt,
} from './queries';
import { readReceipt } from './receipts';
import { changedLines, correctionFault, type ChangedLine as Changed } from './rules';
import type { LineCorrection, ReceiptChange, ReceiptView } from './types';

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
 * Corrects what a receipt says came: quantities, costs, lots. The same change again changes nothing.
 *
 * @throws NOT_FOUND; RECEIPT_REVERSED; NO_SUCH_LINE, LOT_REQUIRED, NOT_TRACKED, SERIALS_REQUIRED with `line`; UNITS_HAVE_LEFT with `sku` and
 * `there` when units that did not come, or came in another lot, are not there and free; LOT_EXPIRY_MISMATCH, DUPLICATE_SERIAL,
 * QUANTITY_OVERFLOW
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

async function changeReceipt(
  { db, stock }: StockAccess,
  change: ReceiptChange,
  kind: 'reversal' | 'correction',
  decide: (lines: readonly KeptLine[]) => ChangedLine[],
): Promise<ReceiptView> {
  const { receiptId, changeId, reason, actor } = change;
  try {
    return await db.retrying(async (tx) => {
      const receipt = await lockReceipt(tx, receiptId);
      if (!receipt) throw new AppError('NOT_FOUND', 'There is no such receipt.');
      if (!(await existsChange(tx, changeId))) {
        if (receipt.isReversed)
          throw new AppError('RECEIPT_REVERSED', 'The receipt was taken back as a whole.');
        const changed = decide(await selectLines(tx, receiptId));
        const lines = changed.map(({ before, after }) => ({
          line: before.line,
          before: stateOf(before),
          after: stateOf(after),
        }));
        await insertChange(tx, { id: changeId, receiptId, kind, reason, actor, lines });
        if (kind === 'reversal') await markReversed(tx, receiptId);
        await apply(tx, stock, receipt, change, changed);
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
  { id: receiptId, warehouseId, supplierReference: reference }: LockedReceipt,
  { changeId: effectId, reason, actor }: ReceiptChange,
  changed: readonly ChangedLine[],
): Promise<void> {
  const keys = changed.map(({ before: { productId } }) => ({ productId, warehouseId }));
  await insertEmptyStock(tx, keys);
  const levels = await lockStock(tx, keys);
  const entry = { kind: 'receipt', effectId, orderId: null, reference };
  await updateLines(
    tx,
    receiptId,
    changed.map(({ after }) => after),
  );
  await changeAverages(tx, receiptId, costChanges(changed));

  const freed: LedgerEntry[] = [];
  for (const one of changed) freed.push(...(await moveUnits(tx, one, { warehouseId, entry, actor })));
  const entries = unitsByProduct(changed).map(({ productId, sku, units }): LedgerEntry => {
    checkThere(levels, freed, { productId, warehouseId, sku, units });
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
    };
  });
  await stock.change(tx, [...freed, ...entries]);
  // A lot that it is said to be now may have expired, without anything becoming available.
  await takeBlocked(tx, keys);
}

/** Lots and serial numbers of a line that is changed. Returns what takes them off holds of blocked lots. */
async function moveUnits(
  tx: Transaction,
  { before, after, added, removed }: ChangedLine,
  { warehouseId, entry, actor }: { warehouseId: number; entry: MovingEntry; actor: string },
): Promise<LedgerEntry[]> {
  const { productId, sku } = before;
  const key: StockKey = { productId, warehouseId };
  const sameLot = codeKey(before.lotCode ?? '') === codeKey(after.lotCode ?? '');
  const leaves = sameLot ? Math.max(0, before.quantity - after.quantity) : before.quantity;
  const comes = sameLot ? Math.max(0, after.quantity - before.quantity) : after.quantity;
  const freed: LedgerEntry[] = [];
  if (before.lotTracked && before.lotCode !== null && leaves > 0) {
    freed.push(
      ...(await takeOutOfStock(tx, {
        ...key,
        sku,
        code: before.lotCode,
        units: leaves,
        entry,
        takeFromHolds: (lotId, units) => takeFromHolds(tx, { ...key, lotId, units, actor }),
      })),
    );
  }
  if (after.lotTracked && after.lotCode !== null && comes > 0) {
    const move: LotMove = {
      ...key,
      code: after.lotCode,
      expiresOn: sameLot ? null : after.expiresOn,
      units: comes,
    };
    await moveKnownLots(tx, [move], entry);
  }
  if (removed.length > 0) await takeOutOfStock(tx, { ...key, sku, serials: removed, entry });
  if (added.length > 0) {
    await takeInSerials(
      tx,
      added.map((serial) => ({ ...key, serial })),
      entry,
    );
  }
  return freed;
}

/** @throws UNITS_HAVE_LEFT, QUANTITY_OVERFLOW */
function checkThere(
  levels: readonly StockLevel[],
  freed: readonly LedgerEntry[],
  { productId, sku, units }: StockKey & { sku: string; units: number },
): void {
  const level = levels.find((one) => one.productId === productId);
  const released = freed
    .filter((one) => one.productId === productId)
    .reduce((sum, { reservedDelta }) => sum - reservedDelta, 0);
  const there = unreserved(level) + released;
  if (units < -there) {
    throw new AppError(
      'UNITS_HAVE_LEFT',
      `Of ${sku} ${-units} would go, and only ${there} are there and free.`,
      {
        sku,
        there,
      },
    );
  }
  checkCountable((level?.onHand ?? 0) + units);
}

function unitsByProduct(changed: readonly ChangedLine[]) {
  const units = new Map<number, { productId: number; sku: string; units: number }>();
  for (const { before, after } of changed) {
    const { productId, sku } = before;
    const sum = units.get(productId) ?? { productId, sku, units: 0 };
    sum.units += after.quantity - before.quantity;
    units.set(productId, sum);
  }
  return [...units.values()].filter((one) => one.units !== 0).sort((a, b) => a.productId - b.productId);
}

/** What the averages take: units with a cost, before and after. */
function costChanges(changed: readonly ChangedLine[]): (CostChange & { currency: string })[] {
  const sums = new Map<number, CostChange & { currency: string }>();
  const moved = new Map<number, number>();
  for (const { before, after } of changed) {
    moved.set(before.productId, (moved.get(before.productId) ?? 0) + after.quantity - before.quantity);
    for (const [line, sign] of [
      [before, -1],
      [after, 1],
    ] as const) {
      const { productId, currency, unitCostMinor, quantity } = line;
      if (unitCostMinor === null || currency === null) continue;
      const sum = sums.get(productId) ?? { productId, currency, quantity: 0, moved: 0, valueMinor: 0n };
      sum.quantity += sign * quantity;
      sum.valueMinor += BigInt(sign * quantity) * BigInt(unitCostMinor);
      sums.set(productId, sum);
    }
  }
  return [...sums.values()]
    .map((sum) => ({ ...sum, moved: moved.get(sum.productId) ?? 0 }))
    .filter(({ quantity, valueMinor }) => quantity !== 0 || valueMinor !== 0n)
    .sort((a, b) => a.productId - b.productId);
}

function stateOf({ quantity, unitCostMinor, lotCode, expiresOn }: KeptLine) {
  return { quantity, unitCostMinor, lot: lotCode === null ? null : { code: lotCode, expiresOn } };
}
