import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { lockCosts, updateAverages } from './queries';

interface CostedLine {
  sku: string;
  productId: number;
  quantity: number;
  unitCostMinor: number | null;
  currency: string | null;
}

/**
 * Takes what a delivery cost into the moving average of its products: below the stock's locks and before the stock is changed.
 * Lines without a cost leave the average as it is.
 *
 * @throws CURRENCY_MISMATCH for a cost in another currency than the product's earlier ones
 */
export async function updateAverageCosts(tx: Transaction, lines: readonly CostedLine[]): Promise<void> {
  const arrivals = new Map<number, { productId: number; quantity: number; valueMinor: number }>();
  const costs = new Map<number, { productId: number; currency: string }>();
  for (const { productId, quantity, unitCostMinor, currency } of lines) {
    if (unitCostMinor === null || currency === null) continue;
    const sum = arrivals.get(productId) ?? { productId, quantity: 0, valueMinor: 0 };
    sum.quantity += quantity;
    sum.valueMinor += quantity * unitCostMinor;
    arrivals.set(productId, sum);
    if (!costs.has(productId)) costs.set(productId, { productId, currency });
  }
  if (arrivals.size === 0) return;
  const known = new Map((await lockCosts(tx, [...costs.values()])).map((cost) => [cost.productId, cost]));
  for (const { sku, productId, currency } of lines) {
    const kept = known.get(productId)?.currency;
    if (currency !== null && currency !== kept)
      throw new AppError('CURRENCY_MISMATCH', `The costs of ${sku} are kept in ${kept ?? 'no currency'}.`);
  }
  await updateAverages(tx, [...arrivals.values()]);
}
