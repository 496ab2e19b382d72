import {
  execute,
  maybeOne,
  many,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { utc } from '../../../platform/database/pages';
import type { CostLayer, ValuationMethod, ValuedProduct } from './types';

/** Locks the cost rows of products, made where there are none, in their order. Returns their currencies. */
export async function lockCosts(
  tx: Transaction,
  costs: readonly { productId: number; currency: string }[],
): Promise<{ productId: number; currency: string }[]> {
  const ids = costs.map((cost) => cost.productId);
  await execute(
    tx,
    'costing.insert_costs',
    `insert into product_costs (product_id, currency) select * from unnest($1::int[], $2::text[]) order by 1
     on conflict do nothing`,
    [ids, costs.map((cost) => cost.currency)],
  );
  return many(
    tx,
    'costing.lock_costs',
    `select product_id as "productId", currency from product_costs where product_id = any ($1::int[])
     order by product_id for no key update`,
    [ids],
  );
}

/**
 * The moving weighted average: (units on hand × average + cost of what came) / (units on hand + units that came). Before the
 * stock itself is changed. A statement of its own after the lock, so that it sees what was committed before it was had.
 */
export function updateAverages(
  tx: Transaction,
  arrivals: readonly { productId: number; quantity: number; valueMinor: number }[],
): Promise<number> {
  return execute(
    tx,
    'costing.update_averages',
    `update product_costs c
     set average_minor = (coalesce(c.average_minor, 0) * b.units + a.value) / (b.units + a.quantity)
     from unnest($1::int[], $2::bigint[], $3::numeric[]) as a (product_id, quantity, value),
       lateral (select coalesce(sum(s.on_hand), 0) as on_hand from stock s where s.product_id = a.product_id) h,
       lateral (select case when o.average_minor is null then 0 else h.on_hand end as units
                from product_costs o where o.product_id = a.product_id) b
     where c.product_id = a.product_id`,
    [arrivals.map((a) => a.productId), arrivals.map((a) => a.quantity), arrivals.map((a) => a.valueMinor)],
  );
}

export interface CostRow {
  productId: number;
  onHand: number;
  currency: string | null;
  averageMinor: number | null;
}

export function selectCost(on: Queryable, sku: string): Promise<CostRow | undefined> {
  return maybeOne<CostRow>(
    on,
    'costing.cost',
    `select p.id as "productId", c.currency, c.average_minor::float8 as "averageMinor",
            (select coalesce(sum(s.on_hand), 0) from stock s where s.product_id = p.id)::float8 as "onHand"
     from products p left join product_costs c on c.product_id = p.id where p.sku = $1`,
    [sku],
  );
}

/** The newest receipts of a product that together brought at least `units`, newest first. */
export function selectReceived(on: Queryable, productId: number, units: number): Promise<CostLayer[]> {
  return many<CostLayer>(
    on,
    'costing.received',
    `select "receiptId", "supplierReference", "receivedAt", quantity, "unitCostMinor" from (
       select r.id as "receiptId", r.supplier_reference as "supplierReference", ${utc('r.received_at')} as "receivedAt",
              l.quantity, l.unit_cost_minor as "unitCostMinor", r.received_at, r.id, l.line,
              sum(l.quantity) over (order by r.received_at desc, r.id desc, l.line desc) - l.quantity as newer
       from receipt_lines l join receipts r on r.id = l.receipt_id where l.product_id = $1) t
     where newer < $2 order by received_at desc, id desc, line desc`,
    [productId, units],
  );
}

export interface TotalRow {
  /** Null: units of products without any cost. */
  currency: string | null;
  products: number;
  quantity: number;
  costed: number;
  valueMinor: number;
}

export interface Scope {
  warehouseId: number | null;
  categoryId: number | null;
}

/**
 * What each product of `held` (product_id, on_hand, here) is worth: `costed` units of those `here` have a cost, and `value` is
 * theirs. FIFO: the newest receipts that cover what is on hand, of which a location has its share. Average: the moving one.
 */
const WORTH: Readonly<Record<ValuationMethod, string>> = {
  fifo: `received as (
       select l.product_id, l.quantity, l.unit_cost_minor, sum(l.quantity) over
         (partition by l.product_id order by r.received_at desc, r.id desc, l.line desc) - l.quantity as newer
       from receipt_lines l join receipts r on r.id = l.receipt_id where l.product_id in (select product_id from held)
     ), covered as (
       select h.product_id, h.on_hand, h.here,
              coalesce(sum(least(r.quantity, h.on_hand - r.newer) * r.unit_cost_minor), 0) as value,
              coalesce(sum(least(r.quantity, h.on_hand - r.newer)) filter (where r.unit_cost_minor is not null), 0) as costed
       from held h left join received r on r.product_id = h.product_id and r.newer < h.on_hand
       group by h.product_id, h.on_hand, h.here
     ), worth as (
       select v.product_id, v.here, c.currency, round(v.costed * v.here / v.on_hand) as costed, round(v.value * v.here / v.on_hand) as value
       from covered v left join product_costs c on c.product_id = v.product_id
     )`,
  average: `worth as (
       select h.product_id, h.here, c.currency, case when c.average_minor is null then 0 else h.here end as costed,
              coalesce(round(h.here * c.average_minor), 0) as value
       from held h left join product_costs c on c.product_id = h.product_id
     )`,
};

/** What the products on hand are worth, per currency. */
export function selectTotals(
  on: Queryable,
  method: ValuationMethod,
  { warehouseId, categoryId }: Scope,
): Promise<TotalRow[]> {
  return many<TotalRow>(
    on,
    `costing.totals.${method}`,
    `with held as (
       select s.product_id, sum(s.on_hand) as on_hand,
              sum(s.on_hand) filter (where $1::int is null or s.warehouse_id = $1) as here
       from stock s join products p on p.id = s.product_id
       where $2::int is null or p.category_id = $2
       group by s.product_id
       having sum(s.on_hand) filter (where $1::int is null or s.warehouse_id = $1) > 0
     ), ${WORTH[method]}
     select currency, count(*)::int as products, sum(here)::float8 as quantity, sum(costed)::float8 as costed,
            sum(value)::float8 as "valueMinor"
     from worth group by currency order by currency`,
    [warehouseId, categoryId],
  );
}

/** The same product by product, in the order of their SKUs: those after `page.after` of which any is on hand. */
export function selectValuedProducts(
  on: Queryable,
  method: ValuationMethod,
  { warehouseId, categoryId }: Scope,
  page: { after: string; limit: number; offset: number },
): Promise<ValuedProduct[]> {
  return many<ValuedProduct>(
    on,
    `costing.valued_products.${method}`,
    `with held as materialized (
       select p.id as product_id, p.sku, h.on_hand, h.here
       from products p cross join lateral (
         select sum(s.on_hand) as on_hand, sum(s.on_hand) filter (where $1::int is null or s.warehouse_id = $1) as here
         from stock s where s.product_id = p.id) h
       where p.sku > $3 and ($2::int is null or p.category_id = $2) and h.here > 0
       order by p.sku limit $4 offset $5
     ), ${WORTH[method]}
     select h.sku, w.here::float8 as quantity, w.currency, w.value::float8 as "valueMinor",
            (w.here - w.costed)::float8 as uncosted, (w.value / nullif(w.costed, 0))::float8 as "unitCostMinor"
     from worth w join held h on h.product_id = w.product_id order by h.sku`,
    [warehouseId, categoryId, page.after, page.limit, page.offset],
  );
}
