import { execute, many, type Queryable, type Transaction } from '../../../platform/database/database';
import { notPutOff } from '../alerts/failed-work-queries';
import { COMMIT_SECONDS, LOOK_EVERY_SECONDS } from './rules';
import type { Allocation, ReservationKind, ReservationStatus, StockKey } from '../ledger/types';
import { listOf } from '../../../platform/database/list-parameter';

export interface ReservationRow {
  id: string;
  kind: ReservationKind;
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
 * before the wait: a hold that falls due while somebody else has it would still look as if it had time left.
 */
const lockThenRead = (which: string) =>
  `with locked as materialized (select * from reservations where ${which} order by id for no key update)
   select ${RESERVATION_COLUMNS} from locked r order by r.id`;

export function selectReservationsForUpdate(
  tx: Transaction,
  ids: readonly string[],
): Promise<ReservationRow[]> {
  return many<ReservationRow>(
    tx,
    'inventory.lock_reservations',
    lockThenRead(`id = any (${listOf(1, 'uuid')})`),
    [ids],
  );
}

/** All holds of an order, locked. */
export function selectOrderReservationsForUpdate(
  tx: Transaction,
  orderId: string,
): Promise<ReservationRow[]> {
  return many<ReservationRow>(tx, 'inventory.lock_order_reservations', lockThenRead('order_id = $1'), [
    orderId,
  ]);
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
  return many<ReservationRow>(
    tx,
    'inventory.lock_due_reservations',
    `select ${RESERVATION_COLUMNS} from reservations r
     where r.kind = 'order' and r.status = 'pending' and r.expires_at <= (select clock_timestamp())
       and exists (select 1 from reservation_lines l
                   where l.reservation_id = r.id and l.open_quantity > 0 and l.product_id = any ($1::int[]))
       and not exists (select 1 from backorders b where b.order_id = r.order_id and b.waiting > 0)
       and ${notPutOff('expire_hold', 'r.id')}
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
  const found = await many<{ productId: number }>(
    on,
    'inventory.reclaimable_products',
    `select distinct l.product_id as "productId"
     from reservations r join reservation_lines l on l.reservation_id = r.id
     where r.kind in ('order', 'hold') and r.status = 'pending' and r.expires_at <= (select clock_timestamp())
       and l.open_quantity > 0 and l.product_id = any ($1::int[]) and ${notPutOff('expire_hold', 'r.id')}`,
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
  return many(
    tx,
    'inventory.insert_reservations',
    `insert into reservations (id, kind, order_id, seq, status, attempt, expires_at)
     select id, kind, order_id, seq, status, attempt, clock_timestamp() + make_interval(secs => reservation_seconds)
     from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::text[], $6::int[], $7::float8[])
       as r (id, kind, order_id, seq, status, attempt, reservation_seconds)
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

export interface NewReservationWithLines {
  id: string;
  kind: ReservationRow['kind'];
  orderId: string | null;
  status: ReservationStatus;
  attempt: number;
  holdSeconds: number;
  /** When it falls due, instead of `holdSeconds` from now. */
  expiresAt?: Date | null;
  /** What the caller calls the thing it holds stock for. */
  reference?: string | null;
  allocations: readonly Allocation[];
}

/**
 * The reservation path's only write: holds, lines, counters and ledger in one statement, so that each value is sent and
 * parsed once. The caller holds the stock rows' locks. Answers each hold's due time, as PostgreSQL set it.
 *
 * Where a hold without an order falls due before the expiry looks again, a message for the expiry is left in the outbox:
 * `rang`. In this statement, so that a hold costs no round trip more and none is made without its ring.
 */
export function insertReservationsWithLines(
  tx: Transaction,
  holds: readonly NewReservationWithLines[],
): Promise<{ id: string; expiresAt: Date | null; rang: boolean }[]> {
  // Lines name their hold by its place, from 1: an id would be sent once more for each.
  const lines = holds.flatMap(({ allocations }, index) =>
    allocations.map((line) => ({ ...line, hold: index + 1 })),
  );
  return many(
    tx,
    'inventory.insert_holds',
    `with line as (
       select ($1::uuid[])[hold] as id, ($3::uuid[])[hold] as order_id, product_id, warehouse_id, quantity
       from unnest($7::int[], $8::int[], $9::int[], $10::int[]) as l (hold, product_id, warehouse_id, quantity)
     ), counted as (
       update stock s set reserved = s.reserved + d.quantity
       from (select product_id, warehouse_id, sum(quantity)::int as quantity from line group by 1, 2) d
       where s.product_id = d.product_id and s.warehouse_id = d.warehouse_id
     ), posted as (
       insert into inventory_transactions
         (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, order_id)
       select product_id, warehouse_id, 'reserve', 0, quantity, id, id, order_id from line
     ), held as (
       insert into reservations (id, kind, order_id, status, attempt, expires_at, reference)
       select id, kind, order_id, status, attempt,
              coalesce(expires_at, clock_timestamp() + make_interval(secs => reservation_seconds)), reference
       from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::int[], $6::float8[], $11::timestamptz[], $12::text[])
         as r (id, kind, order_id, status, attempt, reservation_seconds, expires_at, reference)
       returning id, kind, expires_at
     ), lined as (
       insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
       select id, product_id, warehouse_id, quantity, quantity from line
     ), rung as (
       insert into outbox (topic, key)
       select 'reservations.due', '' from reservation_expiry e, (select min(expires_at) as at from held where kind = 'hold') due
       where due.at < clock_timestamp() + make_interval(secs => $13::float8 + $14::float8)
         and (due.at < e.wakes_at or e.wakes_at < clock_timestamp() + make_interval(secs => $14::float8))
       returning 1
     )
     select id, expires_at as "expiresAt", exists (select 1 from rung) as rang from held`,
    [
      holds.map((h) => h.id),
      holds.map((h) => h.kind),
      holds.map((h) => h.orderId),
      holds.map((h) => h.status),
      holds.map((h) => h.attempt),
      holds.map((h) => h.holdSeconds),
      lines.map((l) => l.hold),
      lines.map((l) => l.productId),
      lines.map((l) => l.warehouseId),
      lines.map((l) => l.quantity),
      holds.map((h) => h.expiresAt ?? null),
      holds.map((h) => h.reference ?? null),
      LOOK_EVERY_SECONDS,
      COMMIT_SECONDS,
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
  return many<OpenLine>(
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

export function selectReservations(
  on: Queryable,
  ids: readonly string[],
): Promise<{ id: string; status: ReservationStatus; expiresAt: Date | null }[]> {
  return many(
    on,
    'inventory.holds',
    'select id, status, expires_at as "expiresAt" from reservations where id = any ($1::uuid[])',
    [ids],
  );
}
