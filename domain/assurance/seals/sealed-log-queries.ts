import { execute, many, one, type Queryable, type Transaction } from '../../../platform/database/database';
import { boundSql, brokenLinksSql } from './chain-sql';
import { afterPosition, upToPosition, XID } from './ledger-range';
import { chainValues, type BrokenLink, type ChainRange, type SealBound, type WrongRow } from './queries';

/** Append-only tables that are sealed row by row, each by a chain of its own. */
export const SEALED_LOGS = ['audit_log', 'money_ledger'] as const;
export type SealedLog = (typeof SEALED_LOGS)[number];

/** Of each its seals, what was verified of them, the function that hashes a row, and how both are written. */
const OF = {
  audit_log: {
    seals: 'audit_seals',
    verified: 'audit_verified',
    hash: 'audit_row_hash',
    insertSeal: 'insert into audit_seals',
    updateVerified: 'update audit_verified v set',
  },
  money_ledger: {
    seals: 'money_seals',
    verified: 'money_verified',
    hash: 'money_row_hash',
    insertSeal: 'insert into money_seals',
    updateVerified: 'update money_verified v set',
  },
} as const satisfies Record<SealedLog, object>;

/** Where sealing goes on, and how far it may go. */
export function selectLogBound(on: Queryable, log: SealedLog): Promise<SealBound> {
  return one<SealBound>(on, `consistency.seal_bound_${log}`, boundSql(OF[log].seals));
}

/** Hashes of rows in the order of their transactions, of a set of rows `t`. */
const hashed = (log: SealedLog) => `count(*)::int as row_count,
  sha256(string_agg(int8send(t.id) || ${OF[log].hash}(t), ''::bytea order by t.${XID}, t.id)) as rows_hash,
  array_agg(t.id order by t.${XID}, t.id) as row_ids,
  string_agg(substr(${OF[log].hash}(t), 1, 8), ''::bytea order by t.${XID}, t.id) as row_hashes`;

/** Seals at most `limit` rows after `bound` whose transactions have ended, chained to the seal before. Returns how many. */
export async function insertLogSeal(
  tx: Transaction,
  log: SealedLog,
  { bound, limit }: { bound: SealBound; limit: number },
): Promise<number> {
  const [made] = await many<{ rowCount: number }>(
    tx,
    `consistency.insert_seal_${log}`,
    `with picked as (
       select t.* from ${log} t where ${afterPosition('$1', '$2')} and t.${XID} < $3 order by t.${XID}, t.id limit $4
     ), whole as (
       select ${hashed(log)}, clock_timestamp() as made_at from picked t having count(*) > 0
     ), last_row as (
       select t.${XID} as xid, t.id from picked t order by 1 desc, 2 desc limit 1
     )
     ${OF[log].insertSeal} (seq, from_xid, from_id, to_xid, to_id, row_count, rows_hash, row_ids, row_hashes, made_at, previous_hash, hash)
     select $5::bigint + 1, $1, $2, l.xid, l.id, w.row_count, w.rows_hash, w.row_ids, w.row_hashes, w.made_at, $6,
            ledger_seal_hash($6, $5::bigint + 1, $1, $2, l.xid, l.id, w.row_count::bigint, w.made_at, encode(w.rows_hash, 'hex'))
     from whole w cross join last_row l
     returning row_count as "rowCount"`,
    [bound.xid, bound.id, bound.horizon, limit, bound.seq, bound.hash],
  );
  return made?.rowCount ?? 0;
}

export interface LogVerified {
  sealsSeq: number;
  sealsHash: Buffer | null;
  rereadSeq: number;
  /** Seals that were not as they were made when they were read last. */
  broken: number[];
}

export function selectLogVerified(on: Queryable, log: SealedLog): Promise<LogVerified> {
  return one<LogVerified & Record<string, unknown>>(
    on,
    `consistency.verified_${log}`,
    `select seals_seq as "sealsSeq", seals_hash as "sealsHash", reread_seq as "rereadSeq", to_jsonb(broken) as broken
     from ${OF[log].verified}`,
  );
}

/** Records up to which seal all were found intact, which never goes back, which one was read again last, and which are broken. */
export function markLogVerified(
  on: Queryable,
  log: SealedLog,
  { seq, rereadSeq, broken }: { seq: number; rereadSeq: number; broken: readonly number[] },
): Promise<number> {
  return execute(
    on,
    `consistency.mark_verified_${log}`,
    `${OF[log].updateVerified} reread_seq = $2, broken = $3::bigint[],
       seals_seq = greatest(v.seals_seq, $1),
       seals_hash = case when $1 > v.seals_seq then (select s.hash from ${OF[log].seals} s where s.seq = $1) else v.seals_hash end`,
    [seq, rereadSeq, broken],
  );
}

/** As `selectBrokenLinks` of the ledger's seals. */
export function selectBrokenLogLinks(
  on: Queryable,
  log: SealedLog,
  range: ChainRange,
): Promise<BrokenLink[]> {
  return many<BrokenLink>(
    on,
    `consistency.broken_links_${log}`,
    brokenLinksSql(OF[log].seals, `encode(s.rows_hash, 'hex')`),
    chainValues(range),
  );
}

export interface LogSeal {
  seq: number;
}

/** Seals after one, in their order. */
export function selectLogSeals(
  on: Queryable,
  log: SealedLog,
  { after, limit }: { after: number; limit: number },
): Promise<LogSeal[]> {
  return many<LogSeal>(
    on,
    `consistency.seals_${log}`,
    `select seq from ${OF[log].seals} where seq > $1 order by seq limit $2`,
    [after, limit],
  );
}

const covered = (log: SealedLog) => `select t.* from ${log} t, ${OF[log].seals} s
  where s.seq = $1 and ${afterPosition('s.from_xid', 's.from_id')} and ${upToPosition('s.to_xid', 's.to_id')}`;

/** Reads the rows of a seal again. `evidence`: what would name those that are not as they were sealed is as it was. */
export function verifyLogSeal(
  on: Queryable,
  log: SealedLog,
  seq: number,
): Promise<{ intact: boolean; evidence: boolean }> {
  return one(
    on,
    `consistency.verify_seal_${log}`,
    `with covered as (${covered(log)}), found as (select ${hashed(log)} from covered t)
     select f.row_count = s.row_count and f.rows_hash is not distinct from s.rows_hash as intact,
            f.row_ids is not distinct from s.row_ids and f.row_hashes is not distinct from s.row_hashes as evidence
     from found f cross join ${OF[log].seals} s where s.seq = $1`,
    [seq],
  );
}

/** Names the rows of a seal that are not as they were sealed. */
export function selectWrongLogRows(
  on: Queryable,
  log: SealedLog,
  { seq, limit }: { seq: number; limit: number },
): Promise<WrongRow[]> {
  return many<WrongRow>(
    on,
    `consistency.wrong_rows_${log}`,
    `with actual as (select t.id, ${OF[log].hash}(t) as hash from (${covered(log)}) c join ${log} t using (id)),
     expected as (
       select e.id, substr(s.row_hashes, ((e.n - 1) * 8 + 1)::int, 8) as hash
       from ${OF[log].seals} s cross join unnest(s.row_ids) with ordinality as e (id, n) where s.seq = $1
     )
     select coalesce(e.id, a.id) as "rowId", case
         when e.id is not null and a.id is not null then 'changed'
         -- Elsewhere in the log: its transaction was altered.
         when e.id is not null and exists (select from ${log} t where t.id = e.id) then 'changed'
         when e.id is not null then 'missing' else 'added' end as what
     from expected e full join actual a on a.id = e.id
     where e.hash is distinct from substr(a.hash, 1, 8) order by 1 limit $2`,
    [seq, limit],
  );
}

/** The latest seal, its hash in hexadecimal; 0 and null: there is none. */
export function selectLogHead(on: Queryable, log: SealedLog): Promise<{ seq: number; hash: string | null }> {
  return one(
    on,
    `consistency.head_${log}`,
    `select coalesce(max(seq), 0) as seq, encode((array_agg(hash order by seq desc))[1], 'hex') as hash from ${OF[log].seals}`,
  );
}

/** The hash of a seal, hexadecimal; null: there is none of this number. */
export async function selectLogHash(on: Queryable, log: SealedLog, seq: number): Promise<string | null> {
  const [row] = await many<{ hash: string }>(
    on,
    `consistency.hash_${log}`,
    `select encode(hash, 'hex') as hash from ${OF[log].seals} where seq = $1`,
    [seq],
  );
  return row?.hash ?? null;
}
