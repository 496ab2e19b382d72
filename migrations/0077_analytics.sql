-- Analytics: sums of the stock ledger, kept by a follower of the stream of events (docs/decisions/0081-analytics-from-sums.md).
-- Days and months are those of UTC. Warehouse 0: none; category 0: none; currency XXX (ISO 4217): no money.

-- By day, product and warehouse; those of a product lie together.
create table analytics_product_days (
  product_id        int not null,
  day               date not null,
  warehouse_id      int not null,
  currency          char(3) not null,
  -- Of the currency XXX, units: that left for customers, came with receipts, came back, were corrected, moved between warehouses (signed), and
  -- were there before anything is known.
  sold_units        bigint not null default 0,
  received_units    bigint not null default 0,
  returned_units    bigint not null default 0,
  adjusted_units    bigint not null default 0,
  transferred_units bigint not null default 0,
  opened_units      bigint not null default 0,
  -- What of them is reserved, signed.
  reserved_units    bigint not null default 0,
  -- Each change of what is on hand times the seconds that are left of the bucket.
  on_hand_seconds   bigint not null default 0,
  -- Of a currency: what was sold at the price of its order, what came back at it, and what was sold at a known cost.
  priced_units      bigint not null default 0,
  revenue_minor     bigint not null default 0,
  returned_minor    bigint not null default 0,
  costed_units      bigint not null default 0,
  cost_minor        bigint not null default 0,
  -- What orders asked for, and what of it was not there; at no warehouse.
  ordered_units     bigint not null default 0,
  short_units       bigint not null default 0,
  primary key (product_id, day, warehouse_id, currency)
);

-- By hour, category and warehouse.
create table analytics_category_hours (
  hour              timestamptz not null,
  category_id       int not null,
  warehouse_id      int not null,
  currency          char(3) not null,
  -- Of the currency XXX, units: that left for customers, came with receipts, came back, were corrected, moved between warehouses (signed), and
  -- were there before anything is known.
  sold_units        bigint not null default 0,
  received_units    bigint not null default 0,
  returned_units    bigint not null default 0,
  adjusted_units    bigint not null default 0,
  transferred_units bigint not null default 0,
  opened_units      bigint not null default 0,
  -- What of them is reserved, signed.
  reserved_units    bigint not null default 0,
  -- Each change of what is on hand times the seconds that are left of the bucket.
  on_hand_seconds   bigint not null default 0,
  -- Of a currency: what was sold at the price of its order, what came back at it, and what was sold at a known cost.
  priced_units      bigint not null default 0,
  revenue_minor     bigint not null default 0,
  returned_minor    bigint not null default 0,
  costed_units      bigint not null default 0,
  cost_minor        bigint not null default 0,
  primary key (hour, category_id, warehouse_id, currency)
) with (fillfactor = 80);

-- By day, category and warehouse.
create table analytics_category_days (
  day               date not null,
  category_id       int not null,
  warehouse_id      int not null,
  currency          char(3) not null,
  -- Of the currency XXX, units: that left for customers, came with receipts, came back, were corrected, moved between warehouses (signed), and
  -- were there before anything is known.
  sold_units        bigint not null default 0,
  received_units    bigint not null default 0,
  returned_units    bigint not null default 0,
  adjusted_units    bigint not null default 0,
  transferred_units bigint not null default 0,
  opened_units      bigint not null default 0,
  -- What of them is reserved, signed.
  reserved_units    bigint not null default 0,
  -- Each change of what is on hand times the seconds that are left of the bucket.
  on_hand_seconds   bigint not null default 0,
  -- Of a currency: what was sold at the price of its order, what came back at it, and what was sold at a known cost.
  priced_units      bigint not null default 0,
  revenue_minor     bigint not null default 0,
  returned_minor    bigint not null default 0,
  costed_units      bigint not null default 0,
  cost_minor        bigint not null default 0,
  -- What orders asked for, and what of it was not there; at no warehouse.
  ordered_units     bigint not null default 0,
  short_units       bigint not null default 0,
  primary key (day, category_id, warehouse_id, currency)
) with (fillfactor = 80);

-- By month, category and warehouse.
create table analytics_category_months (
  month             date not null,
  category_id       int not null,
  warehouse_id      int not null,
  currency          char(3) not null,
  -- Of the currency XXX, units: that left for customers, came with receipts, came back, were corrected, moved between warehouses (signed), and
  -- were there before anything is known.
  sold_units        bigint not null default 0,
  received_units    bigint not null default 0,
  returned_units    bigint not null default 0,
  adjusted_units    bigint not null default 0,
  transferred_units bigint not null default 0,
  opened_units      bigint not null default 0,
  -- What of them is reserved, signed.
  reserved_units    bigint not null default 0,
  -- Each change of what is on hand times the seconds that are left of the bucket.
  on_hand_seconds   bigint not null default 0,
  -- Of a currency: what was sold at the price of its order, what came back at it, and what was sold at a known cost.
  priced_units      bigint not null default 0,
  revenue_minor     bigint not null default 0,
  returned_minor    bigint not null default 0,
  costed_units      bigint not null default 0,
  cost_minor        bigint not null default 0,
  -- What orders asked for, and what of it was not there; at no warehouse.
  ordered_units     bigint not null default 0,
  short_units       bigint not null default 0,
  primary key (month, category_id, warehouse_id, currency)
) with (fillfactor = 80);

-- In which category the sums have a product. It is moved when the product has another one.
create table analytics_products (
  product_id  int primary key,
  category_id int not null
);

-- Products whose category was changed since.
create table analytics_recategorised (
  id         bigint generated always as identity primary key,
  product_id int not null
);
create function note_recategorised() returns trigger language plpgsql as $$
begin
  insert into analytics_recategorised (product_id) values (new.id);
  return null;
end $$;
create trigger products_recategorised after update of category_id on products
  for each row when (old.category_id is distinct from new.category_id) execute function note_recategorised();

-- Up to which position of the stream events are in the sums; one row.
create table analytics_cursor (
  one        boolean primary key default true check (one),
  position   bigint not null,
  -- What the ledger had dropped before there were sums is in none.
  known_from timestamptz not null
);

-- What was there when the sums began, of sources for which it is not all in them yet: rows up to an id, but for those that had no position.
create table analytics_builds (
  source   text primary key check (source in ('ledger', 'orders')),
  up_to    bigint not null,
  without  int8multirange not null,
  done_to  bigint not null default 0,
  begun_at timestamptz not null default clock_timestamp()
);

-- Nobody numbers events meanwhile.
select pg_advisory_xact_lock(hashtext('holdfast.number_events'));
insert into analytics_cursor (position, known_from)
select next_position - 1, coalesce((select max(upper_bound) from ledger_folds), '-infinity') from event_head;
insert into analytics_builds (source, up_to, without)
select s.source, s.scanned_to,
  coalesce((select range_agg(r) from event_gaps g cross join lateral unnest(g.ids) r where g.source = s.source), '{}')
from event_sources s
where s.source in ('ledger', 'orders') and (s.scanned_to > 0 or s.source = 'orders' and exists (select from order_events));

-- Months of the past, for a history that is loaded (`holdfast seed history`); of the owner only.

-- A table for a month of the ledger that has none, not yet part of it and without indexes; null: the ledger has that month, or had it.
create function make_ledger_month(month date) returns text language plpgsql as $$
declare
  name text := 'inventory_transactions_' || to_char(month, 'YYYY_MM');
begin
  if exists (select from ledger_partitions p where p.partition::text = name)
    or exists (select from ledger_folds f where f.upper_bound > (month::timestamp at time zone 'UTC')) then return null; end if;
  execute format('create table %I (like inventory_transactions including all excluding identity excluding indexes)', name);
  execute format('alter table %I alter column id set default nextval(%L)', name,
    pg_get_serial_sequence('inventory_transactions', 'id'));
  return name;
end $$;

-- Makes such a table a month of the ledger, as `ensure_ledger_partitions` does, with its indexes.
create function attach_ledger_month(month date) returns void language plpgsql as $$
declare
  name text := 'inventory_transactions_' || to_char(month, 'YYYY_MM');
begin
  perform pg_advisory_xact_lock(hashtext('ensure_ledger_partitions'));
  execute format('alter table %I alter column id drop default', name);
  execute format('create trigger no_truncate before truncate on %I for each statement execute function refuse_change()', name);
  execute format('create trigger keys after insert on %I referencing new table as added
    for each statement execute function record_ledger_keys()', name);
  execute format('alter table inventory_transactions attach partition %I for values from (%L) to (%L)', name,
    to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
end $$;
revoke execute on function make_ledger_month(date) from public;
revoke execute on function attach_ledger_month(date) from public;
