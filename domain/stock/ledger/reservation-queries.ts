import { many, type Transaction } from '../../../platform/database/database';
import { COMMIT_SECONDS, LOOK_EVERY_SECONDS } from './rules';
import type { ReservationBatch } from './types';

/**
 * Reservations, lines, counters and ledger in one statement, so that each value is sent and parsed once. The caller holds the
 * stock rows' locks. Returns each reservation's due time, as PostgreSQL set it.
 *
 * Where a reservation without an order falls due before the expiry looks again, a message for the expiry is left in the
 * outbox: `wakesExpiry`. In this statement, so that a reservation costs no round trip more and none is made without it.
 */
export function insertReservationBatch(
  tx: Transaction,
  { kind, reservations, reason, actor = 'system' }: ReservationBatch,
): Promise<{ id: string; expiresAt: Date | null; wakesExpiry: boolean }[]> {
  // Lines name their reservation by its place, from 1: an id would be sent once more for each.
  const lines = reservations.flatMap(({ allocations }, index) =>
    allocations.map((line) => ({ ...line, place: index + 1 })),
  );
  const isFirst = reservations.every(({ seq = 1 }) => seq === 1);
  const isOwned = reservations.some(({ owner }) => owner !== undefined);
  const isNamed = reservations.some(({ own }) => own);
  return many(
    tx,
    'ledger.insert_reservations',
    `with line as (
       select ($1::uuid[])[place] as id, ($3::uuid[])[place] as order_id, ($21::text[])[place] as owner, product_id, warehouse_id, quantity
       from unnest($7::int[], $8::int[], $9::int[], $10::int[]) as l (place, product_id, warehouse_id, quantity)
     ), counted as (
       update stock s set reserved = s.reserved + d.quantity
       from (select product_id, warehouse_id, sum(quantity)::int as quantity from line group by 1, 2) d
       where s.product_id = d.product_id and s.warehouse_id = d.warehouse_id
     ), posted as (
       insert into inventory_transactions
         (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, order_id, reason, actor)
       select product_id, warehouse_id, $15, 0, quantity, id, id, order_id, $16, coalesce(owner, $17) from line
     ), made as (
       insert into reservations (id, kind, order_id, seq, status, attempt, expires_at, reference, own_reference, fingerprint,
         owner)
       select id, kind, order_id, coalesce(seq, 1), status, attempt,
              coalesce(expires_at, clock_timestamp() + make_interval(secs => reservation_seconds)), reference, own, print,
              coalesce(owner, 'anonymous')
       from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::int[], $6::float8[], $11::timestamptz[], $12::text[],
                   $18::int[],
                   $19::text[], $20::text[], $21::text[])
         as r (id, kind, order_id, status, attempt, reservation_seconds, expires_at, reference, seq, own, print,
              owner)
       returning id, kind, expires_at
     ), lined as (
       insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
       select id, product_id, warehouse_id, quantity, quantity from line
     ), woken as (
       insert into outbox (topic, key)
       select 'reservations.due', '' from reservation_expiry e, (select min(expires_at) as at from made where kind = 'hold') due
       where due.at < clock_timestamp() + make_interval(secs => $13::float8 + $14::float8)
         and (due.at < e.wakes_at or e.wakes_at < clock_timestamp() + make_interval(secs => $14::float8))
       returning 1
     )
     select id, expires_at as "expiresAt", exists (select 1 from woken) as "wakesExpiry" from made`,
    [
      reservations.map((r) => r.id),
      reservations.map((r) => r.kind),
      reservations.map((r) => r.orderId),
      reservations.map((r) => r.status),
      reservations.map((r) => r.attempt),
      reservations.map((r) => r.holdSeconds),
      lines.map((l) => l.place),
      lines.map((l) => l.productId),
      lines.map((l) => l.warehouseId),
      lines.map((l) => l.quantity),
      reservations.map((r) => r.expiresAt ?? null),
      reservations.map((r) => r.reference ?? null),
      LOOK_EVERY_SECONDS,
      COMMIT_SECONDS,
      kind,
      reason ?? null,
      actor,
      // Unnested beside the others, an array of none is as many nulls.
      isFirst ? [] : reservations.map((r) => r.seq ?? 1),
      isNamed ? reservations.map((r) => r.own?.reference ?? null) : [],
      isNamed ? reservations.map((r) => r.own?.fingerprint ?? null) : [],
      isOwned ? reservations.map((r) => r.owner ?? null) : [],
    ],
  );
}
