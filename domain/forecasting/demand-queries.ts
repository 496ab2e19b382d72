import { many, type Queryable } from '../../platform/database/database';
import type { ShipTo } from '../stock/sourcing/types';

/** Products, and days of UTC, both included: `YYYY-MM-DD`. */
export interface DemandScope {
  productIds: readonly number[];
  firstDay: string;
  lastDay: string;
}

const FROM = `$2::date::timestamp at time zone 'UTC'`;

export interface OrderedRow {
  productId: number;
  /** Days after the first. */
  day: number;
  shipTo: ShipTo | null;
  units: number;
}

/** Units ordered by the day of the order and where it goes, what waits for stock included; not of orders that were rejected. */
export function selectOrdered(
  on: Queryable,
  { productIds, firstDay, lastDay }: DemandScope,
): Promise<OrderedRow[]> {
  return many<OrderedRow>(
    on,
    'forecasting.ordered',
    `select i.product_id as "productId", (o.created_at at time zone 'UTC')::date - $2::date as day, o.ship_to as "shipTo",
            sum(i.quantity)::float8 as units
     from order_items i join orders o on o.id = i.order_id
     where i.product_id = any($1::int[]) and o.status <> 'rejected'
       and o.created_at >= ${FROM} and o.created_at < ($3::date + 1)::timestamp at time zone 'UTC'
     group by 1, 2, 3`,
    [productIds, firstDay, lastDay],
  );
}

export interface AvailableRow {
  productId: number;
  warehouseId: number;
  /** Days after the first; null: it did not change. */
  day: number | null;
  opening: number;
  closing: number;
  least: number;
  most: number;
  /** When the product was made, in days after the first; below zero: before. */
  since: number;
}

/**
 * Units that could be ordered, of each stock row on the days on which they changed: counted back from what there is now, since the present safety
 * stock is the only one that is known. A row without a change says what it has now.
 */
export function selectAvailable(
  on: Queryable,
  { productIds, firstDay }: DemandScope,
): Promise<AvailableRow[]> {
  return many<AvailableRow>(
    on,
    'forecasting.available',
    `with present as (
       select product_id, warehouse_id, (on_hand - reserved - safety_stock)::bigint as units from stock
       where product_id = any($1::int[])
     ), moved as (
       select product_id, warehouse_id, at, sum(on_hand_delta - reserved_delta) as units from inventory_transactions
       where product_id = any($1::int[]) and at >= ${FROM}
       group by 1, 2, 3
     ), balances as (
       select p.product_id, p.warehouse_id, m.at, (m.at at time zone 'UTC')::date - $2::date as day, coalesce(m.units, 0) as change,
              p.units - coalesce(sum(m.units) over (partition by p.product_id, p.warehouse_id order by m.at desc
                rows between unbounded preceding and 1 preceding), 0) as after
       from present p left join moved m on m.product_id = p.product_id and m.warehouse_id = p.warehouse_id
     )
     select product_id as "productId", warehouse_id as "warehouseId", day,
            (array_agg(after - change order by at))[1]::float8 as opening, (array_agg(after order by at desc))[1]::float8 as closing,
            min(least(after, after - change))::float8 as least, max(greatest(after, after - change))::float8 as most,
            min((p.created_at at time zone 'UTC')::date - $2::date) as since
     from balances b join products p on p.id = b.product_id group by 1, 2, 3 order by 1, 2, 3`,
    [productIds, firstDay],
  );
}
