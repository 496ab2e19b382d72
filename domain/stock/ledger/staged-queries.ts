import { execute, many, one, type Transaction } from '../../../platform/database/database';
import { utcMicros } from '../../../platform/database/pages';
import { CLOCK_SKEW, movedAfterSql } from './moved-after-sql';
import { MAX_ON_HAND } from './rules';
import type { Allocation, StagedBatch, StagedChanges, StagedCounts } from './types';

/**
 * For the transaction that applies a batch. A join that reads the batch in its order and then each stock row by its key
 * locks stock in the one order; a hash or merge join would lock it in another. A month of the ledger that was empty when the plan was
 * made is read by its index all the same. Hardly a stock row is looked up twice: remembering them costs more than it saves.
 */
export async function lockInOrder(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'ledger.lock_staged_in_order',
    `select set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
            set_config('enable_material', 'off', true), set_config('enable_bitmapscan', 'off', true),
            set_config('enable_seqscan', 'off', true), set_config('enable_memoize', 'off', true), set_config('jit', 'off', true)`,
  );
}

/** Stock rows that a batch is about to fill and that do not exist yet. */
export function insertMissingStock(tx: Transaction, batch: StagedBatch): Promise<number> {
  return execute(
    tx,
    'ledger.insert_stock_of_staged',
    `insert into stock (product_id, warehouse_id)
     select c.product_id, c.warehouse_id from feed_changes c
     where c.feed_id = $1 and c.seq > $2 and c.seq <= $3 and c.quantity > 0
       and not exists (select from stock s where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id)
     order by c.product_id, c.warehouse_id
     on conflict do nothing`,
    [batch.feedId, batch.after, batch.upTo],
  );
}

/**
 * Whether nothing is written to the ledger any more at the times as of which rows of a `set` batch are true: what somebody is still
 * writing there is not seen. Rows whose time has not come are rejected anyway.
 */
export async function selectIsSettled(
  tx: Transaction,
  { feedId, after, upTo, asOf }: StagedBatch & Pick<StagedChanges, 'asOf'>,
): Promise<boolean> {
  const { isSettled } = await one<{ isSettled: boolean }>(
    tx,
    'ledger.staged_is_settled',
    `select coalesce(max(t.as_of) <= ledger_final_until(), true) as "isSettled"
     from feed_changes c cross join lateral (select coalesce(c.as_of, $4::timestamptz) as as_of) t
     where c.feed_id = $1 and c.seq > $2 and c.seq <= $3 and t.as_of <= clock_timestamp() + ${CLOCK_SKEW}`,
    [feedId, after, upTo, asOf],
  );
  return isSettled;
}

/**
 * `undecided`: rows that could not be decided, since their stock row is missing or changed just now; `belowReserved`: rows that were
 * rejected since less would be on hand than is reserved.
 */
export type StagedOutcome = StagedCounts & { undecided: number; belowReserved: number };

/** The least time that a row of the batch is as of. */
const oldest = (asOf: string) => `(
  select least(${asOf}, min(o.as_of)) from feed_changes o where o.feed_id = $1 and o.seq > $2 and o.seq <= $3)`;

/**
 * SQL of the `age` beyond which a transaction had ended when the time of feed $1 was taken; null where that is not known, or more than
 * PostgreSQL's 32-bit comparison of transactions reaches. Whoever writes on hand to the ledger writes the stock row too, in one transaction: a
 * row whose last writer is older has no entries after the feed's time.
 */
const UNWRITTEN_AGE = `
  select case when age(x.xid) >= 0 then age(x.xid) end
  from (select (running_xid % 4294967296)::text::xid as xid from feeds where id = $1) x`;

/**
 * What the rows of a batch come to, by this statement's snapshot, as `batch`. A `set` row is an absolute number as of its time: what
 * has moved since stays applied, so its `delta` is the number less what the ledger says was on hand then. That is a fact of
 * the past once nothing is written then any more (`selectIsSettled`), which movements of others do not change while this statement waits
 * for a row: they stay applied as well.
 * The ledger is read once for each row of the batch, from its index by (product, warehouse, at); not for stock rows that nobody has
 * written since the feed's time was taken, which are most.
 */
const setRows = (asOf: string) => `
  batch as materialized (
    select c.seq, c.line, c.lines, c.product_id, c.warehouse_id, c.quantity, c.reason, c.reference, t.as_of as true_as_of, s.corrections,
           c.quantity + m.units - coalesce(s.on_hand, 0) as delta,
           case when p.serialised then 'SERIAL_TRACKED'
                when p.lot_tracked then 'LOT_MISSING'
                when t.as_of > clock_timestamp() + ${CLOCK_SKEW} then 'ASOF_IN_FUTURE'
                when t.as_of < (select max(upper_bound) from ledger_folds) then 'ASOF_BEFORE_RETENTION'
                when t.as_of < s.number_as_of then 'OVERTAKEN' end as refusal
    from feed_changes c
    cross join lateral (select coalesce(c.as_of, ${asOf}) as as_of) t
    left join stock s on s.product_id = c.product_id and s.warehouse_id = c.warehouse_id
    -- The product may have begun to be tracked since the rows were looked up. Most installations track nothing, and find that out once.
    left join lateral (
      select p.serialised, p.lot_tracked from products p
      where (select exists (select from products where lot_tracked or serialised))
        and p.id = c.product_id and (p.lot_tracked or p.serialised) offset 0) p on true
    cross join lateral (
      select case when c.as_of is null and age(s.xmin) > (${UNWRITTEN_AGE}) then 0 else (${movedAfterSql('c', 't.as_of', oldest(asOf))}) end as units) m
    where c.feed_id = $1 and c.seq > $2 and c.seq <= $3
    order by c.seq
  )`;

const DELTA_ROWS = `
  batch as materialized (
    select c.seq, c.line, c.lines, c.product_id, c.warehouse_id, c.quantity, c.reason, c.reference, null::timestamptz as true_as_of,
           c.quantity as delta, null::text as refusal
    from feed_changes c
    where c.feed_id = $1 and c.seq > $2 and c.seq <= $3
    order by c.seq
  )`;

/**
 * Whether numbers of a `set` batch are newer than counts that keep or await units at their places. Asked without the stock rows' locks it
 * may be outdated when the batch is applied: a count that is approved meanwhile is seen by who asks again once the batch is.
 */
export async function meetsHoldsOfCounts(
  tx: Transaction,
  { feedId, after, upTo, asOf }: StagedBatch & Pick<StagedChanges, 'asOf'>,
): Promise<boolean> {
  const { meets } = await one<{ meets: boolean }>(
    tx,
    'ledger.staged_meets_holds',
    `select exists (
       select from count_lines l join quality_holds h on h.id = l.hold_id
       join feed_changes c on c.product_id = h.product_id and c.warehouse_id = h.warehouse_id
       where l.hold_id is not null and h.open > 0 and c.feed_id = $1 and c.seq > $2 and c.seq <= $3
         and coalesce(c.as_of, $4::timestamptz) >= h.as_of) as meets`,
    [feedId, after, upTo, asOf],
  );
  return meets;
}

/** Whether numbers of a `set` batch are newer than counts whose holds have ended since this transaction began. */
export async function hasMetHoldsOfCounts(
  tx: Transaction,
  { feedId, after, upTo, asOf }: StagedBatch & Pick<StagedChanges, 'asOf'>,
): Promise<boolean> {
  const { met } = await one<{ met: boolean }>(
    tx,
    'ledger.staged_has_met_holds',
    `select exists (
       select from feed_changes c join quality_holds h on h.product_id = c.product_id and h.warehouse_id = c.warehouse_id
       where h.cause = 'count' and h.updated_at >= now() and c.feed_id = $1 and c.seq > $2 and c.seq <= $3
         and coalesce(c.as_of, $4::timestamptz) >= h.as_of) as met`,
    [feedId, after, upTo, asOf],
  );
  return met;
}

/** Locks the stock rows of a batch in the one lock order, for what is to be decided before `applyStaged`. */
export function lockStockOfStaged(tx: Transaction, batch: StagedBatch): Promise<number> {
  return execute(
    tx,
    'ledger.lock_stock_of_staged',
    `select from feed_changes c join stock s on s.product_id = c.product_id and s.warehouse_id = c.warehouse_id
     where c.feed_id = $1 and c.seq > $2 and c.seq <= $3
     order by c.product_id, c.warehouse_id for no key update of s`,
    [batch.feedId, batch.after, batch.upTo],
  );
}

/**
 * Ends the holds of counts that numbers of a `set` batch overtake: those that can be applied once the units that the holds keep are free.
 * The transaction holds the locks of the stock rows.
 *
 * @returns units that are not reserved any more, each stock row once
 */
export function endHoldsOfStaged(
  tx: Transaction,
  { feedId, after, upTo, asOf }: StagedBatch & Pick<StagedChanges, 'asOf'>,
): Promise<Allocation[]> {
  return many<Allocation>(
    tx,
    'ledger.end_holds_of_staged',
    `with ${setRows('$4::timestamptz')}, applied as (
       select array_agg(c.product_id) as products, array_agg(c.warehouse_id) as warehouses, array_agg(c.true_as_of) as times
       from batch c join stock s on s.product_id = c.product_id and s.warehouse_id = c.warehouse_id
       cross join lateral (
         select sum(h.open - h.awaited) as units from count_lines l join quality_holds h on h.id = l.hold_id
         where l.hold_id is not null and h.product_id = c.product_id and h.warehouse_id = c.warehouse_id and h.open > 0
           and h.as_of <= c.true_as_of) kept
       where c.refusal is null and c.delta <> 0 and s.on_hand + c.delta between s.reserved - kept.units and $5::bigint
     )
     select e.product as "productId", e.warehouse as "warehouseId", sum(e.units)::int as quantity
     from applied a, end_overtaken_holds(a.products, a.warehouses, a.times, null) e group by 1, 2 order by 1, 2`,
    [feedId, after, upTo, asOf, MAX_ON_HAND],
  );
}

const ROWS = { set: setRows('$9::timestamptz'), delta: DELTA_ROWS };
/** Changes of a stock row `s` by a row `c` of the batch. */
const CHANGE = {
  set: `on_hand = s.on_hand + c.delta, number_as_of = c.true_as_of, corrections = s.corrections + 1`,
  delta: 'on_hand = s.on_hand + c.delta',
};
/** What several lines of a feed about one stock row are. */
const LINES = { set: 'lines say so', delta: 'lines are summed here' };
/** Another correction since the snapshot may be newer than a number, or be in it. */
const IS_AS_READ = { set: 's.corrections = c.corrections', delta: 'true' };

/**
 * Applies a batch: changes the counters where the change is allowed, writes the ledger, and rejects the rest. A million rows
 * are never seen by this process. Locking the rows before deciding, in a step of its own, took a third longer: here the
 * update decides on the row it has locked, and those it leaves out are decided by the statement's snapshot. Where the two
 * contradict each other somebody changed the row meanwhile; it is `undecided`, and the caller does the batch again.
 * The ledger's entries share one effect id, so that the batch is applied once and costs one ledger key.
 */
export function applyStaged(
  tx: Transaction,
  mode: StagedChanges['mode'],
  changes: Omit<StagedChanges, 'mode'>,
): Promise<StagedOutcome> {
  return one<StagedOutcome>(
    tx,
    `ledger.apply_staged_${mode}`,
    `with ${ROWS[mode]}, counted as (
       update stock s set ${CHANGE[mode]}
       from (select * from batch where delta <> 0 and refusal is null order by seq) c
       where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id
         and s.on_hand + c.delta between s.reserved and $4::bigint and ${IS_AS_READ[mode]}
       returning c.seq, c.lines, s.product_id, s.warehouse_id, new.on_hand - old.on_hand as delta, c.reason, c.reference,
                 c.true_as_of, c.quantity
     ), explained as (
       insert into inventory_transactions
         (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reason, reference, actor, as_of, number)
       select product_id, warehouse_id, 'feed', delta, 0, $5, reason,
              case when reference is null then $6 else $6 || ' ' || reference end, $7, true_as_of,
              case when true_as_of is not null then quantity end
       from counted
     ), decided as materialized (
       select c.line, c.lines, c.product_id, c.warehouse_id, c.quantity, c.reason, c.reference, c.true_as_of,
              case when c.refusal is not null then c.refusal
                   when target < 0 then 'WOULD_GO_NEGATIVE'
                   when target > $4::bigint then 'QUANTITY_OVERFLOW'
                   when target < reserved then 'BELOW_RESERVED' end as told
       from batch c
       cross join lateral (
         select coalesce(max(s.reserved), 0) as reserved, coalesce(max(s.on_hand), 0) + c.delta as target
         from stock s where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id) now
       where (c.delta <> 0 or c.refusal is not null) and c.seq not in (select seq from counted)
         -- Mostly all were counted, and nothing is looked through.
         and (select count(*) from counted) < (select count(*) from batch where delta <> 0 or refusal is not null)
     ), refused as (
       insert into feed_rejects (feed_id, line, sku, location, quantity, code, reason, as_of, reference, row_reason)
       select $1, j.line, p.sku, w.code, j.quantity, j.told,
              ($8::jsonb ->> j.told) || case when j.lines > 1 then format(' %s ${LINES[mode]}.', j.lines) else '' end,
              ${utcMicros('j.true_as_of')}, j.reference, j.reason
       from decided j join products p on p.id = j.product_id join warehouses w on w.id = j.warehouse_id
       where j.told is not null
     )
     select (select coalesce(sum(lines), 0) from counted) as applied,
            (select coalesce(sum(lines), 0) from batch where delta = 0 and refusal is null) as unchanged,
            coalesce(sum(lines) filter (where told is not null), 0) as rejected,
            count(*) filter (where told is null) as undecided,
            count(*) filter (where told = 'BELOW_RESERVED') as "belowReserved"
     from decided`,
    [
      changes.feedId,
      changes.after,
      changes.upTo,
      MAX_ON_HAND,
      changes.effectId,
      changes.reference,
      changes.actor,
      JSON.stringify(changes.refusals),
      ...(mode === 'set' ? [changes.asOf] : []),
    ],
  );
}

/** What a batch has added of these products, from the ledger of this transaction. */
export function selectAdded(
  tx: Transaction,
  productIds: readonly number[],
  effectId: string,
): Promise<Allocation[]> {
  return many<Allocation>(
    tx,
    'ledger.added_by_staged',
    `select product_id as "productId", warehouse_id as "warehouseId", on_hand_delta as quantity
     from inventory_transactions
     where product_id = any ($1::int[]) and at >= now() and kind = 'feed' and effect_id = $2 and on_hand_delta > 0
     order by product_id, warehouse_id`,
    [productIds, effectId],
  );
}
