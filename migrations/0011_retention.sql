-- How long the ledger is kept (LEDGER_RETENTION_MONTHS): a month that is older is summed into opening balances and dropped.
-- Then, always:  stock.on_hand = ledger_opening.on_hand + sum of on_hand_delta, and the same for reserved.

create table ledger_opening (
  product_id   int not null,
  warehouse_id int not null,
  on_hand      int not null,
  reserved     int not null,
  -- Everything before this is in the sums.
  as_of        timestamptz not null,
  primary key (product_id, warehouse_id)
);

-- What was dropped, and when. The latest `upper_bound` is the horizon: nothing is known of the time before it.
create table ledger_folds (
  partition   text primary key,
  lower_bound timestamptz not null,
  upper_bound timestamptz not null unique,
  entries     bigint not null,
  folded_at   timestamptz not null default clock_timestamp()
);

create view ledger_partitions as
  select c.oid::regclass as partition, bounds[1]::timestamptz as lower_bound, bounds[2]::timestamptz as upper_bound
  from pg_inherits i join pg_class c on c.oid = i.inhrelid
  cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \('([^']+)'\) TO \('([^']+)'\)$$) as bounds
  where i.inhparent = 'inventory_transactions'::regclass;

-- Only what is sealed may be dropped (0012): a seal goes on proving that nothing was changed before.
create function may_drop_partition(partition regclass) returns boolean language plpgsql as $$
begin
  return ledger_partition_is_sealed(partition);
end $$;

-- Folds and drops the oldest partition if all of it is older than `months` full months; answers its name, or null when there
-- is none, when it may not be dropped yet, or while somebody else folds. One transaction: whoever sums ledger and opening
-- balances in one statement sees every entry once, before and after.
create function fold_ledger_partition(months int) returns text language plpgsql as $$
declare
  oldest record;
  horizon timestamptz := (date_trunc('month', now() at time zone 'UTC') - make_interval(months => months)) at time zone 'UTC';
  counted bigint;
  name text;
begin
  -- Whoever is at it goes on to the next month itself.
  if not pg_try_advisory_xact_lock(hashtext('fold_ledger_partition')) then return null; end if;
  select * into oldest from ledger_partitions p order by p.lower_bound limit 1;
  if oldest.upper_bound is null or oldest.upper_bound > horizon then return null; end if;
  name := oldest.partition::text;
  -- Whoever may still write there ends first. Readers of the ledger go on until the drop itself.
  execute format('lock table %s in share mode', oldest.partition);
  if not may_drop_partition(oldest.partition) then return null; end if;
  execute format(
    'with summed as (
       select product_id, warehouse_id, sum(on_hand_delta)::int as on_hand, sum(reserved_delta)::int as reserved, count(*) as entries
       from %s group by 1, 2
     ), opened as (
       insert into ledger_opening as o (product_id, warehouse_id, on_hand, reserved, as_of)
       select product_id, warehouse_id, on_hand, reserved, $1 from summed
       on conflict (product_id, warehouse_id) do update
       set on_hand = o.on_hand + excluded.on_hand, reserved = o.reserved + excluded.reserved, as_of = excluded.as_of
     ) select coalesce(sum(entries), 0) from summed', oldest.partition)
    into counted using oldest.upper_bound;
  insert into ledger_folds (partition, lower_bound, upper_bound, entries)
  values (name, oldest.lower_bound, oldest.upper_bound, counted);
  execute format('drop table %s', name);
  return name;
end $$;
