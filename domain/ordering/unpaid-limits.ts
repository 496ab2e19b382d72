import type { Queryable, Transaction } from '../../platform/database/database';
import { isOrderedByCustomer } from '../orders/rules';
import type { OrderInput } from '../orders/types';
import type { Refusal } from '../stock/reservations/plan-reservation';
import { lockCustomers, selectUnpaid } from './unpaid-queries';

/** What a customer may keep from others without having paid: orders that are not paid for, and the units that are reserved for them. */
export interface UnpaidLimits {
  orders: number;
  units: number;
}

type UnpaidRefusal = Refusal & { code: 'UNPAID_LIMIT' };

const NOTHING: UnpaidLimits = { orders: 0, units: 0 };

/** What is to be added for a customer: orders (0 for more units of one that there is), and units. */
type Wanted = UnpaidLimits;

/** What customers have not paid for, with what is to be added. */
export interface UnpaidOrders {
  /** Why a customer may not keep so much more; null: they may. */
  refusalOf(customerId: string, wanted: Wanted): UnpaidRefusal | null;
  /** It is added. */
  count(customerId: string, wanted: Wanted): void;
}

/**
 * Reads what these customers have not paid for.
 *
 * Other transactions that add to it wait for this one, so the limits are exact. It is the last lock that a transaction takes before it
 * writes: who has it waits for nobody.
 */
export async function checkUnpaidLimits(
  tx: Transaction,
  limits: UnpaidLimits,
  customerIds: readonly string[],
): Promise<UnpaidOrders> {
  if (customerIds.length === 0) return { refusalOf: () => null, count: () => undefined };
  await lockCustomers(tx, [...customerIds].sort());
  const unpaid = await readUnpaid(tx, customerIds);
  const of = (customerId: string) => unpaid.get(customerId) ?? NOTHING;
  return {
    refusalOf: (customerId, wanted) => unpaidRefusal(limits, of(customerId), wanted),
    count(customerId, wanted) {
      const has = of(customerId);
      unpaid.set(customerId, { orders: has.orders + wanted.orders, units: has.units + wanted.units });
    },
  };
}

/** The customer of an order that limits are for: who has placed it themself; null: it has none. Services and operators place as many as they like. */
export function limitedCustomer(order: Pick<OrderInput, 'customerId' | 'owner'>): string | null {
  return isOrderedByCustomer(order) ? order.customerId : null;
}

/** Whether one more order of a customer would be refused whatever it has, before anything is spent on it. Null: it would not. */
export async function whyNoMoreUnpaid(
  on: Queryable,
  limits: UnpaidLimits,
  order: Pick<OrderInput, 'customerId' | 'owner'>,
): Promise<UnpaidRefusal | null> {
  const customerId = limitedCustomer(order);
  if (customerId === null) return null;
  const has = (await readUnpaid(on, [customerId])).get(customerId) ?? NOTHING;
  return unpaidRefusal(limits, has, { orders: 1, units: 0 });
}

async function readUnpaid(on: Queryable, customerIds: readonly string[]): Promise<Map<string, UnpaidLimits>> {
  const rows = await selectUnpaid(on, customerIds);
  return new Map(rows.map(({ customerId, orders, units }) => [customerId, { orders, units }]));
}

function unpaidRefusal(limits: UnpaidLimits, has: UnpaidLimits, wanted: Wanted): UnpaidRefusal | null {
  if (wanted.orders > 0 && has.orders + wanted.orders > limits.orders)
    return refusal('orders', { unpaid: has.orders, limit: limits.orders });
  if (wanted.units > 0 && has.units + wanted.units > limits.units)
    return refusal('units', { unpaid: has.units, limit: limits.units });
  return null;
}

function refusal(
  what: 'orders' | 'units',
  { unpaid, limit }: { unpaid: number; limit: number },
): UnpaidRefusal {
  return {
    code: 'UNPAID_LIMIT',
    detail: `You may have ${limit} ${what} that are not paid for, and have ${unpaid}. Pay or cancel an order, or order fewer units.`,
    details: { scope: what, unpaid, limit },
  };
}
