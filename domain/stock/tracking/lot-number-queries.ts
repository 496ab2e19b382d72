import { execute, many, type Transaction } from '../../../platform/database/database';
import { utcMicros } from '../../../platform/database/pages';
import { CLOCK_SKEW } from '../ledger/moved-after-sql';
import { lotsMovedAfterSql } from './moved-after-sql';
import type { LotMove, LotNumberFacts } from './types';

/**
 * What absolute numbers of lots, and units that move in or out of them, meet, in the order of what is given. What moved after a
 * number's time is what entries of the ledger moved of the lot that take effect after it. The caller holds the stock rows' locks.
 * Of a place that has no stock row there are no facts.
 */
export function selectLotNumberFacts(
  tx: Transaction,
  numbers: readonly { productId: number; warehouseId: number; lot: string; asOf: string }[],
): Promise<LotNumberFacts[]> {
  return many<LotNumberFacts>(
    tx,
    'tracking.lot_number_facts',
    `with n as materialized (
       -- Of two numbers as of one time the later posted counts: that of the lot takes effect after that of the place.
       select g.place, g.product_id, g.warehouse_id, g.lot, s.number_as_of,
              case when s.number_as_of = g.as_of then g.as_of + interval '1 microsecond' else g.as_of end as as_of
       from unnest($1::int[], $2::int[], $3::text[], $4::timestamptz[]) with ordinality as g (product_id, warehouse_id, lot, as_of, place)
       join stock s on s.product_id = g.product_id and s.warehouse_id = g.warehouse_id
     ), moved as materialized (${lotsMovedAfterSql('(select distinct product_id, warehouse_id, as_of from n) n')})
     select n.place, ${utcMicros('n.as_of')} as "asOf", p.lot_tracked as "lotTracked", p.serialised, l.id as "lotId",
            case when m.id is not null then json_build_object('expiresOn', m.expires_on) end as known,
            coalesce(l.quantity, 0) as quantity, coalesce(l.held + k.units, 0) as kept, coalesce(moved.units, 0) as "movedAfter",
            coalesce(greatest(n.number_as_of, l.number_as_of) > n.as_of, false) as "isOvertaken",
            n.as_of > clock_timestamp() + ${CLOCK_SKEW} as "inFuture", coalesce(n.as_of < f.horizon, false) as "isFolded"
     from n
     join products p on p.id = n.product_id
     cross join (select max(upper_bound) as horizon from ledger_folds) f
     left join product_lots m on m.id = find_lot(n.product_id, n.lot)
     left join lots l on l.master_id = m.id and l.warehouse_id = n.warehouse_id
     left join lateral (
       select coalesce(sum(u.quantity), 0) as units from packed_units u where u.lot_id = l.id) k on true
     left join moved on moved.lot_id = l.id and moved.as_of = n.as_of
     order by n.place`,
    [
      numbers.map((n) => n.productId),
      numbers.map((n) => n.warehouseId),
      numbers.map((n) => n.lot),
      numbers.map((n) => n.asOf),
    ],
  );
}

/** Moves units of named lots, each on behalf of an entry of its own: see `moveLots`. */
export function moveLotsApart(
  tx: Transaction,
  kind: string,
  moves: readonly (LotMove & { effectId: string; reference: string })[],
): Promise<number> {
  return execute(
    tx,
    'tracking.move_lots_apart',
    `select move_lot(product, warehouse, code, expires_on, units, $1, effect, null, reference)
     from unnest($2::int[], $3::int[], $4::text[], $5::int[], $6::uuid[], $7::text[], $8::date[])
       as m (product, warehouse, code, units, effect, reference, expires_on)`,
    [
      kind,
      moves.map((m) => m.productId),
      moves.map((m) => m.warehouseId),
      moves.map((m) => m.code),
      moves.map((m) => m.units),
      moves.map((m) => m.effectId),
      moves.map((m) => m.reference),
      moves.map((m) => m.expiresOn),
    ],
  );
}

/** Notes as of when the newest absolute number of each lot is true. */
export function noteLotNumbers(
  tx: Transaction,
  numbers: readonly { productId: number; warehouseId: number; code: string; asOf: string }[],
): Promise<number> {
  return execute(
    tx,
    'tracking.note_lot_numbers',
    `update lots l set number_as_of = greatest(l.number_as_of, n.as_of)
     from unnest($1::int[], $2::int[], $3::text[], $4::timestamptz[]) as n (product_id, warehouse_id, code, as_of)
     where l.master_id = find_lot(n.product_id, n.code) and l.warehouse_id = n.warehouse_id`,
    [
      numbers.map((n) => n.productId),
      numbers.map((n) => n.warehouseId),
      numbers.map((n) => n.code),
      numbers.map((n) => n.asOf),
    ],
  );
}

/** The same of all lots of places: a count tells of each of them, also of those that it did not find. */
export function noteCountedLots(
  tx: Transaction,
  counts: readonly { productId: number; warehouseId: number; countedAt: string }[],
): Promise<number> {
  return execute(
    tx,
    'tracking.note_counted_lots',
    `update lots l set number_as_of = greatest(l.number_as_of, n.as_of)
     from unnest($1::int[], $2::int[], $3::timestamptz[]) as n (product_id, warehouse_id, as_of)
     where l.product_id = n.product_id and l.warehouse_id = n.warehouse_id`,
    [counts.map((c) => c.productId), counts.map((c) => c.warehouseId), counts.map((c) => c.countedAt)],
  );
}

/** Those of these lots that have an absolute number of their own as of a time or later, by their places in what was given, from 0. */
export function selectLotsNumberedSince(
  tx: Transaction,
  lots: readonly { productId: number; warehouseId: number; code: string }[],
  since: string,
): Promise<{ place: number }[]> {
  return many<{ place: number }>(
    tx,
    'tracking.lots_numbered_since',
    `select (n.place - 1)::int as place
     from unnest($1::int[], $2::int[], $3::text[]) with ordinality as n (product_id, warehouse_id, code, place)
     join lots l on l.master_id = find_lot(n.product_id, n.code) and l.warehouse_id = n.warehouse_id
     where l.number_as_of >= $4::timestamptz`,
    [lots.map((l) => l.productId), lots.map((l) => l.warehouseId), lots.map((l) => l.code), since],
  );
}
