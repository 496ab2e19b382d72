-- Reports of sales: sums by quarter of an hour, kept by a follower of the stream of events (docs/decisions/0073-reports-from-sums.md).

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

-- Units that left with parcels of orders and came back, by the quarter of an hour in which they did, and what they were sold for.
create table report_sales (
  bucket         timestamptz not null,
  product_id     int not null,
  warehouse_id   int not null,
  currency       char(3) not null,
  -- As the order's item has it. Null: the version before wrote that; then it is that of the product.
  merchant_id    int,
  units          bigint not null,
  sales_minor    bigint not null,
  returned_units bigint not null,
  returned_minor bigint not null,
  constraint report_sales_key unique nulls not distinct (bucket, product_id, warehouse_id, currency, merchant_id)
);

-- Rows of the money ledger, by the quarter of an hour of `effective_at`. Null merchant: the money is the customer's.
create table report_money (
  bucket         timestamptz not null,
  merchant_id    int,
  currency       char(3) not null,
  captured_minor bigint not null,
  refunded_minor bigint not null,
  disputed_minor bigint not null,
  fee_minor      bigint not null,
  constraint report_money_key unique nulls not distinct (bucket, merchant_id, currency)
);

-- How often something happened to orders, by its type in their history.
create table report_orders (
  bucket timestamptz not null,
  type   text not null,
  count  bigint not null,
  primary key (bucket, type)
);

-- Up to which position of the stream events are in the sums; one row.
create table report_cursor (
  one      boolean primary key default true check (one),
  position bigint not null
);

-- What was there when the sums began, of sources for which it is not all in them yet: rows up to an id, but for those that had no position.
create table report_builds (
  source  text primary key check (source in ('ledger', 'orders', 'money')),
  up_to   bigint not null,
  without int8multirange not null,
  done_to bigint not null default 0
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
