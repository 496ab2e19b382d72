import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import type { StockKey } from '../ledger/types';
import { moveSerials, selectKnownSerials, updateReceiptOfSerials } from './assign-queries';
import { insertSerials } from './queries';
import { isGivenUp, type MovingEntry } from './types';

/**
 * Takes serial numbers in with a receipt: new ones, and those that were given up, as by the reversal of a receipt that was wrong. The
 * caller holds the stock rows' locks.
 *
 * @throws DUPLICATE_SERIAL for a number that is in stock, on its way or out
 */
export async function takeInSerials(
  tx: Transaction,
  serials: readonly (StockKey & { serial: string })[],
  entry: MovingEntry,
): Promise<void> {
  const made: (StockKey & { serial: string })[] = [];
  const products = [...new Set(serials.map(({ productId }) => productId))];
  for (const productId of products) {
    const own = serials.filter((serial) => serial.productId === productId);
    const known = await selectKnownSerials(
      tx,
      productId,
      own.map(({ serial }) => serial),
    );
    const elsewhere = known.filter(({ status }) => !isGivenUp(status));
    if (elsewhere.length > 0) {
      throw new AppError('DUPLICATE_SERIAL', 'The product already has one of these serial numbers.', {
        serials: elsewhere.map(({ given }) => given),
      });
    }
    const had = new Set(known.map(({ given }) => given));
    made.push(...own.filter(({ serial }) => !had.has(serial)));
    const [place] = own;
    if (!place || known.length === 0) continue;
    const ids = known.map(({ id }) => id);
    await moveSerials(tx, ids, { warehouseId: place.warehouseId, incoming: true }, entry);
    await updateReceiptOfSerials(tx, ids, entry.receiptId ?? entry.effectId);
  }
  if (made.length > 0) await insertSerials(tx, made, entry);
}
