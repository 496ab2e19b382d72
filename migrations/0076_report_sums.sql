-- Sums of reports that hold money by product and warehouse, and what goods cost (docs/decisions/0077-money-of-reports-by-product.md). They have
-- tables and a cursor of their own: a follower of the version before goes on with report_sales, report_money and report_orders, which
-- nothing reads any more.

-- Of a capture: the units that it pays its merchant for, as arrays of product, warehouse and minor units at the price in the order. Null: the
-- version before wrote it, or nothing was sold. What is reserved, has left and was ordered changes later, so that nothing else says it.
alter table money_ledger add column units jsonb;

-- By the quarter of an hour, warehouse and merchant. Null warehouse, null merchant: of none.
create table report_quarters (
  bucket         timestamptz not null,
  warehouse_id   int,
  merchant_id    int,
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
  constraint report_quarters_key unique nulls not distinct (bucket, warehouse_id, merchant_id, currency)
) with (fillfactor = 70);

-- The same by product, for buckets of a quarter of an hour, of three hours and of a day (UTC): a period is read by the longest that are
-- within it. Null product: money of none.
create table report_products (
  minutes        int not null check (minutes > 0),
  bucket         timestamptz not null,
  product_id     int,
  currency       char(3) not null,
  units          bigint not null,
  sales_minor    bigint not null,
  returned_units bigint not null,
  returned_minor bigint not null,
  captured_minor bigint not null,
  refunded_minor bigint not null,
  disputed_minor bigint not null,
  fee_minor      bigint not null,
  costed_units   bigint not null,
  cost_minor     bigint not null,
  uncosted_units bigint not null,
  constraint report_products_key unique nulls not distinct (minutes, bucket, product_id, currency)
) with (fillfactor = 70);

-- How often something happened to orders, by its type in their history.
create table report_order_counts (
  bucket timestamptz not null,
  type   text not null,
  count  bigint not null,
  primary key (bucket, type)
) with (fillfactor = 70);

-- Up to which position of the stream events are in the sums; one row.
create table report_sums_cursor (
  one      boolean primary key default true check (one),
  position bigint not null
);

-- What was there when the sums began, of sources for which it is not all in them yet: rows up to an id, but for those that had no position.
create table report_sums_builds (
  source   text primary key check (source in ('ledger', 'orders', 'money')),
  up_to    bigint not null,
  without  int8multirange not null,
  done_to  bigint not null default 0,
  began_at timestamptz not null default clock_timestamp()
);

-- Nobody numbers events meanwhile.
select pg_advisory_xact_lock(hashtext('holdfast.number_events'));
insert into report_sums_cursor (position) select next_position - 1 from event_head;
insert into report_sums_builds (source, up_to, without)
select s.source, s.scanned_to,
  coalesce((select range_agg(r) from event_gaps g cross join lateral unnest(g.ids) r where g.source = s.source), '{}')
from event_sources s
where s.source in ('ledger', 'orders', 'money') and (s.scanned_to > 0 or s.source = 'orders' and exists (select from order_events));
