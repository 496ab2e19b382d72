import {
  execute,
  maybeOne,
  many,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { listOf } from '../../../platform/database/list-parameter';
import type { LedgerEntry, StockKey, StockLevel, Warehouse } from './types';

export function selectWarehouses(on: Queryable): Promise<Warehouse[]> {
  return many<Warehouse>(
    on,
    'inventory.warehouses',
    `select id, code, name, type, address, latitude, longitude, region, priority, active
     from warehouses order by code`,
  );
}

export interface CandidateRow extends StockKey {
  sku: string;
  priceMinor: number;
  currency: string;
  active: boolean;
  available: number;
  /** Of a product that is kept by lot: the soonest expiry of what may be sold there, YYYY-MM-DD. */
  expiresOn: string | null;
}

/**
 * Products by SKU with their stock, unlocked. A product without stock rows comes with `warehouseId` 0. Lots are looked at only
 * for a product that is kept by lot: for the others the subquery is not run.
 */
export function selectCandidates(on: Queryable, skus: readonly string[]): Promise<CandidateRow[]> {
  return many<CandidateRow>(
    on,
    'inventory.candidates',
    `select p.sku, p.id as "productId", p.price_minor as "priceMinor", p.currency, p.active,
            coalesce(s.warehouse_id, 0) as "warehouseId", coalesce(s.available, 0) as available,
            case when p.lot_tracked then (
              select min(l.expires_on)::text from lots l
              where l.product_id = p.id and l.warehouse_id = s.warehouse_id and l.quantity > l.held
                and l.expires_on >= (now() at time zone 'UTC')::date) end as "expiresOn"
     from products p left join stock s on s.product_id = p.id
     where p.sku = any (${listOf(1, 'text')})`,
    [skus],
  );
}

/** Locks stock rows in the one lock order and answers them as they are after the wait. Rows that do not exist are left out. */
export function selectStockForUpdate(tx: Transaction, keys: readonly StockKey[]): Promise<StockLevel[]> {
  return many<StockLevel>(
    tx,
    'inventory.lock_stock',
    `select s.product_id as "productId", s.warehouse_id as "warehouseId", s.on_hand as "onHand", s.reserved, s.available
     from stock s
     where (s.product_id, s.warehouse_id) in (select * from unnest(${listOf(1, 'int')}, $2::int[]))
     order by s.product_id, s.warehouse_id
     for no key update`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

/** Which of these rows can be locked at once: the others are held by somebody else. */
export function selectFreeStock(tx: Transaction, keys: readonly StockKey[]): Promise<StockKey[]> {
  return many<StockKey>(
    tx,
    'inventory.probe_stock',
    `select s.product_id as "productId", s.warehouse_id as "warehouseId"
     from stock s
     where (s.product_id, s.warehouse_id) in (select * from unnest($1::int[], $2::int[]))
     order by s.product_id, s.warehouse_id
     for no key update skip locked`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

export interface StockChange extends StockKey {
  onHandDelta: number;
  reservedDelta: number;
}

/** One change per row: callers fold first, since UPDATE … FROM applies only one of several matches. */
export function updateStock(tx: Transaction, changes: readonly StockChange[]): Promise<number> {
  return execute(
    tx,
    'inventory.update_stock',
    `update stock s
     set on_hand = s.on_hand + d.on_hand, reserved = s.reserved + d.reserved
     from unnest(${listOf(1, 'int')}, $2::int[], $3::int[], $4::int[]) as d (product_id, warehouse_id, on_hand, reserved)
     where s.product_id = d.product_id and s.warehouse_id = d.warehouse_id`,
    [
      changes.map((c) => c.productId),
      changes.map((c) => c.warehouseId),
      changes.map((c) => c.onHandDelta),
      changes.map((c) => c.reservedDelta),
    ],
  );
}

/** Makes stock rows that do not exist yet, empty. */
export function insertEmptyStock(tx: Transaction, keys: readonly StockKey[]): Promise<number> {
  return execute(
    tx,
    'inventory.insert_empty_stock',
    `insert into stock (product_id, warehouse_id)
     select * from unnest($1::int[], $2::int[]) order by 1, 2
     on conflict do nothing`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

/** The trigger on the ledger records `kind:effect_id`, and refuses one that is there already. */
export function insertLedger(tx: Transaction, entries: readonly LedgerEntry[]): Promise<number> {
  return execute(
    tx,
    'inventory.insert_ledger',
    `insert into inventory_transactions
       (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, order_id, reason, reference, actor)
     select * from unnest(${listOf(1, 'int')}, $2::int[], $3::text[], $4::int[], $5::int[], $6::uuid[], $7::uuid[], $8::uuid[],
                          $9::text[], $10::text[], $11::text[])`,
    [
      entries.map((e) => e.productId),
      entries.map((e) => e.warehouseId),
      entries.map((e) => e.kind),
      entries.map((e) => e.onHandDelta),
      entries.map((e) => e.reservedDelta),
      entries.map((e) => e.effectId),
      entries.map((e) => e.reservationId ?? null),
      entries.map((e) => e.orderId ?? null),
      entries.map((e) => e.reason ?? null),
      entries.map((e) => e.reference ?? null),
      entries.map((e) => e.actor ?? 'system'),
    ],
  );
}

/** True when an effect is in the ledger. */
export async function effectIsApplied(
  on: Queryable,
  kind: LedgerEntry['kind'],
  effectId: string,
): Promise<boolean> {
  const row = await maybeOne(on, 'inventory.effect_is_applied', 'select 1 from ledger_keys where key = $1', [
    `${kind}:${effectId}`,
  ]);
  return row !== undefined;
}

export function selectStockKey(
  on: Queryable,
  sku: string,
  location: string,
): Promise<{ productId: number | null; warehouseId: number | null } | undefined> {
  return maybeOne(
    on,
    'inventory.stock_key',
    `select (select id from products where sku = $1) as "productId", (select id from warehouses where code = $2) as "warehouseId"`,
    [sku, location],
  );
}

/** Of a location's code; null: there is no such location. */
export async function selectWarehouseId(on: Queryable, code: string): Promise<number | null> {
  const row = await maybeOne<{ id: number }>(
    on,
    'inventory.warehouse_id',
    'select id from warehouses where code = $1',
    [code],
  );
  return row?.id ?? null;
}

export async function selectThreshold(on: Queryable, key: StockKey): Promise<number> {
  const row = await maybeOne<{ threshold: number }>(
    on,
    'inventory.threshold',
    'select low_stock_threshold as threshold from stock where product_id = $1 and warehouse_id = $2',
    [key.productId, key.warehouseId],
  );
  return row?.threshold ?? 0;
}

/** Makes the ledger's partitions of this month and `months` more; answers how many were new. */
export async function ensurePartitions(on: Queryable, months: number): Promise<number> {
  const row = await maybeOne<{ made: number }>(
    on,
    'inventory.ensure_partitions',
    'select ensure_ledger_partitions($1) as made',
    [months],
  );
  return row?.made ?? 0;
}
