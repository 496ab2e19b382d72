import { execute, many, one, type Transaction } from '../../../platform/database/database';
import { MAX_ON_HAND } from './rules';
import type { Allocation, StagedBatch, StagedChanges, StagedCounts } from './types';

/**
 * For the transaction that applies a batch. A join that reads the batch in its order and then each stock row by its key
 * locks stock in the one order; a hash or merge join would lock it in another.
 */
export async function lockInOrder(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'ledger.lock_staged_in_order',
    `select set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
            set_config('enable_material', 'off', true), set_config('enable_bitmapscan', 'off', true)`,
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

/** `undecided`: rows that could not be decided, since their stock row is missing or changed just now. */
export type StagedOutcome = StagedCounts & { undecided: number };

/**
 * Applies a batch: changes the counters where the change is allowed, writes the ledger, and rejects the rest. A million rows
 * are never seen by this process. Locking the rows before deciding, in a step of its own, took a third longer: here the
 * update decides on the row it has locked, and those it leaves out are decided by the statement's snapshot. Where the two
 * contradict each other somebody changed the row meanwhile; it is `undecided`, and the caller does the batch again.
 * The ledger's entries share one effect id, so that the batch is applied once and costs one ledger key.
 */
export function applyStaged(tx: Transaction, changes: StagedChanges): Promise<StagedOutcome> {
  return one<StagedOutcome>(
    tx,
    'ledger.apply_staged',
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
     ), decided as materialized (
       select c.*, case when target < 0 then 'WOULD_GO_NEGATIVE'
                        when target > $5::bigint then 'QUANTITY_OVERFLOW'
                        when target < reserved then 'BELOW_RESERVED'
                        when target = on_hand then 'UNCHANGED' end as refusal
       from left_out o
       join feed_changes c on c.feed_id = $1 and c.seq = o.seq
       cross join lateral (
         select coalesce(max(s.on_hand), 0)::bigint as on_hand, coalesce(max(s.reserved), 0) as reserved,
                case when $4 = 'set' then c.quantity else coalesce(max(s.on_hand), 0) + c.quantity end as target
         from stock s where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id) now
     ), refused as (
       insert into feed_rejects (feed_id, line, sku, location, quantity, code, reason)
       select $1, j.line, p.sku, w.code, j.quantity, j.refusal,
              ($9::jsonb ->> j.refusal) || case when j.lines > 1 then format(' %s lines are summed here.', j.lines) else '' end
       from decided j join products p on p.id = j.product_id join warehouses w on w.id = j.warehouse_id
       where j.refusal <> 'UNCHANGED'
     )
     select (select coalesce(sum(lines), 0) from counted) as applied,
            coalesce(sum(lines) filter (where refusal = 'UNCHANGED'), 0) as unchanged,
            coalesce(sum(lines) filter (where refusal <> 'UNCHANGED'), 0) as rejected,
            count(*) filter (where refusal is null) as undecided
     from decided`,
    [
      changes.feedId,
      changes.after,
      changes.upTo,
      changes.mode,
      MAX_ON_HAND,
      changes.effectId,
      changes.reference,
      changes.actor,
      JSON.stringify(changes.refusals),
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
