import { execute, many, one, type Queryable, type Transaction } from '../../../platform/database/database';
import { utcMicros } from '../../../platform/database/pages';
import type { StagedBatch } from '../ledger/types';
import type { LotRow } from './lot-rules';

/** The rows of a batch that names lots, in their order. `asOf`: of the feed. */
export function selectLotRows(
  tx: Transaction,
  { feedId, after, upTo }: StagedBatch,
  asOf: string,
): Promise<LotRow[]> {
  return many<LotRow>(
    tx,
    'feeds.lot_rows',
    `select c.seq, c.line, c.lines, c.product_id as "productId", c.warehouse_id as "warehouseId", c.lot, c.quantity, c.reason,
            c.reference, c.expires_on::text as "expiresOn", ${utcMicros('coalesce(c.as_of, $4::timestamptz)')} as "asOf"
     from feed_changes c where c.feed_id = $1 and c.seq > $2 and c.seq <= $3 order by c.seq`,
    [feedId, after, upTo, asOf],
  );
}

/** Rejects rows of `feed_changes`. */
export function rejectLotRows(
  tx: Transaction,
  feedId: number,
  refused: readonly { seq: number; code: string; reason: string }[],
): Promise<number> {
  return execute(
    tx,
    'feeds.reject_lot_rows',
    `insert into feed_rejects (feed_id, line, sku, location, lot, quantity, code, reason, as_of, reference, row_reason, expires_on)
     select $1, c.line, p.sku, w.code, c.lot, c.quantity, r.code,
            r.reason || case when c.lines > 1 then format(case f.mode when 'set' then ' %s lines say so.' else ' %s lines are summed here.' end, c.lines) else '' end,
            ${utcMicros('c.as_of')}, c.reference, c.reason, c.expires_on::text
     from unnest($2::bigint[], $3::text[], $4::text[]) as r (seq, code, reason)
     join feed_changes c on c.feed_id = $1 and c.seq = r.seq join feeds f on f.id = c.feed_id
     join products p on p.id = c.product_id join warehouses w on w.id = c.warehouse_id`,
    [feedId, refused.map((r) => r.seq), refused.map((r) => r.code), refused.map((r) => r.reason)],
  );
}

/** Units of which a feed that names lots says nothing. */
export interface UnnamedUnits {
  /** On hand without a lot. */
  withoutLot: number;
  /** On hand in lots that the feed does not name. */
  otherLots: number;
  /** The largest of both; `lot` null: without one. */
  items: { sku: string; location: string; lot: string | null; quantity: number }[];
}

/** At the places of which a feed names a lot: what is on hand there of the same product and not in a lot that it names. */
export function selectUnnamedUnits(on: Queryable, feedId: number, atMost: number): Promise<UnnamedUnits> {
  return one<UnnamedUnits>(
    on,
    'feeds.unnamed_units',
    `with named as materialized (
       select c.product_id, c.warehouse_id, find_lot(c.product_id, c.lot) as master_id
       from feed_changes c where c.feed_id = $1 and c.lot is not null
     ), unnamed as materialized (
       select l.product_id, l.warehouse_id, case when code_key(l.code) <> 'unknown' then l.code end as lot, l.quantity
       from (select distinct product_id, warehouse_id from named) n
       join lots l on l.product_id = n.product_id and l.warehouse_id = n.warehouse_id
       where l.quantity > 0
         and not exists (select from named o where o.master_id = l.master_id and o.warehouse_id = l.warehouse_id)
     )
     select coalesce(sum(quantity) filter (where lot is null), 0)::bigint as "withoutLot",
            coalesce(sum(quantity) filter (where lot is not null), 0)::bigint as "otherLots",
            coalesce((
              select json_agg(json_build_object('sku', p.sku, 'location', w.code, 'lot', u.lot, 'quantity', u.quantity)
                              order by u.quantity desc, p.sku, w.code, u.lot)
              from (select * from unnamed order by quantity desc, product_id, warehouse_id, lot limit $2) u
              join products p on p.id = u.product_id join warehouses w on w.id = u.warehouse_id), '[]') as items
     from unnamed`,
    [feedId, atMost],
  );
}

/** How many rows of a feed were rejected for a reason. */
export async function countRejects(on: Queryable, feedId: number, code: string): Promise<number> {
  const { rows } = await one<{ rows: number }>(
    on,
    'feeds.count_rejects',
    'select count(*) as rows from feed_rejects where feed_id = $1 and code = $2',
    [feedId, code],
  );
  return rows;
}
