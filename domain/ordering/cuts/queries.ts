import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { literals } from '../../../platform/database/literals';
import { STOPPABLE_SHIPMENT_STATUSES } from '../../fulfilment/types';
import { priceSql } from '../../orders/price-sql';
import type { CancelState } from '../../orders/types';
import { undecided } from './undecided-sql';

export interface NewCut {
  id: string;
  requestId: string;
  orderId: string;
  sku: string;
  quantity: number;
  reason: string | null;
  /** The shipment that they are taken out of, once it is stopped; null: wherever the order has them. */
  shipmentId: string | null;
}

/** Writes what is to be cut of an order's items; a request that was written before, and SKUs that it has not, are left out. */
export function insertCuts(tx: Transaction, cuts: readonly NewCut[]): Promise<number> {
  return execute(
    tx,
    'cuts.insert',
    `insert into order_cuts (id, request_id, order_id, product_id, quantity, reason, shipment_id)
     select c.id, c.request_id, c.order_id, i.product_id, c.quantity, c.reason, c.shipment_id
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::text[], $7::uuid[])
       as c (id, request_id, order_id, sku, quantity, reason, shipment_id)
     join order_items i on i.order_id = c.order_id and i.sku = c.sku
     on conflict do nothing`,
    [
      cuts.map((c) => c.id),
      cuts.map((c) => c.requestId),
      cuts.map((c) => c.orderId),
      cuts.map((c) => c.sku),
      cuts.map((c) => c.quantity),
      cuts.map((c) => c.reason),
      cuts.map((c) => c.shipmentId),
    ],
  );
}

/** Of a request: whether more may be cut, and how many units were. */
export function selectCut(
  on: Queryable,
  requestId: string,
): Promise<{ isOpen: boolean; units: number } | undefined> {
  return maybeOne(
    on,
    'cuts.of_request',
    `select bool_or(state = 'open') as "isOpen", sum(done) as units from order_cuts where request_id = $1
     having count(*) > 0`,
    [requestId],
  );
}

/** Requests of clients to cut units of an order; what an amendment takes out is not counted. */
export async function countRequests(on: Queryable, orderId: string): Promise<number> {
  const { count } = await one<{ count: number }>(
    on,
    'cuts.count_requests',
    `select count(distinct request_id)::int as count from order_cuts c
     where order_id = $1 and not exists (select from order_amendments a where a.id = c.request_id)`,
    [orderId],
  );
  return count;
}

/** What the units cost that a request has cut, minor units. */
export async function selectCutPrice(on: Queryable, requestId: string): Promise<number> {
  const { minor } = await one<{ minor: number }>(
    on,
    'cuts.price',
    `select coalesce(${priceSql('c.done', 'i')}, 0)::bigint as minor
     from order_cuts c join order_items i on i.order_id = c.order_id and i.product_id = c.product_id where c.request_id = $1`,
    [requestId],
  );
  return minor;
}

/** Whether units of an order are still to be cut. */
export async function existsOpen(on: Queryable, orderId: string): Promise<boolean> {
  const { isOpen } = await one<{ isOpen: boolean }>(
    on,
    'cuts.exists_open',
    `select exists (select from order_cuts where order_id = $1 and state = 'open') as "isOpen"`,
    [orderId],
  );
  return isOpen;
}

export interface OpenCut {
  id: string;
  productId: number;
  sku: string;
  /** Units that are still to be cut. */
  left: number;
  /** They are taken out of this shipment only. */
  shipmentId: string | null;
}

/** What is still to be cut of an order, oldest first, locked; also of a product that is not in it any more, since an amendment was undone. */
export function selectOpenForUpdate(tx: Transaction, orderId: string): Promise<OpenCut[]> {
  return many<OpenCut>(
    tx,
    'cuts.lock_open',
    `with locked as (
       select id, product_id, quantity - done as left, shipment_id, created_at from order_cuts
       where order_id = $1 and state = 'open' order by id for no key update
     )
     select c.id, c.product_id as "productId", p.sku, c.left, c.shipment_id as "shipmentId" from locked c
     join products p on p.id = c.product_id order by c.created_at, c.id`,
    [orderId],
  );
}

/** Counts units as cut; a cut that has all of them is done. */
export function addDone(tx: Transaction, cuts: readonly { id: string; units: number }[]): Promise<number> {
  return execute(
    tx,
    'cuts.add_done',
    `update order_cuts c set done = c.done + d.units,
       state = case when c.done + d.units = c.quantity then 'done' else c.state end
     from unnest($1::uuid[], $2::int[]) as d (id, units) where c.id = d.id`,
    [cuts.map((c) => c.id), cuts.map((c) => c.units)],
  );
}

/** Ends cuts of which no more can be cut. Returns those that ended, with what was cut. */
export function endCuts(
  tx: Transaction,
  cutIds: readonly string[],
): Promise<{ requestId: string; state: CancelState }[]> {
  return many(
    tx,
    'cuts.end',
    `update order_cuts set state = case when done > 0 then 'done' else 'refused' end
     where id = any ($1::uuid[]) and state = 'open' returning request_id as "requestId", state`,
    [cutIds],
  );
}

/** Those of these products of an order of which it is not known yet what there is to cut. */
export async function selectUndecided(
  tx: Transaction,
  orderId: string,
  productIds: readonly number[],
): Promise<Set<number>> {
  const found = await many<{ productId: number }>(
    tx,
    'cuts.undecided',
    `select p.id as "productId" from unnest($2::int[]) as p (id) where ${undecided('$1', 'p.id')}`,
    [orderId, productIds],
  );
  return new Set(found.map(({ productId }) => productId));
}

export interface ParcelWithUnits {
  shipmentId: string;
  productId: number;
  quantity: number;
}

/** Units of these products in shipments of an order that have not left and can be stopped, those first that are stopped most easily. */
export function selectStoppable(
  tx: Transaction,
  orderId: string,
  productIds: readonly number[],
): Promise<ParcelWithUnits[]> {
  return many<ParcelWithUnits>(
    tx,
    'cuts.stoppable',
    `select s.id as "shipmentId", i.product_id as "productId", i.quantity
     from shipments s join shipment_items i on i.shipment_id = s.id
     where s.order_id = $1 and i.product_id = any ($2::int[]) and s.stop_refused_at is null
       and s.status in ${literals(STOPPABLE_SHIPMENT_STATUSES)}
     order by array_position(array['pending', 'booking', 'booked'], s.status), s.created_at desc, s.id`,
    [orderId, productIds],
  );
}
