-- The stream of events: rows that say what happened, numbered once they have committed (docs/decisions/0067-events-are-numbered-after-they-commit.md).

-- Histories of orders get an id, by which they are found in the order in which they were written. Null: written before.
create sequence order_events_id_seq;
alter table order_events add column id bigint;
alter table order_events alter column id set default nextval('order_events_id_seq');
alter sequence order_events_id_seq owned by order_events.id;

-- What happened and no other row says.
create table event_entries (
  id           bigint generated always as identity primary key,
  at           timestamptz not null default clock_timestamp(),
  type         text not null check (type ~ '^[a-z_]+\.[a-z_]+$'),
  subject_type text not null check (subject_type ~ '^[a-z_]+$'),
  subject_id   text not null check (subject_id <> ''),
  actor        text not null check (actor <> ''),
  -- Whose it is, as a caller; null: nobody's in particular.
  owner        text,
  -- W3C traceparent of the work that has written it; null: it was not traced.
  trace        text,
  data         jsonb not null default '{}' check (jsonb_typeof(data) = 'object')
);

-- Where the sequencer stands with each source: every id up to this is numbered, in a gap, or was rolled back.
create table event_sources (
  source     text primary key check (source in ('ledger', 'orders', 'audit', 'entries')),
  scanned_to bigint not null
);

-- The next position, and nothing else; one row.
create table event_head (
  one           boolean primary key default true check (one),
  next_position bigint not null check (next_position >= 1)
);
insert into event_head (next_position) values (1);

-- Rows of one source that were numbered together. The position of an id is first_position and its place among `ids`.
create table event_batches (
  first_position bigint primary key,
  last_position  bigint not null,
  source         text not null check (source in ('ledger', 'orders', 'audit', 'entries')),
  ids            int8multirange not null,
  numbered_at    timestamptz not null default clock_timestamp(),
  check (last_position >= first_position)
);
-- The retention
create index event_batches_by_age on event_batches (numbered_at, first_position);

-- Ids that were passed and not seen: their transactions were open, or were rolled back.
create table event_gaps (
  id        bigint generated always as identity primary key,
  source    text not null check (source in ('ledger', 'orders', 'audit', 'entries')),
  ids       int8multirange not null,
  -- Virtual transactions that may bring them yet; null: nobody has looked.
  waits_for text[]
);

-- The stream begins here. What is being written to the ledger and the audit log at this moment has ids below the highest that is seen.
insert into event_sources (source, scanned_to)
select 'ledger', coalesce(max(id), 0) from inventory_transactions
union all select 'audit', coalesce(max(id), 0) from audit_log
union all select 'orders', 0
union all select 'entries', 0;
insert into event_gaps (source, ids)
select 'ledger', g.ids from event_sources s cross join lateral (
  select int8multirange(int8range(greatest(s.scanned_to - 10000, 0), s.scanned_to, '(]'))
         - coalesce(range_agg(int8range(t.id, t.id, '[]')), '{}') as ids
  from inventory_transactions t where t.id > s.scanned_to - 10000 and t.id <= s.scanned_to) g
where s.source = 'ledger' and not isempty(g.ids)
union all
select 'audit', g.ids from event_sources s cross join lateral (
  select int8multirange(int8range(greatest(s.scanned_to - 10000, 0), s.scanned_to, '(]'))
         - coalesce(range_agg(int8range(t.id, t.id, '[]')), '{}') as ids
  from audit_log t where t.id > s.scanned_to - 10000 and t.id <= s.scanned_to) g
where s.source = 'audit' and not isempty(g.ids);
