import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';

/** Lets one transaction after the other add to what these customers have not paid for: until this one ends. They are in order. */
export async function lockCustomers(tx: Transaction, customerIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'orders.lock_customers',
    `select pg_advisory_xact_lock(hashtext('orders:unpaid'), hashtext(customer)) from unnest($1::text[]) as c (customer)`,
    [customerIds],
  );
}

/** Orders of these customers that are not paid for, and the units that are reserved for them. Those who have none are left out. */
export function selectUnpaid(
  on: Queryable,
  customerIds: readonly string[],
): Promise<{ customerId: string; orders: number; units: number }[]> {
  return many(
    on,
    'orders.unpaid',
    `select o.customer_id as "customerId", count(*)::int as orders, coalesce(sum(i.units), 0)::float8 as units
     from orders o
     left join lateral (select sum(reserved_quantity) as units from order_items where order_id = o.id) i on true
     where o.customer_id = any ($1::text[]) and o.status = 'reserved'
     group by o.customer_id`,
    [customerIds],
  );
}
