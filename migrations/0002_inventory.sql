-- Stock counters, the ledger that explains them, and the holds on them. Always true:
--   stock.on_hand  = sum of on_hand_delta
--   stock.reserved = sum of reserved_delta = open quantity of the lines of live reservations

create table stock (
  product_id          int not null references products,
  warehouse_id        int not null references warehouses,
  on_hand             int not null default 0,
  reserved            int not null default 0,
  available           int not null generated always as (on_hand - reserved) stored,
  low_stock_threshold int not null default 0 check (low_stock_threshold >= 0),
  version             bigint not null default 0,
  primary key (product_id, warehouse_id),
  constraint stock_on_hand_not_negative check (on_hand >= 0),
  constraint stock_reserved_not_negative check (reserved >= 0),
  constraint stock_on_hand_covers_reserved check (on_hand >= reserved)
) with (fillfactor = 70);
-- No index on a column that changes: every update stays HOT and touches one page.

-- Effects are applied once. A partitioned table cannot hold a unique key across its partitions, so the key lives here,
-- written by the ledger's own trigger: an effect that is in the ledger twice is impossible, whoever writes.
create table ledger_keys (
  key text primary key
);

create table inventory_transactions (
  id             bigint generated always as identity,
  at             timestamptz not null default clock_timestamp(),
  product_id     int not null,
  warehouse_id   int not null,
  kind           text not null check (kind in
    ('opening', 'receipt', 'adjust', 'reserve', 'allocate', 'release', 'expire', 'ship', 'transfer_out', 'transfer_in', 'return', 'count')),
  on_hand_delta  int not null,
  reserved_delta int not null,
  effect_id      uuid not null,
  reservation_id uuid,
  order_id       uuid,
  reason         text,
  reference      text,
  actor          text not null default 'system',
  -- Sealing takes rows in the order of transactions that can no longer be running; an append-only table cannot be backfilled.
  xid            xid8 not null default pg_current_xact_id(),
  primary key (id, at)
) partition by range (at);

-- GET /inventory/{sku}/transactions, ledger sums of one stock row
create index inventory_transactions_by_stock on inventory_transactions (product_id, warehouse_id, at);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger inventory_transactions_append_only before update or delete on inventory_transactions
  for each row execute function refuse_change();
create trigger inventory_transactions_no_truncate before truncate on inventory_transactions
  for each statement execute function refuse_change();
create trigger ledger_keys_append_only before update or delete on ledger_keys
  for each row execute function refuse_change();
create trigger ledger_keys_no_truncate before truncate on ledger_keys
  for each statement execute function refuse_change();

create function record_ledger_keys() returns trigger language plpgsql as $$
begin
  insert into ledger_keys (key) select distinct kind || ':' || effect_id from added;
  return null;
end $$;

create trigger inventory_transactions_keys after insert on inventory_transactions
  referencing new table as added
  for each statement execute function record_ledger_keys();

-- Makes the partitions of this month and `months` more; answers how many were new. Safe to run at any time, by several at once.
create function ensure_ledger_partitions(months int) returns int language plpgsql as $$
declare
  first date := date_trunc('month', now() at time zone 'UTC')::date;
  lower date;
  partition text;
  made int := 0;
begin
  perform pg_advisory_xact_lock(hashtext('ensure_ledger_partitions'));
  -- The month before too: a row stamped just before midnight may be written just after it by a clock that is behind.
  for n in -1..months loop
    lower := first + make_interval(months => n);
    partition := 'inventory_transactions_' || to_char(lower, 'YYYY_MM');
    if to_regclass(partition) is null then
      execute format('create table %I partition of inventory_transactions for values from (%L) to (%L)',
        partition,
        to_char(lower, 'YYYY-MM-DD') || ' 00:00:00+00',
        to_char(lower + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
      -- Statement triggers are not inherited: these guard a partition that is addressed by its own name.
      execute format('create trigger no_truncate before truncate on %I
        for each statement execute function refuse_change()', partition);
      execute format('create trigger keys after insert on %I referencing new table as added
        for each statement execute function record_ledger_keys()', partition);
      made := made + 1;
    end if;
  end loop;
  return made;
end $$;

select ensure_ledger_partitions(12);

create table reservations (
  id         uuid primary key,
  -- 'order': part of an order; 'hold': made without one; 'allocation': arrived stock on its way to backorders.
  kind       text not null check (kind in ('order', 'hold', 'allocation')),
  order_id   uuid,
  -- 1 for the hold that an order was placed with, more for each later allocation of its backorders.
  seq        int not null default 1 check (seq >= 1),
  status     text not null check (status in ('pending', 'charging', 'confirmed', 'shipped', 'cancelled', 'expired')),
  -- Number of the latest charge against this hold.
  attempt    int not null default 0 check (attempt >= 0),
  expires_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  check ((kind = 'order') = (order_id is not null)),
  check (kind = 'allocation' or expires_at is not null)
) with (fillfactor = 80);

-- The holds of an order
create index reservations_by_order on reservations (order_id, seq) where order_id is not null;
-- Expired holds, soonest first: the reclaim on shortage and the sweep
create index reservations_due on reservations (expires_at) where status = 'pending';

create table reservation_lines (
  reservation_id uuid not null references reservations,
  product_id     int not null,
  warehouse_id   int not null,
  quantity       int not null check (quantity > 0),
  -- Still held. Goes down as a warehouse ships or as a part is cancelled.
  open_quantity  int not null,
  primary key (reservation_id, product_id, warehouse_id),
  constraint reservation_lines_open_within_quantity check (open_quantity between 0 and quantity)
) with (fillfactor = 80);
