import { many, maybeOne, one, type Queryable } from '../../../platform/database/database';
import { upToPosition } from './ledger-range';

/** What proves the ledger up to a time. */
export interface LedgerHead {
  /** Number of the latest seal; 0: there is none. */
  seq: number;
  /** Of the latest seal, hexadecimal. */
  hash: string | null;
  /** Months that were summed up and dropped, and the hash of the latest. */
  folds: number;
  foldHash: string | null;
  /** How many seals there are. */
  seals: number;
  /** Rows that are sealed. */
  rows: number;
  sealedUntil: Date | null;
  /** Up to this seal the ledger was summed up by a check; the hash over the sums of all products and locations, hexadecimal. */
  sumsSeq: number;
  sumsHash: string | null;
}

/** SHA-256 over sums by product and location, whatever they were summed from. */
const SUMS_HASH = `encode(sha256(convert_to(coalesce(string_agg(concat_ws(':', product_id, warehouse_id, on_hand, reserved), ','
  order by product_id, warehouse_id), ''), 'UTF8')), 'hex')`;

/** How many seals there are, and the latest. */
export function selectSealHead(on: Queryable): Promise<LedgerHead> {
  return one<LedgerHead & Record<string, unknown>>(
    on,
    'consistency.seal_head',
    `select coalesce(max(seq), 0) as seq, encode((array_agg(hash order by seq desc))[1], 'hex') as hash,
            (select count(*) from ledger_folds) as folds,
            (select encode(f.hash, 'hex') from ledger_folds f order by f.upper_bound desc limit 1) as "foldHash",
            count(*) as seals, coalesce(sum(row_count), 0)::bigint as rows, max(made_at) as "sealedUntil",
            coalesce((select sums_seq from ledger_verified), 0) as "sumsSeq",
            (select ${SUMS_HASH} from ledger_checkpoint where (on_hand, reserved) <> (0, 0)
             having (select sums_seq from ledger_verified) > 0) as "sumsHash"
     from ledger_seals`,
  );
}

/** What a seal and a fold, by their numbers, have for a hash; null: there is no such one. Hexadecimal. */
export function selectHashes(
  on: Queryable,
  { seq, folds }: { seq: number; folds: number },
): Promise<{ hash: string | null; foldHash: string | null }> {
  return one(
    on,
    'consistency.hashes',
    `select (select encode(hash, 'hex') from ledger_seals where seq = $1) as hash,
            (select encode(f.hash, 'hex') from ledger_folds f order by f.upper_bound offset $2::bigint - 1 limit 1) as "foldHash"`,
    [seq, Math.max(folds, 1)],
  );
}

/** Months that were summed up after the first `folds`, in their order. */
export async function selectFoldsAfter(on: Queryable, folds: number): Promise<string[]> {
  const rows = await many<{ partition: string }>(
    on,
    'consistency.folds_after',
    'select partition from ledger_folds order by upper_bound offset $1::bigint',
    [folds],
  );
  return rows.map(({ partition }) => partition);
}

/**
 * The hash over the sums of the ledger up to a seal, from its entries and the opening balances; null where that cannot be known any more,
 * since a month was summed up that has later entries, or the seal is gone.
 */
export async function hashSums(on: Queryable, seq: number): Promise<string | null> {
  const row = await maybeOne<{ hash: string }>(
    on,
    'consistency.hash_sums',
    `with bound as (
       select s.to_xid, s.to_id from ledger_seals s where s.seq = $1 and not exists (
         select from ledger_seal_parts p join ledger_folds f on (f.lower_bound at time zone 'UTC')::date = p.month where p.seq > $1)
     ), sums as (
       select product_id, warehouse_id, sum(on_hand)::bigint as on_hand, sum(reserved)::bigint as reserved from (
         select t.product_id, t.warehouse_id, sum(t.on_hand_delta) as on_hand, sum(t.reserved_delta) as reserved
         from inventory_transactions t, bound b where ${upToPosition('b.to_xid', 'b.to_id')} group by 1, 2
         union all select product_id, warehouse_id, on_hand, reserved from ledger_opening) u
       group by 1, 2
     )
     select (select ${SUMS_HASH} from sums where (on_hand, reserved) <> (0, 0)) as hash from bound`,
    [seq],
  );
  return row?.hash ?? null;
}
