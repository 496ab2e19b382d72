import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { lockCosts, updateAverages } from './queries';
import { costOf } from './rules';

interface CostedLine {
  sku: string;
  productId: number;
  quantity: number;
  unitCostMinor: number | null;
  currency: string | null;
}

/**
 * Takes what a delivery cost into the moving average of its products: below the stock's locks and before the stock is changed, and
 * before anything else of the transaction takes the time of its ledger entries: deliveries of a product have their times in the order
 * of this lock. Lines without a cost leave the average as it is.
 *
 * @throws CURRENCY_MISMATCH for a cost in another currency than the product's earlier ones; AMOUNT_OVERFLOW where the units of a line,
 *   or all units of a product, would cost more than 2^53 - 1 minor units, which JSON's readers cannot tell from its neighbours
 */
export async function updateAverageCosts(tx: Transaction, lines: readonly CostedLine[]): Promise<void> {
  const arrivals = new Map<number, { productId: number; quantity: number; value: bigint }>();
  const costs = new Map<number, { productId: number; currency: string }>();
  for (const { sku, productId, quantity, unitCostMinor, currency } of lines) {
    if (unitCostMinor === null || currency === null) continue;
    const sum = arrivals.get(productId) ?? { productId, quantity: 0, value: 0n };
    sum.quantity += quantity;
    sum.value += costOf(quantity, unitCostMinor);
    if (sum.value > LARGEST) throw tooLarge(sku);
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
  const worth = [...arrivals.values()].map(({ value, ...sum }) => ({ ...sum, valueMinor: String(value) }));
  const [tooMuch] = await updateAverages(tx, worth);
  if (tooMuch !== undefined) throw tooLarge(lines.find((line) => line.productId === tooMuch)?.sku ?? '');
}

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

function tooLarge(sku: string): AppError {
  return new AppError('AMOUNT_OVERFLOW', `The units of ${sku} would cost more than ${LARGEST} minor units.`);
}
