import type { Transaction } from '../../../platform/database/database';
import type { ReservationPlan, Refusal } from '../../stock/reservations/plan-reservation';
import type { OrderInput } from '../../orders/types';
import { selectWaitingOfCustomers, selectWaitingUnits } from './queries';

/** Units that may wait for stock at the same time. */
export interface BackorderLimits {
  /** For one product. Exact. */
  product: number;
  /** For one customer, over all products. Requests that are decided at the same moment may exceed it together. */
  customer: number;
}

type Plan = Pick<ReservationPlan, 'shortages' | 'products'>;

/**
 * Reads what waits for these products and customers and returns a check of plans whose missing units are to wait. The check
 * gives the refusal (`BACKORDER_LIMIT`) or null; what it lets wait counts for the next plan.
 *
 * The caller has locked every stock row of the products. Another transaction that lets units of them wait needs the same locks, so the
 * sum for a product is exact. A customer's orders have no common lock.
 */
export async function checkBackorderLimits(
  tx: Transaction,
  limits: BackorderLimits,
  about: { productIds: readonly number[]; customerIds: readonly string[] },
): Promise<(customerId: OrderInput['customerId'], plan: Plan) => Refusal | null> {
  if (about.productIds.length === 0) return () => null;
  const [products, customers] = await Promise.all([
    selectWaitingUnits(tx, about.productIds),
    selectWaitingOfCustomers(tx, about.customerIds),
  ]);
  const ofProduct = new Map(products.map(({ productId, units }) => [productId, units]));
  const ofCustomer = new Map(customers.map(({ customerId, units }) => [customerId, units]));

  return (customerId, plan) => {
    const wanted = plan.shortages.flatMap(({ sku, requested, available }) => {
      const productId = plan.products.get(sku)?.productId;
      return productId === undefined ? [] : [{ sku, productId, units: requested - available }];
    });
    for (const { sku, productId, units } of wanted) {
      const waiting = ofProduct.get(productId) ?? 0;
      if (waiting + units > limits.product) {
        return refusal(`of ${sku}`, { scope: 'product', sku, waiting, wanted: units, limit: limits.product });
      }
    }
    const total = wanted.reduce((sum, { units }) => sum + units, 0);
    const waiting = ofCustomer.get(customerId) ?? 0;
    if (waiting + total > limits.customer) {
      const skus = wanted.map(({ sku }) => sku);
      return refusal('for this customer', {
        scope: 'customer',
        skus,
        waiting,
        wanted: total,
        limit: limits.customer,
      });
    }
    for (const { productId, units } of wanted)
      ofProduct.set(productId, (ofProduct.get(productId) ?? 0) + units);
    ofCustomer.set(customerId, waiting + total);
    return null;
  };
}

function refusal(
  of: string,
  details: { waiting: number; wanted: number; limit: number } & Record<string, unknown>,
): Refusal {
  const { waiting, wanted, limit } = details;
  const advice =
    wanted > limit ? 'Order fewer units.' : 'Order fewer units, or again with a new key when fewer wait.';
  return {
    code: 'BACKORDER_LIMIT',
    detail: `${wanted} more units ${of} would wait for stock. At most ${limit} may wait, and ${waiting} do. ${advice}`,
    details,
  };
}
