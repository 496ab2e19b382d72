import { execute, many, type Queryable, type Transaction } from '../../../platform/database/database';
import { listOf } from '../../../platform/database/list-parameter';
import type { Allocation, NewReservation, StockKey } from '../ledger/types';
import { canBeFreed } from './due-sql';
import type { ReservationStatus } from './types';

export interface ReservationRow {
  id: string;
  kind: NewReservation['kind'];
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

/**
 * Locks reservations in the one order and reads the clock afterwards. In the statement that locks, PostgreSQL reads it
 * before the wait: one that falls due while somebody else has it locked would still look as if it had time left.
 */
const lockThenRead = (which: string) =>
  `with locked as materialized (select * from reservations where ${which} order by id for no key update)
   select ${RESERVATION_COLUMNS} from locked r order by r.id`;

export function selectReservationsForUpdate(
  tx: Transaction,
  ids: readonly string[],
): Promise<ReservationRow[]> {
  return many<ReservationRow>(tx, 'reservations.lock', lockThenRead(`id = any (${listOf(1, 'uuid')})`), [
    ids,
  ]);
}

/** All reservations of an order, locked. */
export function selectOrderReservationsForUpdate(
  tx: Transaction,
  orderId: string,
): Promise<ReservationRow[]> {
  return many<ReservationRow>(tx, 'reservations.lock_of_order', lockThenRead('order_id = $1'), [orderId]);
}

/** These reservations and all those of these orders, locked. */
export function selectReservationsAndOfOrdersForUpdate(
  tx: Transaction,
  { ids, orderIds }: { ids: readonly string[]; orderIds: readonly string[] },
): Promise<ReservationRow[]> {
  return many<ReservationRow>(
    tx,
    'reservations.lock_with_orders',
    lockThenRead(`id = any (${listOf(1, 'uuid')}) or order_id = any (${listOf(2, 'uuid')})`),
    [ids, orderIds],
  );
}

/** Products among these on which an unpaid reservation is past due and can be freed. */
export async function selectReclaimableProducts(
  on: Queryable,
  productIds: readonly number[],
): Promise<Set<number>> {
  const found = await many<{ productId: number }>(
    on,
    'reservations.reclaimable_products',
    `select distinct l.product_id as "productId"
     from reservations r join reservation_lines l on l.reservation_id = r.id
     where r.kind in ('order', 'hold') and ${canBeFreed('r')}
       and l.open_quantity > 0 and l.product_id = any ($1::int[])`,
    [productIds],
  );
  return new Set(found.map((row) => row.productId));
}

export interface OpenLine extends StockKey {
  reservationId: string;
  openQuantity: number;
}

export function selectOpenLines(on: Queryable, reservationIds: readonly string[]): Promise<OpenLine[]> {
  return many<OpenLine>(
    on,
    'reservations.open_lines',
    `select reservation_id as "reservationId", product_id as "productId", warehouse_id as "warehouseId",
            open_quantity as "openQuantity"
     from reservation_lines where reservation_id = any ($1::uuid[]) and open_quantity > 0
     order by product_id, warehouse_id, reservation_id`,
    [reservationIds],
  );
}

/** What a reservation still keeps, as clients name it. */
export interface NamedLine extends OpenLine {
  sku: string;
  /** Warehouse code. */
  location: string;
}

export function selectNamedLines(on: Queryable, reservationId: string): Promise<NamedLine[]> {
  return many<NamedLine>(
    on,
    'reservations.named_lines',
    `select l.reservation_id as "reservationId", l.product_id as "productId", l.warehouse_id as "warehouseId",
            l.open_quantity as "openQuantity", p.sku, w.code as location
     from reservation_lines l join products p on p.id = l.product_id join warehouses w on w.id = l.warehouse_id
     where l.reservation_id = $1 and l.open_quantity > 0
     order by l.product_id, l.warehouse_id`,
    [reservationId],
  );
}

export function reduceOpenLines(tx: Transaction, lines: readonly OpenLine[]): Promise<number> {
  return execute(
    tx,
    'reservations.reduce_open_lines',
    `update reservation_lines l set open_quantity = l.open_quantity - d.quantity
     from unnest(${listOf(1, 'uuid')}, $2::int[], $3::int[], $4::int[]) as d (id, product, warehouse, quantity)
     where l.reservation_id = d.id and l.product_id = d.product and l.warehouse_id = d.warehouse`,
    [
      lines.map((l) => l.reservationId),
      lines.map((l) => l.productId),
      lines.map((l) => l.warehouseId),
      lines.map((l) => l.openQuantity),
    ],
  );
}

/** Further units of a reservation, at one place. */
export interface MoreUnits extends Allocation {
  reservationId: string;
}

/** Further units of reservations, by line. Each line once. */
export function addToLines(tx: Transaction, units: readonly MoreUnits[]): Promise<number> {
  return execute(
    tx,
    'reservations.add_to_lines',
    `insert into reservation_lines as l (reservation_id, product_id, warehouse_id, quantity, open_quantity)
     select reservation, product, warehouse, quantity, quantity
     from unnest($1::uuid[], $2::int[], $3::int[], $4::int[]) as u (reservation, product, warehouse, quantity)
     on conflict (reservation_id, product_id, warehouse_id) do update
     set quantity = l.quantity + excluded.quantity, open_quantity = l.open_quantity + excluded.open_quantity`,
    [
      units.map((u) => u.reservationId),
      units.map((u) => u.productId),
      units.map((u) => u.warehouseId),
      units.map((u) => u.quantity),
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
    'reservations.update_status',
    `update reservations set status = $2, updated_at = clock_timestamp() where id = any ($1::uuid[])`,
    [ids, status],
  );
}

/** Sets the status of reservations that are past due. Returns for how long each has been, seconds. */
export async function updateReservationsExpired(tx: Transaction, ids: readonly string[]): Promise<number[]> {
  const expired = await many<{ lag: number }>(
    tx,
    'reservations.set_expired',
    `update reservations set status = 'expired', updated_at = clock_timestamp() where id = any ($1::uuid[])
     returning extract(epoch from clock_timestamp() - expires_at)::float8 as lag`,
    [ids],
  );
  return expired.map(({ lag }) => lag);
}

/**
 * Which of these reservations the ledger has already, although they are not there any more: they ended so long ago that they were
 * removed.
 */
export async function selectForgotten(on: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const found = await many<{ id: string }>(
    on,
    'reservations.forgotten',
    `select i.id from unnest($1::uuid[]) as i (id)
     where exists (select from ledger_keys k where k.key = 'reserve:' || i.id)
       and not exists (select from reservations r where r.id = i.id)`,
    [ids],
  );
  return new Set(found.map((row) => row.id));
}

/** Products by SKU with their stock, as a batch of reservations reads them. */
export interface CandidateRow extends StockKey {
  sku: string;
  priceMinor: number;
  currency: string;
  active: boolean;
  /** Orders are placed from the warehouse. */
  isOpen: boolean;
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
    'reservations.candidates',
    `select p.sku, p.id as "productId", p.price_minor as "priceMinor", p.currency, p.active,
            coalesce(s.warehouse_id, 0) as "warehouseId", coalesce(s.available, 0) as available,
            coalesce(w.active, false) as "isOpen",
            case when p.lot_tracked then (
              select min(l.expires_on)::text from lots l
              where l.product_id = p.id and l.warehouse_id = s.warehouse_id and l.quantity > l.held
                and l.expires_on >= (now() at time zone 'UTC')::date) end as "expiresOn"
     from products p left join stock s on s.product_id = p.id left join warehouses w on w.id = s.warehouse_id
     where p.sku = any (${listOf(1, 'text')})`,
    [skus],
  );
}

export function selectReservations(
  on: Queryable,
  ids: readonly string[],
): Promise<{ id: string; status: ReservationStatus; expiresAt: Date | null; fingerprint: string | null }[]> {
  return many(
    on,
    'reservations.statuses',
    'select id, status, expires_at as "expiresAt", fingerprint from reservations where id = any ($1::uuid[])',
    [ids],
  );
}
