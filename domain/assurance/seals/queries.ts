import { many, one, type Queryable, type Transaction } from '../../../platform/database/database';
import { boundSql, brokenLinksSql } from './chain-sql';
import { afterPosition, upToPosition, XID } from './ledger-range';

/** Only one sealer at a time; false: another one runs. Held until the transaction ends. */
export async function trySealerLock(tx: Transaction): Promise<boolean> {
  const { locked } = await one<{ locked: boolean }>(
    tx,
    'consistency.try_sealer_lock',
    `select pg_try_advisory_xact_lock(hashtext('holdfast.seal_ledger')) as locked`,
  );
  return locked;
}

export interface SealBound {
  seq: number;
  xid: number;
  id: number;
  hash: Buffer;
  /** Every transaction below it has ended: nothing can be added to its rows any more. */
  horizon: number;
}

/** Where sealing goes on, and how far it may go. */
export function selectSealBound(on: Queryable): Promise<SealBound> {
  return one<SealBound>(on, 'consistency.seal_bound', boundSql('ledger_seals'));
}

export interface MadeSeal {
  seq: number;
  rowCount: number;
  toXid: number;
}

/**
 * Seals the rows after `bound` of transactions below `before`, at most `seals` times `rowsPerSeal` of them, each seal chained
 * to the one before it.
 */
export function insertSeals(
  tx: Transaction,
  bound: SealBound,
  { before, seals, rowsPerSeal }: { before: number; seals: number; rowsPerSeal: number },
): Promise<MadeSeal[]> {
  return many<MadeSeal>(
    tx,
    'consistency.insert_seals',
    `with recursive picked as (
       select t, t.${XID} as xid, t.id, date_trunc('month', t.at at time zone 'UTC')::date as month
       from inventory_transactions t
       where ${afterPosition('$1', '$2')} and t.${XID} < $3
       order by t.${XID}, t.id limit $4::int * $5::int
     ), numbered as (
       select xid, id, month, ledger_row_hash(t) as hash, ((row_number() over (order by xid, id) - 1) / $5)::int as n from picked
     ), part as (
       select n, month, count(*)::int as row_count, sha256(string_agg(int8send(id) || hash, ''::bytea order by xid, id)) as rows_hash,
              array_agg(id order by xid, id) as row_ids, string_agg(substr(hash, 1, 8), ''::bytea order by xid, id) as row_hashes
       from numbered group by n, month
     ), last_row as (
       select distinct on (n) n, xid, id from numbered order by n, xid desc, id desc
     ), whole as (
       select n, sum(row_count) as row_count, l.xid as to_xid, l.id as to_id, clock_timestamp() as made_at,
              string_agg(concat_ws(':', month, row_count, encode(rows_hash, 'hex')), ',' order by month) as parts
       from part join last_row l using (n) group by n, l.xid, l.id
     ), chain as (
       select w.*, $6::bigint + 1 as seq, $1::bigint as from_xid, $2::bigint as from_id, $7::bytea as previous_hash,
              ledger_seal_hash($7, $6::bigint + 1, $1, $2, w.to_xid, w.to_id, w.row_count::bigint, w.made_at, w.parts) as hash
       from whole w where w.n = 0
       union all
       select w.*, c.seq + 1, c.to_xid, c.to_id, c.hash,
              ledger_seal_hash(c.hash, c.seq + 1, c.to_xid, c.to_id, w.to_xid, w.to_id, w.row_count::bigint, w.made_at, w.parts)
       from chain c join whole w on w.n = c.n + 1
     ), sealed as (
       insert into ledger_seals (seq, from_xid, from_id, to_xid, to_id, row_count, made_at, previous_hash, hash)
       select seq, from_xid, from_id, to_xid, to_id, row_count, made_at, previous_hash, hash from chain
       returning seq, row_count, to_xid
     ), evidence as (
       insert into ledger_seal_parts (seq, month, row_count, rows_hash, row_ids, row_hashes)
       select c.seq, p.month, p.row_count, p.rows_hash, p.row_ids, p.row_hashes from part p join chain c using (n)
     )
     select seq, row_count as "rowCount", to_xid as "toXid" from sealed order by seq`,
    [bound.xid, bound.id, before, seals, rowsPerSeal, bound.seq, bound.hash],
  );
}

export interface BrokenLink {
  seq: number;
  /** What is wrong with this seal, or with what precedes it. */
  why: 'seal_changed' | 'seal_missing' | 'chain_broken';
  /** Of missing seals: how many. */
  missing: number;
}

const LEDGER_PARTS = `coalesce((
  select string_agg(concat_ws(':', p.month, p.row_count, encode(p.rows_hash, 'hex')), ',' order by p.month)
  from ledger_seal_parts p where p.seq = s.seq), '')`;

/** A part of a chain of seals. */
export interface ChainRange {
  /** Of the latest seal that was ever verified: those at the end could otherwise vanish unnoticed. */
  lastSeq: number;
  lastHash: Buffer | null;
  /** Of the seals after this one. */
  after: number;
  /** Up to and with this one; null: to the end. */
  upTo: number | null;
  limit: number;
}

export function chainValues({ lastSeq, lastHash, limit, after, upTo }: ChainRange): unknown[] {
  return [lastSeq, lastHash, limit, after, upTo];
}

/** Seals that are not as they were made, or do not follow from the one before. */
export function selectBrokenLinks(on: Queryable, range: ChainRange): Promise<BrokenLink[]> {
  return many<BrokenLink>(
    on,
    'consistency.broken_links',
    brokenLinksSql('ledger_seals', LEDGER_PARTS),
    chainValues(range),
  );
}

export interface VerifiedPart {
  month: string;
  expected: number | null;
  actual: number | null;
  /** The rows are as they were sealed. */
  intact: boolean;
  /** So is what would name those that are not. */
  evidenceIntact: boolean;
}

/** The rows of the ledger that a seal covers, with their hashes, as `actual`. */
const ACTUAL = `
  with seal as (select * from ledger_seals where seq = $1),
  actual as materialized (
    select t.id, t.${XID} as xid, date_trunc('month', t.at at time zone 'UTC')::date as month, ledger_row_hash(t) as hash
    from inventory_transactions t
    where ${afterPosition('$2', '$3')} and ${upToPosition('$4', '$5')}
      -- Within one transaction the ids alone tell where to look: it may be far larger than a seal.
      and ($2 < $4 or (t.id > $3 and t.id <= $5)))`;

/** Reads a seal's rows again. Returns each month that it has rows in, or should have. */
export function verifySealRows(on: Queryable, seal: SealRange): Promise<VerifiedPart[]> {
  return many<VerifiedPart>(
    on,
    'consistency.verify_seal_rows',
    `${ACTUAL}, found as (
       select month, count(*)::int as row_count, sha256(string_agg(int8send(id) || hash, ''::bytea order by xid, id)) as rows_hash,
              array_agg(id order by xid, id) as row_ids, string_agg(substr(hash, 1, 8), ''::bytea order by xid, id) as row_hashes
       from actual group by month)
     select to_char(month, 'YYYY-MM-DD') as month, p.row_count as expected, f.row_count as actual,
            coalesce(p.rows_hash = f.rows_hash and p.row_count = f.row_count, false) as intact,
            coalesce(p.row_ids = f.row_ids and p.row_hashes = f.row_hashes, false) as "evidenceIntact"
     from (select * from ledger_seal_parts where seq = $1) p full join found f using (month) order by month`,
    rangeValues(seal),
  );
}

export interface WrongRow {
  rowId: number;
  what: 'changed' | 'missing' | 'added';
}

/** Names the rows of one month of a seal that are not as they were sealed. */
export function selectWrongRows(
  on: Queryable,
  seal: SealRange,
  month: string,
  limit: number,
): Promise<WrongRow[]> {
  return many<WrongRow>(
    on,
    'consistency.wrong_rows',
    `${ACTUAL}, expected as (
       select e.id, substr(p.row_hashes, ((e.n - 1) * 8 + 1)::int, 8) as hash
       from ledger_seal_parts p, unnest(p.row_ids) with ordinality as e (id, n) where p.seq = $1 and p.month = $6::date
     ), wrong as (
       select coalesce(e.id, a.id) as id, e.id is not null as expected, a.id is not null as found
       from expected e full join (select * from actual where month = $6::date) a on a.id = e.id
       where e.id is null or a.id is null or e.hash <> substr(a.hash, 1, 8))
     select w.id as "rowId", case
         when w.expected and w.found then 'changed'
         -- Elsewhere in the ledger: its transaction or its time was altered.
         when w.expected and exists (select from inventory_transactions t where t.id = w.id) then 'changed'
         when w.expected then 'missing' else 'added' end as what
     from wrong w order by w.id limit $7`,
    [...rangeValues(seal), month, limit],
  );
}

export interface SealRange {
  seq: number;
  fromXid: number;
  fromId: number;
  toXid: number;
  toId: number;
  rowCount: number;
  hash: Buffer;
}

function rangeValues({ seq, fromXid, fromId, toXid, toId }: SealRange): unknown[] {
  return [seq, fromXid, fromId, toXid, toId];
}

/** Seals after `after`, in order. */
export function selectSeals(on: Queryable, after: number, limit: number): Promise<SealRange[]> {
  return many<SealRange>(
    on,
    'consistency.seals',
    `select seq, from_xid as "fromXid", from_id as "fromId", to_xid as "toXid", to_id as "toId", row_count as "rowCount", hash
     from ledger_seals where seq > $1 order by seq limit $2`,
    [after, limit],
  );
}

export interface BrokenFold {
  partition: string;
  what: 'fold_changed' | 'opening_changed';
}

/** Whether there is a table of a month (`YYYY-MM-DD` of its first day) of the ledger. */
export async function hasMonth(on: Queryable, month: string): Promise<boolean> {
  const row = await one<{ there: boolean }>(
    on,
    'consistency.has_month',
    `select exists (select from ledger_partitions where (lower_bound at time zone 'UTC')::date = $1::date) as there`,
    [month],
  );
  return row.there;
}

/**
 * Months that were summed up whose record is not as it was made, or of other rows than were sealed, and opening balances that
 * are not as the last of them left them.
 */
export function selectBrokenFolds(on: Queryable): Promise<BrokenFold[]> {
  return many<BrokenFold & Record<string, unknown>>(
    on,
    'consistency.broken_folds',
    `with linked as (
       select f.*, coalesce(lag(f.hash) over rising, decode(repeat('00', 32), 'hex')) as hash_before,
              lead(f.partition) over rising is null as is_last
       from ledger_folds f window rising as (order by f.upper_bound)
     ), sealed as (
       select month, sum(row_count) as entries from ledger_seal_parts group by 1
     )
     select partition, 'fold_changed' as what from linked l left join sealed s on s.month = (l.lower_bound at time zone 'UTC')::date
     where hash <> ledger_fold_hash(hash_before, partition, lower_bound, upper_bound, l.entries, opening_hash)
        or l.entries <> coalesce(s.entries, 0)
     union all
     select partition, 'opening_changed' from linked where is_last and opening_hash is distinct from ledger_opening_hash()
     order by 1, 2`,
  );
}
