import type { Transaction } from '../../../platform/database/database';
import { lockCosts } from './queries';
import { amountOverflow } from './amount-overflow';
import { currenciesOf } from './rules';
import {
  applyToAverages,
  insertReceiptAverages,
  restoreAverages,
  updateAveragesAfter,
  type Correction,
  type CostChange,
} from './receipt-average-queries';

export type { CostChange };

/**
 * Runs what takes the cost of a receipt into the averages, and notes what those were before and are after it, so that the receipt can be
 * taken back exactly. Below the stock's locks. Products of which no cost is known, and none comes, have no average.
 */
export async function noteAverages(
  tx: Transaction,
  receiptId: string,
  lines: readonly { productId: number; currency: string | null }[],
  update: () => Promise<void>,
): Promise<void> {
  const known = await lockCosts(tx, currenciesOf(lines));
  if (known.length === 0) return;
  const productIds = known.map(({ productId }) => productId);
  await insertReceiptAverages(tx, receiptId, productIds);
  await update();
  await updateAveragesAfter(tx, receiptId, productIds);
}

/**
 * Takes what was changed of a receipt into the averages of its products: below the stock's locks, after its lines are changed and before
 * the stock is. Where nothing has changed an average since that receipt, it is what it would have been with the changed receipt, of before
 * it where nothing of it is left; else units and cost are taken from, or added to, what is on hand now. What of the cost is about units
 * that have left is noted as a cost of goods of now.
 *
 * @param changes what the receipt brings more, or less, of each product
 * @throws AMOUNT_OVERFLOW where all units of a product would cost more than 2^53 - 1 minor units
 */
export async function changeAverages(
  tx: Transaction,
  correction: Correction,
  changes: readonly (CostChange & { sku: string; currency: string | null })[],
): Promise<void> {
  if (changes.length === 0) return;
  const known = new Set((await lockCosts(tx, changes)).map(({ productId }) => productId));
  const kept = changes.filter(({ productId }) => known.has(productId));
  if (kept.length === 0) return;
  const restored = await restoreAverages(tx, correction, kept);
  const done = new Set(restored.map(({ productId }) => productId));
  const others = kept.filter(({ productId }) => !done.has(productId));
  const applied = others.length > 0 ? await applyToAverages(tx, correction, others) : [];
  const tooMuch = [...restored, ...applied].find(({ costsTooMuch }) => costsTooMuch);
  if (tooMuch)
    throw amountOverflow(changes.find(({ productId }) => productId === tooMuch.productId)?.sku ?? '');
}
