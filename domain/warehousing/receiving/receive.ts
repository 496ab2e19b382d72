import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { noteAverages } from '../costing/receipt-averages';
import { updateAverageCosts } from '../costing/update-average-costs';
import { findWarehouseId } from '../../catalog/warehouses';
import {
  checkCountable,
  insertEmptyStock,
  lockStock,
  type StockAccess,
  type StockLedger,
} from '../../stock/ledger/stock-ledger';
import type { Allocation, LedgerEntry } from '../../stock/ledger/types';
import { moveKnownLots } from '../../stock/tracking/lots';
import { takeInSerials } from '../../stock/tracking/take-in-serials';
import { findTracked } from '../../stock/tracking/tracking';
import type { TrackedProduct } from '../../stock/tracking/types';
import {
  insertReceipt,
  insertReceiptLines,
  lockDocument,
  selectSameDocument,
  type EarlierReceipt,
  type NewReceiptLine,
} from './queries';
import { readReceipt } from './receipts';
import { receiptFault } from './rules';
import type { ReceiptInput, ReceiptLineInput, ReceiptView } from './types';

interface Line extends NewReceiptLine {
  sku: string;
}

/**
 * Takes a delivery in: document, stock, ledger, lots and serial numbers in one transaction, whose last step gives the units
 * to those who wait. The same receipt again returns the first and changes nothing.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOCATION; DUPLICATE_RECEIPT for a supplier's reference that was received before, SIMILAR_RECEIPT for one that
 * was, written otherwise (unless that is accepted), both with `receiptId`, `supplier`, `supplierReference` and `receivedAt` of the earlier one;
 * CURRENCY_MISMATCH for a cost in another currency than the product's earlier ones; LOT_REQUIRED, SERIALS_REQUIRED, NOT_TRACKED, LOT_EXPIRY_MISMATCH; DUPLICATE_SERIAL; QUANTITY_OVERFLOW, AMOUNT_OVERFLOW
 */
export async function receiveGoods({ db, stock }: StockAccess, input: ReceiptInput): Promise<ReceiptView> {
  const warehouseId = await findWarehouseId(db, input.location);
  try {
    return await db.retrying((tx) => takeIn(tx, stock, input, warehouseId));
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

async function takeIn(
  tx: Transaction,
  stock: StockLedger,
  input: ReceiptInput,
  warehouseId: number,
): Promise<ReceiptView> {
  const { receiptId, supplier = null, supplierReference, actor, acceptSimilarReference = false } = input;
  const document = { id: receiptId, supplier, supplierReference };
  await lockDocument(tx, supplier, supplierReference);
  const isNew = await insertReceipt(tx, { ...document, warehouseId, actor });
  if (isNew) {
    const similar = acceptSimilarReference ? undefined : await selectSameDocument(tx, document);
    if (similar) throw similarReceipt(similar);
    await recordChange(tx, {
      actor,
      action: 'receipt.made',
      subject: { type: 'receipt', id: receiptId },
      after: { location: input.location, lines: input.lines.length },
    });
    await writeReceipt(tx, stock, input, warehouseId);
  }
  const receipt = await readReceipt(tx, receiptId);
  if (receipt) return receipt;
  // Not found where it is being taken back in this moment.
  const earlier = await selectSameDocument(tx, document);
  throw new AppError(
    'DUPLICATE_RECEIPT',
    'A delivery with this reference of this supplier was received before.',
    {
      ...earlier,
    },
  );
}

function similarReceipt(earlier: EarlierReceipt): AppError {
  return new AppError(
    'SIMILAR_RECEIPT',
    `The delivery ${earlier.supplierReference} of this supplier was received before: its reference differs in capitals and separators only. ` +
      'If this is another delivery, say acceptSimilarReference.',
    { ...earlier },
  );
}

async function writeReceipt(
  tx: Transaction,
  stock: StockLedger,
  input: ReceiptInput,
  warehouseId: number,
): Promise<void> {
  const { receiptId, supplierReference: reference, actor } = input;
  const skus = [...new Set(input.lines.map((line) => line.sku))];
  const known = await findTracked(tx, skus);
  const keys = known.map(({ productId }) => ({ productId, warehouseId }));
  await insertEmptyStock(tx, keys);
  const levels = await lockStock(tx, keys);
  // Read again below the locks: what a product keeps is changed only under them.
  const products = new Map((await findTracked(tx, skus)).map((product) => [product.sku, product]));
  const fault = receiptFault(input.lines, products);
  if (fault) throw new AppError(fault.code, fault.detail, { line: fault.line });
  const lines = input.lines.flatMap((line) => {
    const product = products.get(line.sku);
    return product ? [asLine(line, product)] : [];
  });

  const arrivals = foldByProduct(lines, warehouseId);
  const onHand = new Map(levels.map((level) => [level.productId, level.onHand]));
  for (const { productId, quantity } of arrivals) {
    checkCountable((onHand.get(productId) ?? 0) + quantity);
  }
  await noteAverages(tx, receiptId, lines, () => updateAverageCosts(tx, lines));
  await insertReceiptLines(tx, receiptId, lines);
  await assignUnits(tx, input, lines, warehouseId);
  await stock.change(
    tx,
    arrivals.map(({ productId, quantity }): LedgerEntry => {
      const key = { productId, warehouseId };
      return {
        ...key,
        kind: 'receipt',
        onHandDelta: quantity,
        reservedDelta: 0,
        effectId: receiptId,
        reference,
        actor,
      };
    }),
  );
}

function asLine(line: ReceiptLineInput, product: TrackedProduct): Line {
  const { sku, quantity, unitCostMinor, currency, lot, serials = [] } = line;
  return {
    sku,
    productId: product.productId,
    quantity,
    unitCostMinor: unitCostMinor ?? null,
    currency: unitCostMinor === undefined ? null : (currency ?? product.currency),
    lotCode: lot?.code ?? null,
    expiresOn: lot?.expiresOn ?? null,
    serials,
  };
}

/** One arrival a product, in the order of the stock's locks. */
function foldByProduct(lines: readonly Line[], warehouseId: number): Allocation[] {
  const units = new Map<number, number>();
  for (const { productId, quantity } of lines) units.set(productId, (units.get(productId) ?? 0) + quantity);
  return [...units]
    .map(([productId, quantity]) => ({ productId, warehouseId, quantity }))
    .sort((a, b) => a.productId - b.productId);
}

async function assignUnits(
  tx: Transaction,
  { receiptId, supplierReference: reference }: ReceiptInput,
  lines: readonly Line[],
  warehouseId: number,
): Promise<void> {
  const lots = lines.flatMap(({ productId, lotCode: code, expiresOn, quantity: units }) =>
    code === null ? [] : [{ productId, warehouseId, code, expiresOn, units }],
  );
  const entry = { kind: 'receipt', effectId: receiptId, orderId: null, reference };
  if (lots.length > 0) await moveKnownLots(tx, lots, entry);
  const serials = lines.flatMap(({ productId, serials: given }) =>
    given.map((serial) => ({ productId, warehouseId, serial })),
  );
  if (serials.length > 0) await takeInSerials(tx, serials, entry);
}
