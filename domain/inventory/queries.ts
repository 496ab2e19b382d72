import { execute, firstRow, rows, type Queryable, type Transaction } from '../../platform/database';
import type { Allocation, LedgerEntry, ReservationStatus, StockKey, StockLevel, Warehouse } from './types';

export function selectWarehouses(on: Queryable): Promise<Warehouse[]> {
  return rows<Warehouse>(
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
}

/** Products by SKU with their stock, unlocked. A product without stock rows comes with `warehouseId` 0. */
export function selectCandidates(on: Queryable, skus: readonly string[]): Promise<CandidateRow[]> {
  return rows<CandidateRow>(
    on,
    'inventory.candidates',
    `select p.sku, p.id as "productId", p.price_minor as "priceMinor", p.currency, p.active,
            coalesce(s.warehouse_id, 0) as "warehouseId", coalesce(s.available, 0) as available
     from products p left join stock s on s.product_id = p.id
     where p.sku = any ($1::text[])`,
    [skus],
  );
}

/** Locks stock rows in the one lock order and answers them as they are after the wait. Rows that do not exist are left out. */
export function selectStockForUpdate(tx: Transaction, keys: readonly StockKey[]): Promise<StockLevel[]> {
  return rows<StockLevel>(
    tx,
    'inventory.lock_stock',
    `select s.product_id as "productId", s.warehouse_id as "warehouseId", s.on_hand as "onHand", s.reserved, s.available
     from stock s
     where (s.product_id, s.warehouse_id) in (select * from unnest($1::int[], $2::int[]))
     order by s.product_id, s.warehouse_id
     for no key update`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

/** Which of these rows can be locked at once: the others are held by somebody else. */
export function selectFreeStock(tx: Transaction, keys: readonly StockKey[]): Promise<StockKey[]> {
  return rows<StockKey>(
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
     set on_hand = s.on_hand + d.on_hand, reserved = s.reserved + d.reserved, version = s.version + 1
     from unnest($1::int[], $2::int[], $3::int[], $4::int[]) as d (product_id, warehouse_id, on_hand, reserved)
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
     select * from unnest($1::int[], $2::int[], $3::text[], $4::int[], $5::int[], $6::uuid[], $7::uuid[], $8::uuid[],
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
  const row = await firstRow(on, 'inventory.effect_is_applied', 'select 1 from ledger_keys where key = $1', [
    `${kind}:${effectId}`,
  ]);
  return row !== undefined;
}

export interface ReservationRow {
  id: string;
  kind: 'order' | 'hold' | 'allocation';
  orderId: string | null;
  seq: number;
  status: ReservationStatus;
  attempt: number;
  expiresAt: Date | null;
  /** Milliseconds until it falls due by PostgreSQL's clock, after any wait for the lock; null: never. */
  msLeft: number | null;
}

const RESERVATION_COLUMNS = `r.id, r.kind, r.order_id as "orderId", r.seq, r.status, r.attempt, r.expires_at as "expiresAt",
  ceil(extract(epoch from r.expires_at - clock_timestamp()) * 1000)::float8 as "msLeft"`;

export function selectReservationsForUpdate(
  tx: Transaction,
  ids: readonly string[],
): Promise<ReservationRow[]> {
  return rows<ReservationRow>(
    tx,
    'inventory.lock_reservations',
    `select ${RESERVATION_COLUMNS} from reservations r where r.id = any ($1::uuid[]) order by r.id for no key update`,
    [ids],
  );
}

/** All holds of an order, locked. */
export function selectOrderReservationsForUpdate(
  tx: Transaction,
  orderId: string,
): Promise<ReservationRow[]> {
  return rows<ReservationRow>(
    tx,
    'inventory.lock_order_reservations',
    `select ${RESERVATION_COLUMNS} from reservations r where r.order_id = $1 order by r.id for no key update`,
    [orderId],
  );
}

/**
 * Locks pending order holds on these products that are past due, skipping any that somebody works on, and those whose order
 * also waits for stock: its queue places must be given up first, which is its saga's work.
 * `status = 'pending'` is tested again by the lock itself, so one that was just paid is not taken.
 */
export function selectDueReservationsForUpdate(
  tx: Transaction,
  productIds: readonly number[],
  limit: number,
): Promise<ReservationRow[]> {
  return rows<ReservationRow>(
    tx,
    'inventory.lock_due_reservations',
    `select ${RESERVATION_COLUMNS} from reservations r
     where r.kind = 'order' and r.status = 'pending' and r.expires_at <= clock_timestamp()
       and exists (select 1 from reservation_lines l
                   where l.reservation_id = r.id and l.open_quantity > 0 and l.product_id = any ($1::int[]))
       and not exists (select 1 from backorders b where b.order_id = r.order_id and b.waiting > 0)
     order by r.id limit $2
     for no key update skip locked`,
    [productIds, limit],
  );
}

/** Products among these on which an unpaid hold is past due. */
export async function selectReclaimableProducts(
  on: Queryable,
  productIds: readonly number[],
): Promise<Set<number>> {
  const found = await rows<{ productId: number }>(
    on,
    'inventory.reclaimable_products',
    `select distinct l.product_id as "productId"
     from reservations r join reservation_lines l on l.reservation_id = r.id
     where r.kind = 'order' and r.status = 'pending' and r.expires_at <= clock_timestamp()
       and l.open_quantity > 0 and l.product_id = any ($1::int[])`,
    [productIds],
  );
  return new Set(found.map((row) => row.productId));
}

export interface NewReservation {
  id: string;
  kind: ReservationRow['kind'];
  orderId: string | null;
  seq: number;
  status: ReservationStatus;
  attempt: number;
  /** Seconds from now; null: it never falls due. */
  holdSeconds: number | null;
}

/** Answers each new hold's due time, as PostgreSQL set it. */
export function insertReservations(
  tx: Transaction,
  reservations: readonly NewReservation[],
): Promise<{ id: string; expiresAt: Date | null }[]> {
  return rows(
    tx,
    'inventory.insert_reservations',
    `insert into reservations (id, kind, order_id, seq, status, attempt, expires_at)
     select id, kind, order_id, seq, status, attempt, clock_timestamp() + make_interval(secs => hold_seconds)
     from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::text[], $6::int[], $7::float8[])
       as r (id, kind, order_id, seq, status, attempt, hold_seconds)
     returning id, expires_at as "expiresAt"`,
    [
      reservations.map((r) => r.id),
      reservations.map((r) => r.kind),
      reservations.map((r) => r.orderId),
      reservations.map((r) => r.seq),
      reservations.map((r) => r.status),
      reservations.map((r) => r.attempt),
      reservations.map((r) => r.holdSeconds),
    ],
  );
}

export interface ReservationLine extends Allocation {
  reservationId: string;
}

export function insertLines(tx: Transaction, lines: readonly ReservationLine[]): Promise<number> {
  return execute(
    tx,
    'inventory.insert_lines',
    `insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
     select id, product, warehouse, quantity, quantity
     from unnest($1::uuid[], $2::int[], $3::int[], $4::int[]) as l (id, product, warehouse, quantity)`,
    [
      lines.map((l) => l.reservationId),
      lines.map((l) => l.productId),
      lines.map((l) => l.warehouseId),
      lines.map((l) => l.quantity),
    ],
  );
}

export interface OpenLine extends StockKey {
  reservationId: string;
  openQuantity: number;
}

export function selectOpenLines(on: Queryable, reservationIds: readonly string[]): Promise<OpenLine[]> {
  return rows<OpenLine>(
    on,
    'inventory.open_lines',
    `select reservation_id as "reservationId", product_id as "productId", warehouse_id as "warehouseId",
            open_quantity as "openQuantity"
     from reservation_lines where reservation_id = any ($1::uuid[]) and open_quantity > 0
     order by product_id, warehouse_id, reservation_id`,
    [reservationIds],
  );
}

export function reduceOpenLines(tx: Transaction, lines: readonly OpenLine[]): Promise<number> {
  return execute(
    tx,
    'inventory.reduce_open_lines',
    `update reservation_lines l set open_quantity = l.open_quantity - d.quantity
     from unnest($1::uuid[], $2::int[], $3::int[], $4::int[]) as d (id, product, warehouse, quantity)
     where l.reservation_id = d.id and l.product_id = d.product and l.warehouse_id = d.warehouse`,
    [
      lines.map((l) => l.reservationId),
      lines.map((l) => l.productId),
      lines.map((l) => l.warehouseId),
      lines.map((l) => l.openQuantity),
    ],
  );
}

export function updateReservationStatus(
  tx: Transaction,
  ids: readonly string[],
  status: ReservationStatus,
): Promise<number> {
  return execute(
    tx,
    'inventory.update_reservation_status',
    `update reservations set status = $2, updated_at = clock_timestamp() where id = any ($1::uuid[])`,
    [ids, status],
  );
}

export function selectStockKey(
  on: Queryable,
  sku: string,
  location: string,
): Promise<{ productId: number | null; warehouseId: number | null } | undefined> {
  return firstRow(
    on,
    'inventory.stock_key',
    `select (select id from products where sku = $1) as "productId", (select id from warehouses where code = $2) as "warehouseId"`,
    [sku, location],
  );
}

export async function selectThreshold(on: Queryable, key: StockKey): Promise<number> {
  const row = await firstRow<{ threshold: number }>(
    on,
    'inventory.threshold',
    'select low_stock_threshold as threshold from stock where product_id = $1 and warehouse_id = $2',
    [key.productId, key.warehouseId],
  );
  return row?.threshold ?? 0;
}

/** Makes the ledger's partitions of this month and `months` more; answers how many were new. */
export async function ensurePartitions(on: Queryable, months: number): Promise<number> {
  const row = await firstRow<{ made: number }>(
    on,
    'inventory.ensure_partitions',
    'select ensure_ledger_partitions($1) as made',
    [months],
  );
  return row?.made ?? 0;
}

export function selectHolds(
  on: Queryable,
  ids: readonly string[],
): Promise<{ id: string; status: ReservationStatus; expiresAt: Date | null }[]> {
  return rows(
    on,
    'inventory.holds',
    'select id, status, expires_at as "expiresAt" from reservations where id = any ($1::uuid[])',
    [ids],
  );
}
