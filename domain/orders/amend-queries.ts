import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import type { ShipTo, SourcingDecision, SourcingStrategy } from '../stock/sourcing/types';
import type { OrderInput, OrderStatus, ReviewStatus, ReviewTerms } from './types';

export interface AmendableRow {
  status: OrderStatus;
  currency: string;
  totalMinor: number;
  shipTo: ShipTo | null;
  holdSeconds: number;
  hasPaymentMethod: boolean;
  /** A request to cancel it is open. */
  isBeingCancelled: boolean;
  reviewStatus: ReviewStatus | null;
  /** Somebody may decide about it now: its money is authorised. */
  isInReview: boolean;
  review: ReviewTerms | null;
  /** How its warehouses are chosen; null: as the settings say. */
  sourcing: SourcingStrategy | null;
  customerId: string;
  /** The caller who placed it. */
  owner: string;
}

export interface AmendableItem {
  productId: number;
  sku: string;
  /** Units that the order has of it, without what was cancelled. */
  quantity: number;
  cancelled: number;
  unitPriceMinor: number;
}

export function selectAmendable(on: Queryable, orderId: string): Promise<AmendableRow | undefined> {
  return maybeOne<AmendableRow>(
    on,
    'orders.amendable',
    `select status, currency, total_minor as "totalMinor", ship_to as "shipTo", reservation_seconds as "holdSeconds",
       payment_method is not null as "hasPaymentMethod", cancel_state is not distinct from 'open' as "isBeingCancelled",
       review_status as "reviewStatus", review_status is not distinct from 'open' and review_until is not null as "isInReview",
       input -> 'review' as review, input ->> 'sourcing' as sourcing, customer_id as "customerId", owner
     from orders where id = $1`,
    [orderId],
  );
}

export function selectAmendableItems(on: Queryable, orderId: string): Promise<AmendableItem[]> {
  return many<AmendableItem>(
    on,
    'orders.amendable_items',
    `select product_id as "productId", sku, quantity - cancelled_quantity as quantity, cancelled_quantity as cancelled,
       unit_price_minor as "unitPriceMinor"
     from order_items where order_id = $1 order by line`,
    [orderId],
  );
}

export interface AddedUnits {
  productId: number;
  sku: string;
  unitPriceMinor: number;
  /** Units that are reserved from now on. */
  quantity: number;
  /** Of these, units that had been cancelled. */
  revived: number;
}

export function upsertItems(tx: Transaction, orderId: string, added: readonly AddedUnits[]): Promise<number> {
  return execute(
    tx,
    'orders.upsert_items',
    `insert into order_items as i (order_id, line, product_id, sku, quantity, unit_price_minor, reserved_quantity, merchant_id)
     select $1, (select coalesce(max(line), 0) from order_items where order_id = $1) + n, product, sku, quantity, price, quantity,
       (select p.merchant_id from products p where p.id = product)
     from unnest($2::int[], $3::text[], $4::int[], $5::bigint[], $6::int[]) with ordinality
       as a (product, sku, quantity, price, revived, n)
     on conflict (order_id, product_id) do update
     set reserved_quantity = i.reserved_quantity + excluded.quantity,
         quantity = i.quantity + excluded.quantity
           - ($6::int[])[array_position($2::int[], excluded.product_id)],
         cancelled_quantity = i.cancelled_quantity - ($6::int[])[array_position($2::int[], excluded.product_id)]`,
    [
      orderId,
      added.map((a) => a.productId),
      added.map((a) => a.sku),
      added.map((a) => a.quantity),
      added.map((a) => a.unitPriceMinor),
      added.map((a) => a.revived),
    ],
  );
}

/** Takes cancelled units off items; an item that has nothing else is removed. */
export async function removeCancelled(
  tx: Transaction,
  orderId: string,
  units: readonly { productId: number; quantity: number }[],
): Promise<void> {
  const values = [orderId, units.map((u) => u.productId), units.map((u) => u.quantity)];
  await execute(
    tx,
    'orders.remove_items',
    `delete from order_items i using unnest($2::int[], $3::int[]) as u (product, quantity)
     where i.order_id = $1 and i.product_id = u.product and i.quantity = u.quantity and i.cancelled_quantity = u.quantity`,
    values,
  );
  await execute(
    tx,
    'orders.remove_cancelled_units',
    `update order_items i set quantity = i.quantity - u.quantity, cancelled_quantity = i.cancelled_quantity - u.quantity
     from unnest($2::int[], $3::int[]) as u (product, quantity) where i.order_id = $1 and i.product_id = u.product`,
    values,
  );
}

export interface SourcingChange {
  skus: readonly string[];
  /** About these SKUs only; an SKU without one has none from now on. */
  decisions: readonly SourcingDecision[];
}

export interface OrderAmendment {
  /** What its total changes by, minor units. */
  totalMinor: number;
  /** Undefined: stays. */
  shipTo?: ShipTo | null;
  /** Why these warehouses: replaces the decisions about these SKUs. Undefined: as before. */
  sourcing?: SourcingChange;
  /** What it consists of from now on. Undefined: as before. */
  items?: OrderInput['items'];
  /** Somebody is to look at it from now on, once its money is authorised. */
  isReviewed?: boolean;
}

/** The decisions $5 in place of those about the SKUs $8; about an SKU that has none yet, at the end. */
const SOURCING_WITH = `(
  select coalesce(jsonb_agg(d order by place, n), '[]') from (
    select d, place, 0 as n from jsonb_array_elements(sourcing) with ordinality as old (d, place)
    where not (d->>'sku' = any ($8::text[]))
    union all
    select new.d, (select min(place) from jsonb_array_elements(sourcing) with ordinality as old (d, place)
                   where old.d->>'sku' = new.d->>'sku'), n
    from jsonb_array_elements($5::jsonb) with ordinality as new (d, n)) as decisions)`;

/** The input is what a saga that is started again begins with. */
export function updateAmended(tx: Transaction, orderId: string, change: OrderAmendment): Promise<number> {
  const { totalMinor, shipTo, sourcing, items, isReviewed = false } = change;
  const input = { ...(shipTo === undefined ? {} : { shipTo }), ...(items === undefined ? {} : { items }) };
  return execute(
    tx,
    'orders.update_amended',
    `update orders set total_minor = total_minor + $2, ship_to = case when $3 then nullif($4::jsonb, 'null') else ship_to end,
       sourcing = case when $5::jsonb is null then sourcing else ${SOURCING_WITH} end, input = input || $6::jsonb,
       review_status = case when $7 then 'open' else review_status end, updated_at = clock_timestamp()
     where id = $1`,
    [
      orderId,
      totalMinor,
      shipTo !== undefined,
      JSON.stringify(shipTo ?? null),
      sourcing ? JSON.stringify(sourcing.decisions) : null,
      JSON.stringify(input),
      isReviewed,
      sourcing?.skus ?? [],
    ],
  );
}
