import { execute, many, type Queryable, type Transaction } from '../../../platform/database/database';
import { listOf } from '../../../platform/database/list-parameter';
import type { Allocation, GoneUnits, StockKey } from './types';

/** Notes units that have left, all of which the counters still show. The caller holds the stock rows' locks. */
export function insertShortfalls(tx: Transaction, gone: readonly GoneUnits[]): Promise<number> {
  return execute(
    tx,
    'ledger.insert_shortfalls',
    `insert into stock_shortfalls (product_id, warehouse_id, shipment_id, order_id, quantity, open)
     select product_id, warehouse_id, shipment_id, order_id, quantity, quantity
     from unnest($1::int[], $2::int[], $3::uuid[], $4::uuid[], $5::int[])
       as g (product_id, warehouse_id, shipment_id, order_id, quantity)
     order by shipment_id, product_id`,
    [
      gone.map((g) => g.productId),
      gone.map((g) => g.warehouseId),
      gone.map((g) => g.shipmentId),
      gone.map((g) => g.orderId),
      gone.map((g) => g.quantity),
    ],
  );
}

/**
 * Takes what these places are short of from what nobody has reserved there, the oldest shortfall first, with the ledger entries. The caller
 * holds the stock rows' locks, under which nobody else changes what they are short of.
 *
 * An effect id is a parcel's own for what goes as it leaves, and else made of what was still open, which only falls: none is
 * ever used twice.
 *
 * @param leaving parcels that leave in this transaction
 * @returns units taken, each stock row once
 */
export function payShortfalls(
  tx: Transaction,
  keys: readonly StockKey[],
  { leaving, actor }: { leaving: readonly string[]; actor: string },
): Promise<Allocation[]> {
  return many<Allocation>(
    tx,
    'ledger.pay_shortfalls',
    `with short as (
       select f.id, f.product_id, f.warehouse_id, f.shipment_id, f.order_id, f.open, s.on_hand - s.reserved as free,
         sum(f.open) over (partition by f.product_id, f.warehouse_id order by f.id) - f.open as before
       from unnest(${listOf(1, 'int')}, $2::int[]) as k (product_id, warehouse_id)
       join stock_shortfalls f on f.product_id = k.product_id and f.warehouse_id = k.warehouse_id and f.open > 0
       join stock s on s.product_id = k.product_id and s.warehouse_id = k.warehouse_id and s.on_hand > s.reserved
     ), paid as (
       select *, least(open, free - before)::int as units from short where before < free
     ), taken as (
       select product_id, warehouse_id, sum(units)::int as units from paid group by 1, 2
     ), counted as (
       update stock s set on_hand = s.on_hand - t.units from taken t
       where s.product_id = t.product_id and s.warehouse_id = t.warehouse_id
     ), posted as (
       insert into inventory_transactions
         (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, order_id, reason, reference, actor)
       select product_id, warehouse_id, 'ship_late', -units, 0,
         case when shipment_id = any ($3::uuid[]) then shipment_id
              else md5(shipment_id || ':' || product_id || ':' || open)::uuid end,
         order_id, 'left with a parcel after it was stopped', 'shipment:' || shipment_id, $4
       from paid order by id
     ), reduced as (
       update stock_shortfalls f set open = f.open - p.units from paid p where f.id = p.id
     )
     select product_id as "productId", warehouse_id as "warehouseId", units as quantity from taken`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId), leaving, actor],
  );
}

/** Of each product in a parcel, the units that left with it and that the counters still show. */
export function selectShortfalls(
  on: Queryable,
  shipmentIds: readonly string[],
): Promise<{ shipmentId: string; productId: number; open: number }[]> {
  return many(
    on,
    'ledger.shortfalls_of_parcels',
    `select shipment_id as "shipmentId", product_id as "productId", open from stock_shortfalls
     where shipment_id = any ($1::uuid[]) and open > 0`,
    [shipmentIds],
  );
}

/** Products of which any place is short. */
export async function selectShortProducts(on: Queryable): Promise<number[]> {
  const found = await many<{ productId: number }>(
    on,
    'ledger.short_products',
    'select distinct product_id as "productId" from stock_shortfalls where open > 0',
  );
  return found.map((row) => row.productId);
}
