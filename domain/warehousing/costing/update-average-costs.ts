import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { lockCosts, updateAverages } from './queries';
import { amountOverflow, costOf, currenciesOf, LARGEST_AMOUNT } from './rules';

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
 * of this lock. Lines without a cost leave the average as it is, and are none of the units that it is about.
 *
 * @throws CURRENCY_MISMATCH for a cost in another currency than the product's earlier ones; AMOUNT_OVERFLOW where the units of a line,
 *   or all units of a product, would cost more than 2^53 - 1 minor units, which JSON's readers cannot tell from its neighbours
 */
export async function updateAverageCosts(tx: Transaction, lines: readonly CostedLine[]): Promise<void> {
  const arrivals = new Map<number, { productId: number; quantity: number; units: number; value: bigint }>();
  for (const { sku, productId, quantity, unitCostMinor, currency } of lines) {
    const sum = arrivals.get(productId) ?? { productId, quantity: 0, units: 0, value: 0n };
    arrivals.set(productId, sum);
    sum.units += quantity;
    if (unitCostMinor === null || currency === null) continue;
    sum.quantity += quantity;
    sum.value += costOf(quantity, unitCostMinor);
    if (sum.value > LARGEST_AMOUNT) throw amountOverflow(sku);
  }
  const known = new Map((await lockCosts(tx, currenciesOf(lines))).map((cost) => [cost.productId, cost]));
  if (known.size === 0) return;
  for (const { sku, productId, currency } of lines) {
    const kept = known.get(productId)?.currency;
    if (currency !== null && currency !== kept)
      throw new AppError('CURRENCY_MISMATCH', `The costs of ${sku} are kept in ${kept ?? 'no currency'}.`);
  }
  const worth = [...arrivals.values()]
    .filter(({ productId }) => known.has(productId))
    .map(({ value, ...sum }) => ({ ...sum, valueMinor: String(value) }));
  const [tooMuch] = await updateAverages(tx, worth);
  if (tooMuch !== undefined)
    throw amountOverflow(lines.find((line) => line.productId === tooMuch)?.sku ?? '');
}
