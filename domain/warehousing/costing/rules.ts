import { AppError } from '../../../platform/errors';
import type { CostLayer } from './types';

/**
 * What is on hand, first in, first out: units leave in the order in which they came, so those on hand are the ones that came
 * last (IAS 2 Inventories, paragraph 27). A unit that comes back or is found is the one that left last.
 *
 * @param received every receipt of the product, newest first, with the units that came
 * @returns the layers that cover what is on hand, newest first, each with the units of it that are left
 */
export function fifoLayers(received: readonly CostLayer[], onHand: number): CostLayer[] {
  const layers: CostLayer[] = [];
  let open = onHand;
  for (const layer of received) {
    if (open <= 0) break;
    if (layer.quantity === 0) continue;
    const quantity = Math.min(open, layer.quantity);
    layers.push({ ...layer, quantity });
    open -= quantity;
  }
  return layers;
}

/** What units cost together, exactly: the product of two amounts that fit may be beyond 2^53. */
export function costOf(quantity: number, unitCostMinor: number): bigint {
  return BigInt(quantity) * BigInt(unitCostMinor);
}

/** What layers are worth, in minor units, and how many of their units have a cost. */
export function valueOfLayers(layers: readonly CostLayer[]): { value: bigint; costed: number } {
  let value = 0n;
  let costed = 0;
  for (const { quantity, unitCostMinor } of layers) {
    if (unitCostMinor === null) continue;
    value += costOf(quantity, unitCostMinor);
    costed += quantity;
  }
  return { value, costed };
}

/** What the units of a product may cost together, minor units: beyond it JSON's readers cannot tell a number from its neighbours. */
export const LARGEST_AMOUNT = BigInt(Number.MAX_SAFE_INTEGER);

export function amountOverflow(sku: string): AppError {
  return new AppError(
    'AMOUNT_OVERFLOW',
    `The units of ${sku} would cost more than ${LARGEST_AMOUNT} minor units.`,
    { sku },
  );
}

/** The products of lines, each with the currency of its first cost; null: none of its lines has a cost. */
export function currenciesOf(
  lines: readonly { productId: number; currency: string | null }[],
): { productId: number; currency: string | null }[] {
  const products = new Map<number, { productId: number; currency: string | null }>();
  for (const { productId, currency } of lines) {
    const kept = products.get(productId);
    if (!kept || kept.currency === null) products.set(productId, { productId, currency });
  }
  return [...products.values()].sort((a, b) => a.productId - b.productId);
}
