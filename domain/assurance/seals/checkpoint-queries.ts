import {
  execute,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { afterPosition, upToPosition } from './ledger-range';
import type { TransactionPosition } from '../types';

/**
 * Whether the retention has summed up and dropped a month (`YYYY-MM-DD` of its first day). Asked after its rows were not found: it may
 * have done so since the check began.
 */
export async function isFolded(on: Queryable, month: string): Promise<boolean> {
  const row = await one<{ folded: boolean }>(
    on,
    'consistency.is_folded',
    `select exists (select from ledger_folds where (lower_bound at time zone 'UTC')::date = $1::date) as folded`,
    [month],
  );
  return row.folded;
}

export interface KeptSums extends TransactionPosition {
  /** A partition was dropped that had entries which they lack: these can no longer be added to them. */
  stale: boolean;
}

/** Up to where the ledger's sums are kept, and whether they can be used. */
export async function selectKeptSums(on: Queryable): Promise<KeptSums> {
  const row = await maybeOne<KeptSums>(
    on,
    'consistency.kept_sums',
    `select coalesce(s.to_xid, 0) as xid, coalesce(s.to_id, 0) as id,
            exists (select from ledger_seal_parts p join ledger_folds f on (f.lower_bound at time zone 'UTC')::date = p.month
                    where p.seq > v.sums_seq) as stale
     from ledger_verified v left join ledger_seals s on s.seq = v.sums_seq`,
  );
  return row ?? { xid: 0, id: 0, stale: false };
}

export interface Verified {
  sumsSeq: number;
  sealsSeq: number;
  sealsHash: Buffer | null;
}

export async function selectVerified(on: Queryable): Promise<Verified> {
  const row = await maybeOne<Verified>(
    on,
    'consistency.verified',
    'select sums_seq as "sumsSeq", seals_seq as "sealsSeq", seals_hash as "sealsHash" from ledger_verified',
  );
  return row ?? { sumsSeq: 0, sealsSeq: 0, sealsHash: null };
}

/** Records that all seals up to `seq` were found intact. Never goes back. */
export function markSealsVerified(on: Queryable, seq: number): Promise<number> {
  return execute(
    on,
    'consistency.mark_seals_verified',
    `update ledger_verified v set seals_seq = s.seq, seals_hash = s.hash
     from ledger_seals s where s.seq = $1 and s.seq > v.seals_seq`,
    [seq],
  );
}

export interface CheckpointRange {
  /** Seal and position that the kept sums end at. */
  sumsSeq: number;
  sumsXid: number;
  sumsId: number;
  /** The last verified seal. */
  toSeq: number;
  toXid: number;
  toId: number;
}

/** Locks the kept sums; returns where they end and up to which seal they may go. */
export function lockCheckpoint(tx: Transaction): Promise<CheckpointRange> {
  return one<CheckpointRange & Record<string, unknown>>(
    tx,
    'consistency.lock_checkpoint',
    `select v.sums_seq as "sumsSeq", coalesce(f.to_xid, 0) as "sumsXid", coalesce(f.to_id, 0) as "sumsId",
            v.seals_seq as "toSeq", coalesce(t.to_xid, 0) as "toXid", coalesce(t.to_id, 0) as "toId"
     from ledger_verified v
     left join ledger_seals f on f.seq = v.sums_seq
     left join ledger_seals t on t.seq = v.seals_seq
     for no key update of v`,
  );
}

/** Adds the sums of the ledger between two positions. */
export function addToCheckpoint(
  tx: Transaction,
  from: TransactionPosition,
  to: TransactionPosition,
): Promise<number> {
  return execute(
    tx,
    'consistency.add_to_checkpoint',
    `insert into ledger_checkpoint as c (product_id, warehouse_id, on_hand, reserved)
     select t.product_id, t.warehouse_id, sum(t.on_hand_delta), sum(t.reserved_delta) from inventory_transactions t
     where ${afterPosition('$1', '$2')} and ${upToPosition('$3', '$4')}
     group by 1, 2 order by 1, 2
     on conflict (product_id, warehouse_id)
     do update set on_hand = c.on_hand + excluded.on_hand, reserved = c.reserved + excluded.reserved`,
    [from.xid, from.id, to.xid, to.id],
  );
}

/** Makes the sums anew from all that the ledger has up to a position. */
export async function rebuildCheckpoint(tx: Transaction, to: TransactionPosition): Promise<void> {
  await execute(
    tx,
    'consistency.rebuild_checkpoint',
    `with sums as (
       select product_id, warehouse_id, sum(on_hand) as on_hand, sum(reserved) as reserved
       from (select t.product_id, t.warehouse_id, sum(t.on_hand_delta) as on_hand, sum(t.reserved_delta) as reserved
             from inventory_transactions t where ${upToPosition('$1', '$2')} group by 1, 2
             union all select product_id, warehouse_id, on_hand, reserved from ledger_opening) u
       group by 1, 2
     ), gone as (
       delete from ledger_checkpoint c
       where not exists (select from sums s where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id)
     )
     insert into ledger_checkpoint as c (product_id, warehouse_id, on_hand, reserved)
     select product_id, warehouse_id, on_hand, reserved from sums
     on conflict (product_id, warehouse_id) do update set on_hand = excluded.on_hand, reserved = excluded.reserved
     where (c.on_hand, c.reserved) <> (excluded.on_hand, excluded.reserved)`,
    [to.xid, to.id],
  );
}

export function setSumsSeq(tx: Transaction, seq: number): Promise<number> {
  return execute(
    tx,
    'consistency.set_sums_seq',
    'update ledger_verified set sums_seq = $1, sums_folds = (select count(*) from ledger_folds)',
    [seq],
  );
}
