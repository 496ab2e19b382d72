import { execute, maybeOne, many, type Transaction } from '../../../platform/database/database';
import type { Allocation } from '../ledger/types';
import { MAX_QUANTITY, reasonOf } from './rules';
import type { FeedCounts, FeedMode } from './types';

/** Resolved rows from after `after` up to and with `upTo`. */
export interface Batch {
  feedId: number;
  after: number;
  upTo: number;
}

/**
 * For the transaction that applies a batch. A join that reads the batch in its order and then each stock row by its key
 * locks stock in the one order; a hash or merge join would lock it in another.
 */
export async function lockInOrder(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'feeds.lock_in_order',
    `select set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
            set_config('enable_material', 'off', true), set_config('enable_bitmapscan', 'off', true)`,
  );
}

/** Stock rows that a batch is about to fill and that do not exist yet. */
export function insertMissingStock(tx: Transaction, batch: Batch): Promise<number> {
  return execute(
    tx,
    'feeds.insert_missing_stock',
    `insert into stock (product_id, warehouse_id)
     select c.product_id, c.warehouse_id from feed_changes c
     where c.feed_id = $1 and c.seq > $2 and c.seq <= $3 and c.quantity > 0
       and not exists (select from stock s where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id)
     order by c.product_id, c.warehouse_id
     on conflict do nothing`,
    [batch.feedId, batch.after, batch.upTo],
  );
}

/** `undecided`: rows that could not be decided, since their stock row is missing or changed just now. */
export type BatchOutcome = FeedCounts & { undecided: number };

/**
 * Applies a batch: changes the counters where the change is allowed, writes the ledger, and rejects the rest. A million rows
 * are never seen by this process. Locking the rows before deciding, in a step of its own, took a third longer: here the
 * update decides on the row it has locked, and those it leaves out are judged by the statement's snapshot. Where the two
 * contradict each other somebody changed the row meanwhile; it is `undecided`, and the caller does the batch again.
 * The ledger's entries share one effect id, so that the batch is applied once and costs one ledger key.
 */
export async function applyChanges(
  tx: Transaction,
  batch: Batch,
  as: { mode: FeedMode; effectId: string; reference: string; actor: string },
): Promise<BatchOutcome> {
  const row = await maybeOne<BatchOutcome>(
    tx,
    'feeds.apply',
    `with batch as not materialized (
       select * from feed_changes where feed_id = $1 and seq > $2 and seq <= $3
     ), counted as (
       update stock s set on_hand = case when $4 = 'set' then c.quantity else s.on_hand + c.quantity end
       from (select * from batch order by seq) c
       where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id
         and case when $4 = 'set' then c.quantity else s.on_hand + c.quantity end between s.reserved and $5::bigint
         and case when $4 = 'set' then c.quantity <> s.on_hand else c.quantity <> 0 end
       returning c.seq, c.lines, s.product_id, s.warehouse_id, new.on_hand - old.on_hand as delta, c.reason, c.reference
     ), explained as (
       insert into inventory_transactions
         (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reason, reference, actor)
       select product_id, warehouse_id, 'feed', delta, 0, $6, reason,
              case when reference is null then $7 else $7 || ' ' || reference end, $8
       from counted
     ), left_out as (
       select seq from batch except select seq from counted
     ), judged as materialized (
       select c.*, case when target < 0 then 'WOULD_GO_NEGATIVE'
                        when target > $5::bigint then 'QUANTITY_OVERFLOW'
                        when target < reserved then 'BELOW_RESERVED'
                        when target = on_hand then 'UNCHANGED' end as verdict
       from left_out o
       join feed_changes c on c.feed_id = $1 and c.seq = o.seq
       cross join lateral (
         select coalesce(max(s.on_hand), 0)::bigint as on_hand, coalesce(max(s.reserved), 0) as reserved,
                case when $4 = 'set' then c.quantity else coalesce(max(s.on_hand), 0) + c.quantity end as target
         from stock s where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id) now
     ), refused as (
       insert into feed_rejects (feed_id, line, sku, location, quantity, code, reason)
       select $1, j.line, p.sku, w.code, j.quantity, j.verdict,
              ($9::jsonb ->> j.verdict) || case when j.lines > 1 then format(' %s lines are summed here.', j.lines) else '' end
       from judged j join products p on p.id = j.product_id join warehouses w on w.id = j.warehouse_id
       where j.verdict <> 'UNCHANGED'
     )
     select (select coalesce(sum(lines), 0) from counted) as applied,
            coalesce(sum(lines) filter (where verdict = 'UNCHANGED'), 0) as unchanged,
            coalesce(sum(lines) filter (where verdict <> 'UNCHANGED'), 0) as rejected,
            count(*) filter (where verdict is null) as undecided
     from judged`,
    [
      batch.feedId,
      batch.after,
      batch.upTo,
      as.mode,
      MAX_QUANTITY,
      as.effectId,
      as.reference,
      as.actor,
      JSON.stringify(REFUSALS),
    ],
  );
  return row ?? { applied: 0, unchanged: 0, rejected: 0, undecided: 0 };
}

const REFUSALS = {
  WOULD_GO_NEGATIVE: reasonOf('WOULD_GO_NEGATIVE'),
  QUANTITY_OVERFLOW: reasonOf('QUANTITY_OVERFLOW'),
  BELOW_RESERVED: reasonOf('BELOW_RESERVED'),
};

/** Rejects the one row of a batch, which fails by an error of its own. Returns how many lines of the feed that is. */
export async function rejectChange(tx: Transaction, batch: Batch): Promise<number> {
  const row = await maybeOne<{ lines: number }>(
    tx,
    'feeds.reject_change',
    `with refused as (
       insert into feed_rejects (feed_id, line, sku, location, quantity, code, reason)
       select $1, c.line, p.sku, w.code, c.quantity, 'ROW_FAILED', $4
       from feed_changes c join products p on p.id = c.product_id join warehouses w on w.id = c.warehouse_id
       where c.feed_id = $1 and c.seq > $2 and c.seq <= $3
     )
     select coalesce(sum(lines), 0) as lines from feed_changes where feed_id = $1 and seq > $2 and seq <= $3`,
    [batch.feedId, batch.after, batch.upTo, reasonOf('ROW_FAILED')],
  );
  return row?.lines ?? 0;
}

/** Products of a batch that somebody waits for. To be asked once the batch's stock is locked. */
export async function selectWaitedFor(tx: Transaction, batch: Batch): Promise<number[]> {
  const found = await many<{ id: number }>(
    tx,
    'feeds.waited_for',
    `select b.id from (select distinct product_id as id from backorders where waiting > 0) b
     where exists (select from feed_changes c
                   where c.feed_id = $1 and c.seq > $2 and c.seq <= $3 and c.product_id = b.id)`,
    [batch.feedId, batch.after, batch.upTo],
  );
  return found.map((row) => row.id);
}

/** What a batch has added of these products, from the ledger of this transaction. */
export function selectAdded(
  tx: Transaction,
  productIds: readonly number[],
  effectId: string,
): Promise<Allocation[]> {
  return many<Allocation>(
    tx,
    'feeds.added',
    `select product_id as "productId", warehouse_id as "warehouseId", on_hand_delta as quantity
     from inventory_transactions
     where product_id = any ($1::int[]) and at >= now() and kind = 'feed' and effect_id = $2 and on_hand_delta > 0
     order by product_id, warehouse_id`,
    [productIds, effectId],
  );
}
