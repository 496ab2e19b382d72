import { execute, many, one, type Queryable, type Transaction } from '../../platform/database/database';
import { EVENT_SOURCES, type DueGap, type EventSource, type NewEntry } from './types';

/** The table of each source. Each has an `id` from a sequence that is its own. */
export const TABLES = {
  ledger: 'inventory_transactions',
  orders: 'order_events',
  audit: 'audit_log',
  entries: 'event_entries',
  money: 'money_ledger',
} as const satisfies Record<EventSource, string>;

export function insertEntries(
  tx: Transaction,
  entries: readonly NewEntry[],
  trace: string | null,
): Promise<number> {
  return execute(
    tx,
    'event_log.insert_entries',
    `insert into event_entries (type, subject_type, subject_id, actor, owner, data, trace)
     select e.*, $7 from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) as e`,
    [
      entries.map(({ type }) => type),
      entries.map(({ subject }) => subject.type),
      entries.map(({ subject }) => subject.id),
      entries.map(({ actor }) => actor),
      entries.map(({ owner }) => owner ?? null),
      entries.map(({ data }) => JSON.stringify(data ?? {})),
      trace,
    ],
  );
}

/**
 * SQL of the name of a source that has rows that were not looked at; null: it has none. By the highest id: whether there is a higher one
 * PostgreSQL would look up in the whole table.
 */
function hasNew(source: EventSource): string {
  return `case when (select max(t.id) from ${TABLES[source]} t) >
    (select scanned_to from event_sources where source = '${source}') then '${source}' end`;
}

/** SQL of the ids of `rows` as an `int8multirange`: ids in a row are put together first, since there are thousands in each turn. */
function idsOf(rows: string): string {
  return `coalesce((select range_agg(int8range(first, last, '[]')) from (
    select min(id) as first, max(id) as last from (
      select id, id - row_number() over (order by id) as island from ${rows}) i group by island) r), '{}')`;
}

/** Sources with rows that were not looked at, and whether something is missing of any. Locks and writes nothing. */
export function selectUnnumbered(on: Queryable): Promise<{ sources: EventSource[]; gaps: boolean }> {
  return one(
    on,
    'event_log.unnumbered',
    `select array_remove(array[${EVENT_SOURCES.map(hasNew).join(', ')}], null) as sources,
            exists (select from event_gaps) as gaps`,
  );
}

/** Ranges of gaps that are looked at for the age of what has no position: a long transaction may leave one for each of its rows. */
const GAP_RANGES = 1_000;

/**
 * For how long committed rows have had no position, seconds; 0: there is none. By the first of each source that was not looked at, and of
 * what is missing, as a row says when it was written: one of a transaction that has just ended may be old.
 */
export async function selectUnnumberedSeconds(on: Queryable): Promise<number> {
  const { seconds } = await one<{ seconds: number }>(
    on,
    'event_log.unnumbered_seconds',
    `select coalesce(greatest(extract(epoch from clock_timestamp() - min(at)), 0), 0)::float8 as seconds
     from (${EVENT_SOURCES.flatMap((source) => [firstNew(source), firstLate(source)]).join(' union all ')}) o`,
  );
  return seconds;
}

/** SQL of when the first row of a source after those that were looked at was written. */
function firstNew(source: EventSource): string {
  return `(select t.at from ${TABLES[source]} t
    where t.id > (select scanned_to from event_sources where source = '${source}') order by t.id limit 1)`;
}

/** SQL of when the first row that can be seen in gaps of a source was written. */
function firstLate(source: EventSource): string {
  return `(select t.at from (
      select r from event_gaps g cross join lateral unnest(g.ids) r where g.source = '${source}' order by g.id limit ${GAP_RANGES}) m
    cross join lateral (
      select t.id, t.at from ${TABLES[source]} t where t.id >= lower(m.r) and t.id < upper(m.r) order by t.id limit 1) t
    order by t.id limit 1)`;
}

/** One sequencer at a time takes a turn; false: another one does. Held until the transaction ends. */
export async function trySequencerLock(tx: Transaction): Promise<boolean> {
  const { locked } = await one<{ locked: boolean }>(
    tx,
    'event_log.try_sequencer_lock',
    `select pg_try_advisory_xact_lock(hashtext('holdfast.number_events')) as locked`,
  );
  return locked;
}

export interface SequencerState {
  nextPosition: number;
  scannedTo: Record<EventSource, number>;
}

/** By who has the sequencer's lock. */
export function selectState(tx: Transaction): Promise<SequencerState> {
  return one<SequencerState & Record<string, unknown>>(
    tx,
    'event_log.state',
    `select (select next_position from event_head) as "nextPosition",
       (select json_object_agg(source, scanned_to) from event_sources) as "scannedTo"`,
  );
}

/**
 * Gaps that are to be looked at, the oldest first: nobody has, or somebody for whom it waits has ended. While a transaction stays open, those
 * that wait for it grow to many, and are not read. `holders` are who holds the lock of the sequence of the gap's source: virtual transactions
 * that may have taken an id and have not ended. The lock goes after the rows of the transaction can be seen.
 */
export function selectDueGaps(tx: Transaction): Promise<DueGap[]> {
  return many(
    tx,
    'event_log.due_gaps',
    `with held as materialized (
       select s.source, array_agg(distinct l.virtualtransaction) as holders
       from (values ${Object.entries(TABLES)
         .map(([source, table]) => `('${source}', pg_get_serial_sequence('${table}', 'id')::regclass)`)
         .join(', ')}) s (source, sequence)
       left join pg_locks l on l.relation = s.sequence and l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
         and l.database = (select oid from pg_database where datname = current_database())
       group by s.source
     )
     select g.id, g.source, g.ids::text as ids, g.waits_for as "waitsFor", array_remove(h.holders, null) as holders
     from event_gaps g join held h on h.source = g.source
     where g.waits_for is null or not g.waits_for <@ h.holders
     order by g.id`,
  );
}

export interface FoundIds {
  /** How many. */
  count: number;
  /** An `int8multirange`, as text. */
  ids: string;
}

export interface FreshIds extends FoundIds {
  /** The highest. */
  upTo: number;
  /** What is missing below it, as an `int8multirange`; null: nothing. */
  missing: string | null;
}

/** The next rows of a source, in the order of their ids; null: there is none. */
export async function selectFresh(
  tx: Transaction,
  source: EventSource,
  { scannedTo, limit }: { scannedTo: number; limit: number },
): Promise<FreshIds | null> {
  const found = await one<FoundIds & { upTo: number | null; missing: string | null }>(
    tx,
    `event_log.fresh_${source}`,
    `with fresh as (select t.id from ${TABLES[source]} t where t.id > $1::bigint order by t.id limit $2)
     select count, "upTo", ids::text as ids, nullif(int8multirange(int8range($1::bigint, "upTo", '(]')) - ids, '{}')::text as missing
     from (select count(*)::int as count, max(id) as "upTo", ${idsOf('fresh')} as ids from fresh) f`,
    [scannedTo, limit],
  );
  const { upTo } = found;
  return upTo === null ? null : { ...found, upTo };
}

/** What of a gap can be seen by now, at most `limit`; `left`: the rest of it, null: nothing. */
export function selectLate(
  tx: Transaction,
  source: EventSource,
  { ids, limit }: { ids: string; limit: number },
): Promise<FoundIds & { left: string | null }> {
  return one(
    tx,
    `event_log.late_${source}`,
    `with late as (
       select t.id from unnest($1::int8multirange) r cross join lateral (
         select t.id from ${TABLES[source]} t where t.id >= lower(r) and t.id < upper(r)) t
       limit $2)
     select count, ids::text as ids, nullif($1::int8multirange - ids, '{}')::text as "left"
     from (select count(*)::int as count, ${idsOf('late')} as ids from late) l`,
    [ids, limit],
  );
}

export interface NewBatch extends FoundIds {
  source: EventSource;
  firstPosition: number;
}

/** Writes what a turn has found out, in one statement. `count` of the batches is that of their positions. */
export async function writeTurn(
  tx: Transaction,
  turn: {
    nextPosition: number;
    batches: readonly NewBatch[];
    scanned: readonly { source: EventSource; upTo: number }[];
    /** Of ids that were passed. */
    newGaps: readonly { source: EventSource; ids: string }[];
    /** What has become of gaps that were looked at: what is left of each, and for whom it waits. */
    gaps: readonly { id: number; left: string; waitsFor: readonly string[] | null }[];
    /** Nothing of these is to come any more. */
    closed: readonly number[];
  },
): Promise<void> {
  await execute(
    tx,
    'event_log.write_turn',
    `with given as (select $1::jsonb as t),
     batches as (
       insert into event_batches (first_position, last_position, source, ids)
       select b."firstPosition", b."firstPosition" + b.count - 1, b.source, b.ids
       from given, jsonb_to_recordset(t -> 'batches') as b ("firstPosition" bigint, count bigint, source text, ids int8multirange)
     ), scanned as (
       update event_sources s set scanned_to = u."upTo"
       from given, jsonb_to_recordset(t -> 'scanned') as u (source text, "upTo" bigint) where s.source = u.source
     ), opened as (
       insert into event_gaps (source, ids)
       select g.source, g.ids from given, jsonb_to_recordset(t -> 'newGaps') as g (source text, ids int8multirange)
     ), looked as (
       update event_gaps g set ids = u."left",
         waits_for = case when jsonb_typeof(u."waitsFor") = 'array' then array(select jsonb_array_elements_text(u."waitsFor")) end
       from given, jsonb_to_recordset(t -> 'gaps') as u (id bigint, "left" int8multirange, "waitsFor" jsonb) where g.id = u.id
     ), closed as (
       delete from event_gaps g using given where g.id in (select c::bigint from jsonb_array_elements_text(t -> 'closed') c)
     )
     update event_head set next_position = (t ->> 'nextPosition')::bigint from given
     where next_position <> (t ->> 'nextPosition')::bigint`,
    [JSON.stringify(turn)],
  );
}
