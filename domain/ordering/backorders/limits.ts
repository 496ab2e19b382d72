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

/** What waits, with what is to wait besides. */
export interface WaitingUnits {
  /** `BACKORDER_LIMIT`, or null where the missing units of a plan may wait. */
  refusalOf(customerId: OrderInput['customerId'], plan: Plan): Refusal | null;
  /** The missing units of a plan wait from now on. */
  count(customerId: OrderInput['customerId'], plan: Plan): void;
}

/**
 * Reads what waits for these products and customers.
 *
 * The caller has locked every stock row of the products. Another transaction that lets units of them wait needs the same locks, so the
 * sum for a product is exact. A customer's orders have no common lock.
 */
export async function checkBackorderLimits(
  tx: Transaction,
  limits: BackorderLimits,
  about: { productIds: readonly number[]; customerIds: readonly string[] },
): Promise<WaitingUnits> {
  if (about.productIds.length === 0) return { refusalOf: () => null, count: () => undefined };
  const [products, customers] = await Promise.all([
    selectWaitingUnits(tx, about.productIds),
    selectWaitingOfCustomers(tx, about.customerIds),
  ]);
  const ofProduct = new Map(products.map(({ productId, units }) => [productId, units]));
  const ofCustomer = new Map(customers.map(({ customerId, units }) => [customerId, units]));

  const wantedBy = ({ shortages, products: known }: Plan) =>
    shortages.flatMap(({ sku, requested, available }) => {
      const productId = known.get(sku)?.productId;
      return productId === undefined ? [] : [{ sku, productId, units: requested - available }];
    });
  const totalOf = (wanted: readonly { units: number }[]) => wanted.reduce((sum, { units }) => sum + units, 0);

  function refusalOf(customerId: string, plan: Plan): Refusal | null {
    const wanted = wantedBy(plan);
    for (const { sku, productId, units } of wanted) {
      const waiting = ofProduct.get(productId) ?? 0;
      if (waiting + units > limits.product) {
        return refusal(`of ${sku}`, { scope: 'product', sku, waiting, wanted: units, limit: limits.product });
      }
    }
    const total = totalOf(wanted);
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
    return null;
  }

  return {
    refusalOf,
    count(customerId, plan) {
      const wanted = wantedBy(plan);
      for (const { productId, units } of wanted)
        ofProduct.set(productId, (ofProduct.get(productId) ?? 0) + units);
      ofCustomer.set(customerId, (ofCustomer.get(customerId) ?? 0) + totalOf(wanted));
    },
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
