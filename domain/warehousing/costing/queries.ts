import {
  execute,
  many,
  maybeOne,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { BYTEWISE, utcMicros } from '../../../platform/database/pages';
import { costsTooMuch, NOTE_STEPS, ownedUnits } from './averages-sql';
import { saidAt } from './received-sql';
import { unitsAt, type When } from './units-sql';
import { worthSql } from './worth-sql';
import type { ValuationMethod } from './types';

/**
 * Locks the cost rows of products in their order. Where a currency is given, one is made if there is none, and one that has no cost any more,
 * since the receipt that brought it was reversed, takes it. Returns the currencies of those that there are.
 */
export async function lockCosts(
  tx: Transaction,
  products: readonly { productId: number; currency: string | null }[],
): Promise<{ productId: number; currency: string }[]> {
  const costs = products.filter(({ currency }) => currency !== null);
  if (costs.length > 0) await insertCosts(tx, costs);
  return many(
    tx,
    'costing.lock_costs',
    `select product_id as "productId", currency from product_costs where product_id = any ($1::int[])
     order by product_id for no key update`,
    [products.map((product) => product.productId)],
  );
}

function insertCosts(
  tx: Transaction,
  costs: readonly { productId: number; currency: string | null }[],
): Promise<number> {
  return execute(
    tx,
    'costing.insert_costs',
    `insert into product_costs (product_id, currency) select * from unnest($1::int[], $2::text[]) order by 1
     on conflict (product_id) do update set currency = excluded.currency
     where product_costs.average_minor is null and product_costs.currency <> excluded.currency`,
    [costs.map((cost) => cost.productId), costs.map((cost) => cost.currency)],
  );
}

/**
 * The moving weighted average: (units with a cost × average + cost of what came) / (units with a cost + units that came). Units on
 * their way between locations count: nobody has sold them. Units without a cost leave first, so the average is about as many as there
 * are, but no more than have come. Before the stock itself is changed. A statement of its own after the lock, so that it sees what was
 * committed before it was had; and so its time is after that of any earlier one.
 *
 * Units that come without a cost change no average. They say how many of those before are left: what is on hand of them later is none of
 * those whose cost is known.
 *
 * @param arrivals `quantity` has a cost, of all `units` that come; `valueMinor` as text: it may be beyond 2^53
 * @returns products of which all units together cost more than an amount can be
 */
export async function updateAverages(
  tx: Transaction,
  arrivals: readonly { productId: number; quantity: number; units: number; valueMinor: string }[],
): Promise<number[]> {
  const found = await many<{ productId: number }>(
    tx,
    'costing.update_averages',
    `with changed as (
       update product_costs c
       set average_minor = case when a.quantity = 0 then c.average_minor
             else (b.units * coalesce(c.average_minor, 0)::numeric(48, 18) + a.value) / (b.units + a.quantity) end,
           costed_units = b.units + a.quantity
       from unnest($1::int[], $2::bigint[], $3::numeric[], $5::bigint[]) as a (product_id, quantity, value, units),
         lateral (select ${ownedUnits('a.product_id')} as units) h,
         lateral (select least(h.units, o.costed_units) as units from product_costs o where o.product_id = a.product_id) b
       where c.product_id = a.product_id
       returning c.product_id, c.average_minor, c.costed_units, c.currency, h.units + a.units as owned
     ), noted as (
       ${NOTE_STEPS}
     )
     select product_id as "productId" from changed where ${costsTooMuch('$4')}`,
    [
      arrivals.map((a) => a.productId),
      arrivals.map((a) => a.quantity),
      arrivals.map((a) => a.valueMinor),
      Number.MAX_SAFE_INTEGER,
      arrivals.map((a) => a.units),
    ],
  );
  return found.map((row) => row.productId);
}

export interface ProductWorthRow {
  productId: number;
  onHand: number;
  inTransit: number;
  /** Null: no cost is known. */
  currency: string | null;
  /** Whole numbers as text. */
  costed: string;
  valueMinor: string;
  unitCostMinor: number | null;
}

/** What all units of a product are worth; all zero where there are none. Undefined: no such product. */
export function selectProductWorth(
  on: Queryable,
  sku: string,
  method: ValuationMethod,
  asOf: string | null,
): Promise<ProductWorthRow | undefined> {
  const when = whenOf(asOf);
  return maybeOne<ProductWorthRow & Record<string, unknown>>(
    on,
    `costing.product.${method}.${when}`,
    `with chosen as (select id, sku from products where sku = $2), units as (${unitsAt(when)}),
     ${worthSql(method, when, { location: 'null' })}
     select c.id as "productId",
       coalesce((select sum(u.units) from units u where u.place is not null), 0)::bigint as "onHand",
       coalesce((select sum(u.units) from units u where u.place is null), 0)::bigint as "inTransit",
       coalesce(w.currency, k.currency) as currency, coalesce(w.costed, 0)::text as costed, coalesce(w.value, 0)::text as "valueMinor",
       ${method === 'average' ? 'k.average_minor' : '(w.value / nullif(w.costed, 0))'}::float8 as "unitCostMinor"
     from chosen c left join worth w on w.product_id = c.id left join costs k on k.product_id = c.id`,
    [asOf, sku],
  );
}

export interface ReceivedRow {
  receiptId: string;
  supplierReference: string;
  receivedAt: string;
  quantity: number;
  unitCostMinor: number | null;
}

/** The newest receipts of a product that together brought at least `units`, newest first. */
export function selectReceived(
  on: Queryable,
  { productId, units, asOf }: { productId: number; units: number; asOf: string | null },
): Promise<ReceivedRow[]> {
  return many<ReceivedRow & Record<string, unknown>>(
    on,
    `costing.received.${whenOf(asOf)}`,
    `select "receiptId", "supplierReference", "receivedAt", quantity, "unitCostMinor" from (
       select r.id as "receiptId", r.supplier_reference as "supplierReference", ${utcMicros('r.received_at')} as "receivedAt",
              s.quantity, s.unit_cost_minor as "unitCostMinor", r.received_at, r.id, l.line,
              sum(s.quantity) over (order by r.received_at desc, r.id desc, l.line desc) - s.quantity as newer
       from receipt_lines l join receipts r on r.id = l.receipt_id ${saidAt(whenOf(asOf), '$3::timestamptz')}
       where l.product_id = $1 and ($3::timestamptz is null or r.received_at <= $3)) t
     where newer < $2 order by received_at desc, id desc, line desc`,
    [productId, units, asOf],
  );
}

/** Whole numbers as text: they may be beyond 2^53. */
export interface TotalRow {
  /** Null: units of products without any cost. */
  currency: string | null;
  products: number;
  quantity: string;
  costed: string;
  valueMinor: string;
}

export interface Scope {
  warehouseId: number | null;
  categoryId: number | null;
  /** RFC 3339; null: now. */
  asOf: string | null;
}

/** What the products are worth, per currency. */
export function selectTotals(
  on: Queryable,
  method: ValuationMethod,
  { warehouseId, categoryId, asOf }: Scope,
): Promise<TotalRow[]> {
  const when = whenOf(asOf);
  return many<TotalRow & Record<string, unknown>>(
    on,
    `costing.totals.${method}.${when}`,
    `with chosen as (select id, sku from products where $3::int is null or category_id = $3), units as (${unitsAt(when)}),
     ${worthSql(method, when, { location: '$2::int' })}
     select currency, count(*)::int as products, sum(here)::text as quantity, sum(costed)::text as costed, sum(value)::text as "valueMinor"
     from worth group by currency order by currency`,
    [asOf, warehouseId, categoryId],
  );
}

/** A line of the report. Whole numbers as text. */
export interface ValuedProductRow {
  sku: string;
  quantity: string;
  currency: string | null;
  valueMinor: string;
  uncosted: string;
  unitCostMinor: number | null;
}

/** The same product by product, in the order of the bytes of their SKUs: those after `page.after` of which there is any unit. */
export function selectValuedProducts(
  on: Queryable,
  method: ValuationMethod,
  { warehouseId, categoryId, asOf }: Scope,
  page: { after: string; limit: number; offset: number },
): Promise<ValuedProductRow[]> {
  const when = whenOf(asOf);
  return many<ValuedProductRow & Record<string, unknown>>(
    on,
    `costing.valued_products.${method}.${when}`,
    `with chosen as materialized (
       select p.id, p.sku from products p
       where p.sku ${BYTEWISE} > $4 and ($3::int is null or p.category_id = $3) and exists (
         select from (${unitsAt(when, '(select p.id)')}) u where $2::int is null or u.place = $2)
       order by p.sku ${BYTEWISE} limit $5 offset $6
     ), units as (${unitsAt(when)}),
     ${worthSql(method, when, { location: '$2::int' })}
     select c.sku, w.here::text as quantity, w.currency, w.value::text as "valueMinor",
            (w.here - w.costed)::text as uncosted, (w.value / nullif(w.costed, 0))::float8 as "unitCostMinor"
     from worth w join chosen c on c.id = w.product_id order by c.sku ${BYTEWISE}`,
    [asOf, warehouseId, categoryId, page.after, page.limit, page.offset],
  );
}

function whenOf(asOf: string | null): When {
  return asOf === null ? 'now' : 'then';
}
