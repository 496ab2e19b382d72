import { execute, one, type Transaction } from '../../../platform/database/database';
import { utcMicros } from '../../../platform/database/pages';
import type { FeedMode } from './types';

/** What CSV files of ours have before a text that a spreadsheet would take for a formula: an apostrophe (`platform/csv.ts`). SQL. */
function isEscaped(text: string): string {
  return `left(${text}, 1) = '''' and left(ltrim(${text}, ''''), 1) in ('=', '+', '-', '@', '＝', '＋', '－', '＠')`;
}

/**
 * SQL of the row of a table whose column is a text but for its apostrophe, exactly, else without regard to capitals where just one
 * is so. None where the text does not look as if it had been escaped.
 */
function unescaped(table: string, column: string, text: string): string {
  const plain = `substr(${text}, 2)`;
  return `select q.* from ${table} q
     where ${isEscaped(text)} and lower(q.${column}) = lower(${plain})
       and (q.${column} = ${plain} or 1 = (select count(*) from ${table} o where lower(o.${column}) = lower(${plain})))
     order by q.${column} = ${plain} desc limit 1`;
}

const STAGED = `
  staged as not materialized (
    select line, sku, location, lot, expires_on, quantity, reason, reference, as_of from feed_rows where feed_id = $1 and code is null
  )`;

/** SQL of the one product that has a SKU but for its capitals, where a condition holds; none where several have. */
function alikeBut(condition: string, text: string): string {
  return `select min(q.id) as id, bool_or(q.lot_tracked) as lot_tracked, bool_or(q.serialised) as serialised
     from products q where ${condition} and lower(q.sku) = lower(${text}) having count(*) = 1`;
}

/**
 * The keys of a feed's products and locations. One that nothing has exactly is looked for without regard to capitals, and
 * taken if just one fits. A text that may have been escaped is taken with or without its apostrophe, if just one of both is known.
 */
const LOCATIONS = `${STAGED}, locations as materialized (
    select g.location, case when u.id is null then coalesce(w.id, i.id) when coalesce(w.id, i.id) is null then u.id end as id,
           coalesce(w.id, i.id) is not null and u.id is not null as is_ambiguous
    from (select distinct location from staged) g
    left join warehouses w on w.code = g.location
    left join lateral (select min(q.id) as id from warehouses q
                       where w.id is null and lower(q.code) = lower(g.location) having count(*) = 1) i on true
    left join lateral (${unescaped('warehouses', 'code', 'g.location')}) u on true
  )`;

const LOOKED_UP = `${LOCATIONS}, skus as materialized (
    select g.sku, case when u.id is null then coalesce(p.id, i.id) when coalesce(p.id, i.id) is null then u.id end as id,
           coalesce(p.id, i.id) is not null and u.id is not null as is_ambiguous,
           coalesce(p.lot_tracked, i.lot_tracked, u.lot_tracked) as lot_tracked,
           coalesce(p.serialised, i.serialised, u.serialised) as serialised
    from (select distinct sku from staged) g
    left join products p on p.sku = g.sku
    left join lateral (${alikeBut('p.id is null', 'g.sku')}) i on true
    left join lateral (${unescaped('products', 'sku', 'g.sku')}) u on true
  )`;

/** SQL of what two rows share that are about one lot, however its code is written. Null: no lot is named. */
function lotKey(productId: string, lot: string): string {
  return `case when ${lot} is not null then coalesce(find_lot(${productId}, ${lot})::text, ':' || code_key(${lot})) end`;
}

/**
 * Every row with its keys, and in `fault` why it cannot be applied. A lot that is not known is new, as it was given, unless it may have
 * been escaped.
 */
const KEYED = `${LOOKED_UP}, keyed as not materialized (
    select r.line, r.sku, r.location, r.lot as given_lot, r.expires_on, r.quantity, r.reason, r.reference, r.as_of,
           coalesce(r.as_of, f.as_of) as true_as_of, s.id as product_id, l.id as warehouse_id,
           coalesce(m.code, r.lot) as lot, ${lotKey('s.id', 'coalesce(m.code, r.lot)')} as lot_key,
           case when s.is_ambiguous then 'SKU_AMBIGUOUS' when s.id is null then 'UNKNOWN_SKU'
                when l.is_ambiguous then 'LOCATION_AMBIGUOUS' when l.id is null then 'UNKNOWN_LOCATION'
                when $2 = 'set' and s.serialised then 'SERIAL_TRACKED'
                when r.lot is not null and not s.lot_tracked then 'LOT_NOT_TRACKED'
                when $2 = 'set' and s.lot_tracked and r.lot is null then 'LOT_MISSING'
                when r.lot is not null and ${isEscaped('r.lot')} and m.found <> 1 then 'LOT_AMBIGUOUS' end as fault
    from staged r join skus s on s.sku = r.sku join locations l on l.location = r.location
    cross join (select as_of from feeds where id = $1) f
    cross join lateral (
      select min(k.code) as code, count(*) as found from (
        select p.code from product_lots p where p.id = find_lot(s.id, r.lot)
        union
        select p.code from product_lots p where ${isEscaped('r.lot')} and p.id = find_lot(s.id, substr(r.lot, 2))) k
      where r.lot is not null) m
  )`;

/** A part of a feed: rows whose SKUs fall into it. */
export interface FeedPart {
  /** From 1 on. */
  part: number;
  /** How many there are. */
  parts: number;
  /** Its rows are numbered after this. */
  after: number;
}

/**
 * The part that a row belongs to, from 0 on. Whatever the catalogue has: texts that may mean one product differ in capitals and in
 * apostrophes before them at most.
 */
const PART_OF_ROW = `(hashtext(lower(ltrim(r.sku, ''''))) & 2147483647) % $4::int`;

/** The product that a row is about: nearly always the one that has its very SKU. */
const PRODUCT_OF_ROW = `
  left join products p on p.sku = r.sku
  left join lateral (
    select case when u.id is null then coalesce(p.id, i.id) when coalesce(p.id, i.id) is null then u.id end as id,
           coalesce(p.lot_tracked, i.lot_tracked, u.lot_tracked) or coalesce(p.serialised, i.serialised, u.serialised) as is_tracked
    from (select) one
    left join lateral (${alikeBut('p.id is null', 'r.sku')}) i on true
    left join lateral (${unescaped('products', 'sku', 'r.sku')}) u on true
    where p.id is null or ${isEscaped('r.sku')} offset 0) o on true
  cross join lateral (
    select case when p.id is null or ${isEscaped('r.sku')} then o.id else p.id end as id,
           coalesce(o.is_tracked, p.lot_tracked or p.serialised) as is_tracked) s`;

/** What several rows about one stock row come to, and how many they are, by mode. The last of `same_row` is applied. */
const COMES_TO = {
  set: 'r.quantity, row_number() over same_row as lines',
  delta: 'sum(r.quantity) over same_row as quantity, count(*) over same_row as lines',
};

/**
 * Numbers the rows of a part that name no lot and can be applied by (product, warehouse), the order in which stock is locked; returns how
 * many there are. Of several lines about one stock row a `set` keeps the newest by its time, else the last, a `delta` the sum; `lines` is
 * how many there were.
 */
export function resolveRows(
  tx: Transaction,
  feedId: number,
  mode: FeedMode,
  { part, parts, after }: FeedPart,
): Promise<number> {
  return execute(
    tx,
    `feeds.resolve_${mode}`,
    `with ${LOCATIONS}
     insert into feed_changes (feed_id, seq, line, product_id, warehouse_id, lines, quantity, reason, reference, as_of)
     select $1, $2::bigint + row_number() over (order by product_id, warehouse_id), line, product_id, warehouse_id,
            lines, quantity, reason, reference, as_of
     from (
       select s.id as product_id, l.id as warehouse_id, r.line, r.reason, r.reference, r.as_of, lead(r.line) over same_row as later,
              ${COMES_TO[mode]}
       from staged r join locations l on l.location = r.location ${PRODUCT_OF_ROW}
       where s.id is not null and l.id is not null and r.lot is null and ${PART_OF_ROW} = $3::int - 1
         ${mode === 'set' ? 'and not s.is_tracked' : ''}
       window same_row as (partition by s.id, l.id
                           order by coalesce(r.as_of, (select f.as_of from feeds f where f.id = $1)), r.line
                           rows between unbounded preceding and current row)
     ) ordered
     where later is null`,
    [feedId, after, part, parts],
  );
}

/** The same for rows that name a lot, by (product, warehouse, lot), numbered after `after`. */
export function resolveLotRows(
  tx: Transaction,
  feedId: number,
  mode: FeedMode,
  after: number,
): Promise<number> {
  return execute(
    tx,
    'feeds.resolve_lots',
    `with ${KEYED}
     insert into feed_changes (feed_id, seq, line, product_id, warehouse_id, lot, lines, quantity, reason, reference, as_of, expires_on)
     select $1, $3::bigint + row_number() over (order by product_id, warehouse_id, lot_key), line, product_id, warehouse_id, lot,
            lines, case when $2 = 'delta' then total else quantity end, reason, reference, as_of, expires::date
     from (
       -- Of several lines those that say when the lot expires say the same: see rejectOtherExpiries.
       select k.*, max(expires_on) over (partition by product_id, warehouse_id, lot_key) as expires, lead(line) over same_lot as later, sum(quantity) over same_lot as total, count(*) over same_lot as lines
       from keyed k where fault is null and lot is not null
       window same_lot as (partition by product_id, warehouse_id, lot_key order by true_as_of, line)
     ) ordered
     where later is null`,
    [feedId, mode, after],
  );
}

/** Lines of a feed that are in what can be applied. */
export async function countResolvedLines(tx: Transaction, feedId: number): Promise<number> {
  const { lines } = await one<{ lines: number }>(
    tx,
    'feeds.count_lines',
    'select coalesce(sum(lines), 0) as lines from feed_changes where feed_id = $1',
    [feedId],
  );
  return lines;
}

/**
 * Where lines of a feed say different expiry dates of one lot, at whichever places, none that names the lot is applied. Returns how many
 * lines are rejected.
 */
export function rejectOtherExpiries(
  tx: Transaction,
  feedId: number,
  mode: FeedMode,
  reason: string,
): Promise<number> {
  return execute(
    tx,
    'feeds.reject_other_expiries',
    `with ${KEYED}, conflicting as materialized (
       select product_id, lot_key from keyed where fault is null and expires_on is not null
       group by product_id, lot_key having min(expires_on) <> max(expires_on)
     ), dropped as (
       delete from feed_changes c using conflicting o
       where c.feed_id = $1 and c.product_id = o.product_id and c.lot is not null and ${lotKey('c.product_id', 'c.lot')} = o.lot_key
     )
     insert into feed_rejects (feed_id, line, sku, location, lot, quantity, code, reason, as_of, reference, row_reason, expires_on)
     select $1, k.line, k.sku, k.location, k.given_lot, k.quantity, 'LOT_EXPIRY_CONFLICTING', $3, ${utcMicros('k.as_of')}, k.reference,
            k.reason, k.expires_on
     from keyed k join conflicting o on o.product_id = k.product_id and o.lot_key = k.lot_key
     where k.fault is null`,
    [feedId, mode, reason],
  );
}

/** Whether a feed says of a lot when it expires. */
export async function hasExpiries(tx: Transaction, feedId: number): Promise<boolean> {
  const row = await one<{ has: boolean }>(
    tx,
    'feeds.has_expiries',
    'select exists (select from feed_changes where feed_id = $1 and expires_on is not null) as has',
    [feedId],
  );
  return row.has;
}

/**
 * Of a `set` feed: where several lines are about the same stock as of the same, newest time, they are one where they say the same
 * number. Where they do not, none of them is applied.
 */
export async function settleRepeated(tx: Transaction, feedId: number, mode: FeedMode): Promise<void> {
  await execute(
    tx,
    'feeds.settle_repeated',
    `with ${KEYED}, repeated as materialized (
       select c.seq, c.product_id, c.warehouse_id, ${lotKey('c.product_id', 'c.lot')} as lot_key, c.quantity,
              coalesce(c.as_of, f.as_of) as true_as_of
       from feed_changes c join feeds f on f.id = c.feed_id where c.feed_id = $1 and c.lines > 1
     ), told as materialized (
       select c.seq, count(*) as lines, bool_or(k.quantity <> c.quantity) as is_conflicting
       from repeated c join keyed k on k.product_id = c.product_id and k.warehouse_id = c.warehouse_id
         and k.lot_key is not distinct from c.lot_key and k.true_as_of = c.true_as_of
       where k.fault is null
       group by c.seq
     ), dropped as (
       delete from feed_changes c using told t where c.feed_id = $1 and c.seq = t.seq and t.is_conflicting
     )
     update feed_changes c set lines = t.lines from told t
     where c.feed_id = $1 and c.seq = t.seq and not t.is_conflicting`,
    [feedId, mode],
  );
}

/** Rejects the rows that are not in what can be applied. `reasons`: by code. */
export function rejectUnresolved(
  tx: Transaction,
  feedId: number,
  mode: FeedMode,
  reasons: Readonly<Record<string, string>>,
): Promise<number> {
  return execute(
    tx,
    'feeds.reject_unresolved',
    `with ${KEYED}, left_out as materialized (
       select k.*, max(k.true_as_of) filter (where k.fault is null)
                     over (partition by k.product_id, k.warehouse_id, k.lot_key) as newest
       from keyed k
       where not exists (select from feed_changes c where c.feed_id = $1 and c.line = k.line)
         and not exists (select from feed_rejects j where j.feed_id = $1 and j.line = k.line)
     ), conflicting as (
       select product_id, warehouse_id, lot_key from left_out
       where $2 = 'set' and fault is null and true_as_of = newest group by 1, 2, 3 having min(quantity) <> max(quantity)
     ), told as (
       select o.line, o.sku, o.location, o.given_lot, o.expires_on, o.quantity, o.as_of, o.reference, o.reason,
              case when o.fault is not null then o.fault
                   -- It is known by now, and was not when it was looked up.
                   when c.seq is null and x.product_id is null then 'UNKNOWN_SKU'
                   -- Lines of a delta feed are summed.
                   when $2 = 'delta' then null
                   when c.seq is null and o.true_as_of = o.newest then 'CONFLICTING'
                   -- It says what the line says that is applied.
                   when o.true_as_of = coalesce(c.as_of, (select f.as_of from feeds f where f.id = $1)) then null
                   else 'SUPERSEDED' end as code
       from left_out o left join feed_changes c on c.feed_id = $1 and c.product_id = o.product_id and c.warehouse_id = o.warehouse_id
         and o.fault is null and ${lotKey('c.product_id', 'c.lot')} is not distinct from o.lot_key
       left join conflicting x on x.product_id = o.product_id and x.warehouse_id = o.warehouse_id
         and o.fault is null and x.lot_key is not distinct from o.lot_key
     )
     insert into feed_rejects (feed_id, line, sku, location, lot, quantity, code, reason, as_of, reference, row_reason, expires_on)
     select $1, line, sku, location, given_lot, quantity, code, $3::jsonb ->> code, ${utcMicros('as_of')}, reference, reason, expires_on
     from told where code is not null`,
    [feedId, mode, JSON.stringify(reasons)],
  );
}
