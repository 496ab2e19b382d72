import { many, type Queryable } from '../../platform/database/database';
import { utcMicros } from '../../platform/database/pages';
import { costedSql } from '../warehousing/costing/costed-sql';
import type { Narrowed } from '../event-log/rows-sql';
import type { PaymentKind } from './money-split';
import { FOLLOWER, LEFT, OF_PAYMENT, quarterOf, rowsOf, SOLD_OR_RETURNED } from './sums-sql';
import type { REPORT_SOURCES } from './types';

/** Rows of the sources: of the next batches of the stream, of what was there before the sums began, or those that the sums lack. */
export type Scope =
  | { of: 'batches'; after: string; upTo: string }
  | { of: 'build'; source: (typeof REPORT_SOURCES)[number]; after: string; upTo: string }
  | { of: 'unsummed'; from: string; to: string };

export type ScopeKind = 'batches' | 'build' | 'unsummed';

/** SQL of the rows of a scope, and its parameters `$1`, …. */
const SCOPES: Readonly<Record<ScopeKind, Narrowed & { wanted: string }>> = {
  batches: {
    wanted: `wanted as materialized (
      select b.source, lower(r) as from_id, upper(r) as to_id from event_batches b cross join lateral unnest(b.ids) r
      where b.first_position > $1::bigint and b.last_position <= $2::bigint
    )`,
    ids: 'wanted',
  },
  build: {
    wanted: `wanted as materialized (
      select b.source, lower(r) as from_id, upper(r) as to_id
      from report_builds b cross join lateral unnest(int8multirange(int8range($2::bigint, $3::bigint, '(]')) - b.without) r
      where b.source = $1
    )`,
    ids: 'wanted',
  },
  unsummed: { wanted: FOLLOWER.unsummed, ids: 'wanted', from: '$1::timestamptz', to: '$2::timestamptz' },
};

/** SQL of a statement about a scope: the set `wanted`, and what rows are narrowed to. Its parameters are `valuesOf`. */
export const scoped = (of: ScopeKind): Narrowed & { wanted: string } => SCOPES[of];

export function valuesOf(scope: Scope): string[] {
  switch (scope.of) {
    case 'batches':
      return [scope.after, scope.upTo];
    case 'build':
      return [scope.source, scope.after, scope.upTo];
    case 'unsummed':
      return [scope.from, scope.to];
  }
}

/** Of what a sum is, beside its bucket. */
interface FactKey {
  /** RFC 3339, UTC: the quarter of an hour. */
  bucket: string;
  productId: number | null;
  warehouseId: number | null;
  merchantId: number | null;
  currency: string;
}

/** What left and came back in a quarter of an hour. Whole numbers as text: they may be beyond 2^53. */
export interface GoodsRow extends FactKey {
  units: string;
  salesMinor: string;
  returnedUnits: string;
  returnedMinor: string;
  costedUnits: string;
  costMinor: string;
  uncostedUnits: string;
}

/** The merchant of an item from before items had one is that of the product. */
const SOLD_BY = 'coalesce(i.merchant_id, p.merchant_id)';
const { join, where, figures } = SOLD_OR_RETURNED;

/**
 * What the stock ledger has of a scope: what units were sold for, and what all that left cost. An unknown cost would be in the currency in which
 * the product was sold, or has its price.
 */
export function selectGoods(on: Queryable, of: ScopeKind, values: readonly string[]): Promise<GoodsRow[]> {
  return many<GoodsRow & Record<string, unknown>>(
    on,
    `reports.goods_of_${of}`,
    `with ${scoped(of).wanted}, moved as materialized (
       select t.id, t.at, t.kind, t.product_id, t.warehouse_id, t.order_id, t.on_hand_delta
       from ${rowsOf('ledger', scoped(of))} where (${where}) or (${LEFT})
     ), sold as materialized (
       -- One that never had a cost has none.
       select t.id, t.at, t.product_id, -t.on_hand_delta as units from moved t
       where ${LEFT} and exists (select from product_cost_steps k where k.product_id = t.product_id)
     ), ${costedSql('e.at >= (select min(first) from products_sold) and e.at <= (select max(last) from products_sold)')}, figure as (
       select t.at, t.product_id, t.warehouse_id, ${SOLD_BY} as merchant_id, o.currency, ${figures.units} as units, ${figures.sales_minor} as sales,
         ${figures.returned_units} as returned_units, ${figures.returned_minor} as returned, 0 as costed, 0 as cost, 0 as uncosted
       from moved t ${join} join products p on p.id = t.product_id where ${where}
       union all
       select t.at, t.product_id, t.warehouse_id, ${SOLD_BY}, coalesce(c.currency, o.currency, p.currency), 0, 0, 0, 0, coalesce(c.costed, 0),
         coalesce(c.cost, 0), -t.on_hand_delta - coalesce(c.costed, 0)
       from moved t join products p on p.id = t.product_id left join costed c on c.id = t.id left join orders o on o.id = t.order_id
       left join order_items i on i.order_id = t.order_id and i.product_id = t.product_id
       where ${LEFT}
     )
     select ${utcMicros('f.bucket')} as bucket, product_id as "productId", warehouse_id as "warehouseId", merchant_id as "merchantId", currency,
       units::text, sales::text as "salesMinor", returned_units::text as "returnedUnits", returned::text as "returnedMinor",
       costed::text as "costedUnits", cost::text as "costMinor", uncosted::text as "uncostedUnits"
     from (
       select ${quarterOf('at')} as bucket, product_id, warehouse_id, merchant_id, currency, sum(units) as units, sum(sales) as sales,
         sum(returned_units) as returned_units, sum(returned) as returned, sum(costed) as costed, sum(cost) as cost, sum(uncosted) as uncosted
       from figure group by 1, 2, 3, 4, 5) f`,
    [...values],
  );
}

/** An entry of the money ledger. */
export interface MoneyEntryRow {
  paymentId: string;
  /** It is of the scope; else it is another one of the same payment. */
  isWanted: boolean;
  bucket: string;
  kind: PaymentKind;
  merchantId: number | null;
  currency: string;
  /** A whole number as text. */
  amountMinor: string;
  sourceId: string;
  turn: number;
  shipmentId: string | null;
  /** Of a capture: product, warehouse and minor units of what it pays for; null: nothing says it. */
  units: (readonly [number, number, number])[] | null;
  /** Minor units by the id of the product. */
  forProducts: Record<string, number> | null;
}

/** Payments of which the money ledger has something in a scope: all that it has of each, in the order in which it was written. */
export function selectMoneyEntries(
  on: Queryable,
  of: ScopeKind,
  values: readonly string[],
): Promise<MoneyEntryRow[]> {
  return many<MoneyEntryRow & Record<string, unknown>>(
    on,
    `reports.money_of_${of}`,
    `with ${scoped(of).wanted}, chosen as materialized (
       select t.id, t.payment_id from ${rowsOf('money', scoped(of))} where ${OF_PAYMENT}
     )
     select t.payment_id as "paymentId", c.id is not null as "isWanted", ${utcMicros(quarterOf('t.effective_at'))} as bucket, t.kind,
       t.merchant_id as "merchantId", t.currency, t.amount_minor::text as "amountMinor", t.source_id as "sourceId", t.turn,
       a.shipment_id as "shipmentId", t.units, r.for_products as "forProducts"
     from (select distinct payment_id from chosen) p
     cross join lateral (select * from money_ledger t where t.payment_id = p.payment_id and ${OF_PAYMENT} offset 0) t
     left join chosen c on c.id = t.id
     left join captures a on a.id = t.source_id
     left join refunds r on r.id = t.source_id
     order by t.payment_id, t.id`,
    [...values],
  );
}

export interface PaidUnitsRow {
  paymentId: string;
  productId: number;
  warehouseId: number;
  merchantId: number;
  shipmentId: string | null;
  quantity: string;
  priceMinor: string;
}

/** What payments are for: all that was reserved for each, and the parcels that were captured apart. */
export function selectPaidUnits(on: Queryable, paymentIds: readonly string[]): Promise<PaidUnitsRow[]> {
  return many<PaidUnitsRow & Record<string, unknown>>(
    on,
    'reports.paid_units',
    `with unit as (
       select y.id as payment_id, y.order_id, l.product_id, l.warehouse_id, null::uuid as shipment_id, l.quantity
       from unnest($1::uuid[]) q join payments y on y.id = q join reservation_lines l on l.reservation_id = y.reservation_id
       union all
       select y.id, y.order_id, u.product_id, h.warehouse_id, h.id, u.quantity
       from unnest($1::uuid[]) q join payments y on y.id = q join captures a on a.payment_id = y.id
       join shipments h on h.id = a.shipment_id join shipment_items u on u.shipment_id = h.id
     )
     select u.payment_id as "paymentId", u.product_id as "productId", u.warehouse_id as "warehouseId", ${SOLD_BY} as "merchantId",
       u.shipment_id as "shipmentId", u.quantity::text, i.unit_price_minor::text as "priceMinor"
     from unit u join order_items i on i.order_id = u.order_id and i.product_id = u.product_id join products p on p.id = u.product_id
     order by 1, u.shipment_id, 2, 3`,
    [paymentIds],
  );
}
