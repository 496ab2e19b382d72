import type { Transaction } from '../../../platform/database/database';
import { lockCosts } from './queries';
import {
  applyToAverages,
  insertReceiptAverages,
  restoreAverages,
  updateAveragesAfter,
  type CostChange,
} from './receipt-average-queries';

export type { CostChange };

/**
 * Runs what takes the cost of a receipt into the averages, and notes what those were before and are after it, so that the receipt can be
 * taken back exactly. Below the stock's locks.
 */
export async function noteAverages(
  tx: Transaction,
  receiptId: string,
  lines: readonly { productId: number; currency: string | null }[],
  update: () => Promise<void>,
): Promise<void> {
  const costed = new Map(
    lines.flatMap(({ productId, currency }) =>
      currency === null ? [] : [[productId, { productId, currency }]],
    ),
  );
  if (costed.size === 0) return update();
  await lockCosts(tx, [...costed.values()]);
  await insertReceiptAverages(tx, receiptId, [...costed.keys()]);
  await update();
  await updateAveragesAfter(tx, receiptId, [...costed.keys()]);
}

/**
 * Takes what was changed of a receipt into the averages of its products: below the stock's locks, after its lines are changed and before
 * the stock is. Where nothing has changed an average since that receipt, it is what it would have been with the changed receipt, of before
 * it where nothing of it is left; else units and cost are taken from, or added to, what is on hand now.
 *
 * @param changes what the receipt brings more, or less, of each product with a cost
 */
export async function changeAverages(
  tx: Transaction,
  receiptId: string,
  changes: readonly (CostChange & { currency: string })[],
): Promise<void> {
  if (changes.length === 0) return;
  await lockCosts(tx, changes);
  const restored = new Set(await restoreAverages(tx, receiptId, changes));
  const others = changes.filter(({ productId }) => !restored.has(productId));
  if (others.length > 0) await applyToAverages(tx, others);
}
