import { execute, many, one, type Queryable, type Transaction } from '../../../platform/database/database';
import { listOf } from '../../../platform/database/list-parameter';
import type { Correction, LedgerEntry, StockChange, StockKey, StockLevel } from './types';

/** Locks stock rows in the one lock order and returns them as they are after the wait. Rows that do not exist are left out. */
export function selectStockForUpdate(tx: Transaction, keys: readonly StockKey[]): Promise<StockLevel[]> {
  return many<StockLevel>(
    tx,
    'ledger.lock_stock',
    `select s.product_id as "productId", s.warehouse_id as "warehouseId", s.on_hand as "onHand", s.reserved, s.available,
            s.safety_stock as "safetyStock", s.low_stock_threshold as "lowStockThreshold"
     from stock s
     where (s.product_id, s.warehouse_id) in (select * from unnest(${listOf(1, 'int')}, $2::int[]))
     order by s.product_id, s.warehouse_id
     for no key update`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

/** Locks those of these rows that can be locked at once, and returns their keys: somebody else has locked the others. */
export function selectUnlockedStockForUpdate(
  tx: Transaction,
  keys: readonly StockKey[],
): Promise<StockKey[]> {
  return many<StockKey>(
    tx,
    'ledger.lock_unlocked_stock',
    `select s.product_id as "productId", s.warehouse_id as "warehouseId"
     from stock s
     where (s.product_id, s.warehouse_id) in (select * from unnest($1::int[], $2::int[]))
     order by s.product_id, s.warehouse_id
     for no key update skip locked`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

/** One change per row: callers fold first, since UPDATE … FROM applies only one of several matches. */
export function updateStock(tx: Transaction, changes: readonly StockChange[]): Promise<number> {
  return execute(
    tx,
    'ledger.update_stock',
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
    'ledger.insert_empty_stock',
    `insert into stock (product_id, warehouse_id)
     select * from unnest($1::int[], $2::int[]) order by 1, 2
     on conflict do nothing`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

/** Makes empty stock rows that warn below `lowStockThreshold` units. */
export function insertStockRows(
  tx: Transaction,
  keys: readonly StockKey[],
  lowStockThreshold: number,
): Promise<number> {
  return execute(
    tx,
    'ledger.insert_stock_rows',
    `insert into stock (product_id, warehouse_id, low_stock_threshold)
     select product, warehouse, $3 from unnest($1::int[], $2::int[]) as k (product, warehouse) order by 1, 2`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId), lowStockThreshold],
  );
}

/** The trigger on the ledger records `kind:effect_id`, and refuses one that is there already. */
export function insertLedger(tx: Transaction, entries: readonly LedgerEntry[]): Promise<number> {
  return execute(
    tx,
    'ledger.insert_entries',
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

/**
 * The same for corrections. One without a time takes effect right after the newest absolute number of its stock row, and of the lots that
 * it names, or where it names none of any lot there: their units have moved before.
 */
export function insertCorrections(
  tx: Transaction,
  entries: readonly (LedgerEntry & { correction: Correction })[],
): Promise<number> {
  return execute(
    tx,
    'ledger.insert_corrections',
    `insert into inventory_transactions
       (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reason, reference, actor, as_of, number)
     select e.product_id, e.warehouse_id, e.kind, e.on_hand, e.reserved, e.effect_id, e.reason, e.reference, e.actor,
            coalesce(e.as_of, (
              select greatest(s.number_as_of, max(l.number_as_of)) + interval '1 microsecond' from lots l
              where l.product_id = e.product_id and l.warehouse_id = e.warehouse_id
                and (l.id in (select v.lot_id from lot_movements v where v.effect_id = e.effect_id and v.kind = e.kind)
                     or not exists (
                       select from lot_movements v where v.effect_id = e.effect_id and v.kind = e.kind
                         and v.product_id = e.product_id and v.warehouse_id = e.warehouse_id))), '-infinity'), e.number
     from unnest(${listOf(1, 'int')}, $2::int[], $3::text[], $4::int[], $5::int[], $6::uuid[], $7::text[], $8::text[], $9::text[],
                 $10::timestamptz[], $11::int[])
       as e (product_id, warehouse_id, kind, on_hand, reserved, effect_id, reason, reference, actor, as_of, number)
     join stock s on s.product_id = e.product_id and s.warehouse_id = e.warehouse_id`,
    [
      entries.map((e) => e.productId),
      entries.map((e) => e.warehouseId),
      entries.map((e) => e.kind),
      entries.map((e) => e.onHandDelta),
      entries.map((e) => e.reservedDelta),
      entries.map((e) => e.effectId),
      entries.map((e) => e.reason ?? null),
      entries.map((e) => e.reference ?? null),
      entries.map((e) => e.actor ?? 'system'),
      entries.map((e) => e.correction.asOf),
      entries.map((e) => e.correction.number ?? null),
    ],
  );
}

/** Notes in the stock rows that they were corrected, and as of when the newest absolute number of each is true. */
export function noteCorrections(
  tx: Transaction,
  entries: readonly (LedgerEntry & { correction: Correction })[],
): Promise<number> {
  return execute(
    tx,
    'ledger.note_corrections',
    `update stock s
     set number_as_of = greatest(s.number_as_of, c.number_as_of), corrections = s.corrections + c.corrections
     from (select product_id, warehouse_id, max(as_of) filter (where number is not null) as number_as_of, count(*)::int as corrections
           from unnest(${listOf(1, 'int')}, $2::int[], $3::timestamptz[], $4::int[]) as e (product_id, warehouse_id, as_of, number)
           group by 1, 2) c
     where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id`,
    [
      entries.map((e) => e.productId),
      entries.map((e) => e.warehouseId),
      entries.map((e) => e.correction.asOf),
      entries.map((e) => e.correction.number ?? null),
    ],
  );
}

/**
 * Statements that wait for the stock rows of a product, and that have decided by their snapshot, decide again: something else than their
 * units has changed. The caller holds the rows' locks.
 */
export function outdateDecisions(tx: Transaction, productId: number): Promise<number> {
  return execute(
    tx,
    'ledger.outdate_decisions',
    'update stock set corrections = corrections + 1 where product_id = $1',
    [productId],
  );
}

/** Whether an effect is in the ledger. */
export async function effectIsApplied(
  on: Queryable,
  kind: LedgerEntry['kind'],
  effectId: string,
): Promise<boolean> {
  const row = await one<{ applied: boolean }>(
    on,
    'ledger.effect_is_applied',
    'select exists (select from ledger_keys where key = $1) as applied',
    [`${kind}:${effectId}`],
  );
  return row.applied;
}

/** Of these products the next that have units available at a warehouse, by id. Unlocked. */
export function selectFreeAt(
  on: Queryable,
  productIds: readonly number[],
  { warehouseId, after, limit }: { warehouseId: number; after: number; limit: number },
): Promise<StockKey[]> {
  return many<StockKey>(
    on,
    'ledger.free_at',
    `select product_id as "productId", warehouse_id as "warehouseId" from stock
     where warehouse_id = $2 and product_id = any ($1::int[]) and product_id > $3 and available > 0
     order by product_id limit $4`,
    [productIds, warehouseId, after, limit],
  );
}

/** What of these stock rows may be promised to customers. The caller holds their locks. */
export function selectAvailable(
  tx: Transaction,
  keys: readonly StockKey[],
): Promise<(StockKey & { available: number })[]> {
  return many(
    tx,
    'ledger.available',
    `select s.product_id as "productId", s.warehouse_id as "warehouseId", s.available
     from unnest(${listOf(1, 'int')}, $2::int[]) as k (product_id, warehouse_id)
     join stock s on s.product_id = k.product_id and s.warehouse_id = k.warehouse_id`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

/** What these names mean; null: there is no such product, or location. */
export function selectStockKey(
  on: Queryable,
  sku: string,
  location: string,
): Promise<{ productId: number | null; warehouseId: number | null }> {
  return one(
    on,
    'ledger.stock_key',
    `select (select id from products where sku = $1) as "productId", (select id from warehouses where code = $2) as "warehouseId"`,
    [sku, location],
  );
}
