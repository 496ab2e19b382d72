-- Reports: sums by quarter of an hour, kept by a follower of the stream of events (docs/decisions/0073-reports-from-sums.md). They hold money by
-- product and warehouse, and what goods cost (docs/decisions/0077-money-of-reports-by-product.md).

-- The money ledger is numbered as well, so that its rows are counted once.
alter table event_sources drop constraint event_sources_source_check;
alter table event_sources add constraint event_sources_source_check
  check (source in ('ledger', 'orders', 'audit', 'entries', 'money'));
-- What is there has fewer sources.
alter table event_batches drop constraint event_batches_source_check;
alter table event_batches add constraint event_batches_source_check
  check (source in ('ledger', 'orders', 'audit', 'entries', 'money')) not valid;
alter table event_gaps drop constraint event_gaps_source_check;
alter table event_gaps add constraint event_gaps_source_check
  check (source in ('ledger', 'orders', 'audit', 'entries', 'money'));

-- What is being written at this moment has ids below the highest that is seen.
insert into event_sources (source, scanned_to) select 'money', coalesce(max(id), 0) from money_ledger;
insert into event_gaps (source, ids)
select 'money', g.ids from event_sources s cross join lateral (
  select int8multirange(int8range(greatest(s.scanned_to - 10000, 0), s.scanned_to, '(]'))
         - coalesce(range_agg(int8range(t.id, t.id, '[]')), '{}') as ids
  from money_ledger t where t.id > s.scanned_to - 10000 and t.id <= s.scanned_to) g
where s.source = 'money' and not isempty(g.ids);

-- Of a capture: the units that it pays its merchant for, as arrays of product, warehouse and minor units at the price in the order. Null: the
-- version before wrote it, or nothing was sold. What is reserved, has left and was ordered changes later, so that nothing else says it.
alter table money_ledger add column units jsonb;

-- Sums of a time: `all`, by quarter of an hour; and by product, warehouse and merchant for buckets of a quarter of an hour, of three hours and
-- of a day (UTC): a period is read by the longest that are within it.
create table report_sums (
  dimension      text not null check (dimension in ('all', 'merchant', 'product', 'warehouse')),
  minutes        int not null check (minutes > 0),
  bucket         timestamptz not null,
  -- Null: what is of none, and all.
  id             int,
  currency       char(3) not null,
  units          bigint not null,
  sales_minor    bigint not null,
  returned_units bigint not null,
  returned_minor bigint not null,
  captured_minor bigint not null,
  refunded_minor bigint not null,
  disputed_minor bigint not null,
  fee_minor      bigint not null,
  -- Of all units that left, also of those that are no sale: how many have a known cost, that, and how many have none.
  costed_units   bigint not null,
  cost_minor     bigint not null,
  uncosted_units bigint not null,
  constraint report_sums_key unique nulls not distinct (dimension, minutes, bucket, id, currency)
) with (fillfactor = 70);

-- How often something happened to orders, by its type in their history.
create table report_orders (
  bucket timestamptz not null,
  type   text not null,
  count  bigint not null,
  primary key (bucket, type)
) with (fillfactor = 70);

-- Up to which position of the stream events are in the sums; one row.
create table report_cursor (
  one      boolean primary key default true check (one),
  position bigint not null
);

-- What was there when the sums began, of sources for which it is not all in them yet: rows up to an id, but for those that had no position.
create table report_builds (
  source   text primary key check (source in ('ledger', 'orders', 'money')),
  up_to    bigint not null,
  without  int8multirange not null,
  done_to  bigint not null default 0,
  began_at timestamptz not null default clock_timestamp()
);

-- Nobody numbers events meanwhile.
select pg_advisory_xact_lock(hashtext('holdfast.number_events'));
insert into report_cursor (position) select next_position - 1 from event_head;
insert into report_builds (source, up_to, without)
select s.source, s.scanned_to,
  coalesce((select range_agg(r) from event_gaps g cross join lateral unnest(g.ids) r where g.source = s.source), '{}')
from event_sources s
where s.source in ('ledger', 'orders', 'money') and (s.scanned_to > 0 or s.source = 'orders' and exists (select from order_events));

-- When a day begins in a time zone: also where midnight does not exist or comes twice.
create function day_start(day date, zone text) returns timestamptz language sql stable strict parallel safe as $$
  select coalesce(min(t), day::timestamp at time zone zone)
  from generate_series((day::timestamp at time zone zone) - interval '3 hours', day::timestamp at time zone zone, interval '15 minutes') t
  where (t at time zone zone)::date = day
$$;

-- Files of reports, as jobs made them.
alter table jobs drop constraint jobs_type_check;
alter table jobs add constraint jobs_type_check check (type in ('feed', 'products', 'consistency', 'settlement', 'reconciliation', 'report'));
create table report_files (
  job_id uuid primary key references jobs,
  csv    text not null
);
