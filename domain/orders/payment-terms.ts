import type { Queryable, Transaction } from '../../platform/database/database';
import { lockOrders } from './lock';
import { selectUnitPrices, updatePaymentMethod } from './payment-terms-queries';
import { priceOf } from './rules';
import type { PaymentMethod } from './types';

export {
  selectPaymentTerms as readPaymentTerms,
  selectUnitPrices as readUnitPrices,
  type PaymentTerms,
} from './payment-terms-queries';

/** Stores the method with which later parts of an order are charged. Locks the order's row. */
export async function storePaymentMethod(
  tx: Transaction,
  orderId: string,
  method: PaymentMethod,
): Promise<void> {
  await lockOrders(tx, [orderId]);
  await updatePaymentMethod(tx, orderId, method);
}

/**
 * What units of an order cost, for each group of them, minor units: the price at which they were ordered.
 *
 * @returns by group; a group without units is not in it
 */
export async function pricesOf(
  on: Queryable,
  orderId: string,
  units: readonly { group: string; productId: number; quantity: number }[],
): Promise<Map<string, number>> {
  if (units.length === 0) return new Map();
  const prices = new Map(
    (await selectUnitPrices(on, orderId)).map((item) => [item.productId, item.unitPriceMinor]),
  );
  const sums = new Map<string, number>();
  for (const { group, productId, quantity } of units) {
    const unitPriceMinor = prices.get(productId);
    if (unitPriceMinor === undefined) throw new Error(`order ${orderId} has no item of product ${productId}`);
    sums.set(group, (sums.get(group) ?? 0) + priceOf([{ quantity, unitPriceMinor }]));
  }
  return sums;
}

/**
 * What lines of an order's reservations cost, minor units.
 *
 * @returns by reservation; one without lines is not in it
 */
export function pricesOfLines(
  on: Queryable,
  orderId: string,
  lines: readonly { reservationId: string; productId: number; openQuantity: number }[],
): Promise<Map<string, number>> {
  return pricesOf(
    on,
    orderId,
    lines.map(({ reservationId: group, productId, openQuantity: quantity }) => ({
      group,
      productId,
      quantity,
    })),
  );
}

/**
 * What units of an order cost, by product, minor units.
 *
 * @returns by id of the product, in its digits
 */
export function pricesOfProducts(
  on: Queryable,
  orderId: string,
  lines: readonly { productId: number; openQuantity: number }[],
): Promise<Map<string, number>> {
  return pricesOf(
    on,
    orderId,
    lines.map(({ productId, openQuantity: quantity }) => ({ group: String(productId), productId, quantity })),
  );
}

/** What all of them cost together. */
export function sumOf(prices: ReadonlyMap<string, number>): number {
  return [...prices.values()].reduce((sum, minor) => sum + minor, 0);
}
