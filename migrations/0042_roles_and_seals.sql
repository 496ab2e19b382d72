-- The API and the worker run as a role that owns nothing (docs/decisions/0042-owner-and-runtime-roles.md). What they may not do
-- themselves they ask for by functions that run as the owner; their search path is fixed, so that no object of the caller's is taken
-- for one of ours. `holdfast migrate` grants the rights (platform/database/runtime-role.ts).

-- Makes the partitions of this month, of the one before and of `months` more; returns how many were new. Each is made as a table of
-- its own and then attached: that waits neither for readers of the ledger nor for its writers, and they do not wait for it.
create or replace function ensure_ledger_partitions(months int) returns int language plpgsql security definer as $$
declare
  first date := date_trunc('month', now() at time zone 'UTC')::date;
  lower date;
  partition text;
  made int := 0;
begin
  if months not between 0 and 120 then raise exception 'months: 0 to 120'
    using errcode = 'invalid_parameter_value', constraint = 'ensure_ledger_partitions_months'; end if;
  perform pg_advisory_xact_lock(hashtext('ensure_ledger_partitions'));
  -- The month before too: a row stamped just before midnight may be written just after it by a clock that is behind.
  for n in -1..months loop
    lower := first + make_interval(months => n);
    partition := 'inventory_transactions_' || to_char(lower, 'YYYY_MM');
    if to_regclass(partition) is null then
      -- Ids come from the ledger itself, and so do indexes and row triggers when it is attached.
      execute format('create table %I (like inventory_transactions including all excluding identity excluding indexes)', partition);
      -- Statement triggers are not inherited: these guard a partition that is addressed by its own name.
      execute format('create trigger no_truncate before truncate on %I
        for each statement execute function refuse_change()', partition);
      execute format('create trigger keys after insert on %I referencing new table as added
        for each statement execute function record_ledger_keys()', partition);
      execute format('alter table inventory_transactions attach partition %I for values from (%L) to (%L)',
        partition,
        to_char(lower, 'YYYY-MM-DD') || ' 00:00:00+00',
        to_char(lower + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
      made := made + 1;
    end if;
  end loop;
  return made;
end $$;

-- What the worker calls to fold a month. Whoever may call it can drop what is sealed, verified and older than a month, which
-- `ledger_folds` records; nothing else.
create function fold_old_month(months int) returns text language plpgsql security definer as $$
begin
  if months < 1 then raise exception 'months: 1 or more'
    using errcode = 'invalid_parameter_value', constraint = 'fold_old_month_months'; end if;
  return fold_ledger_partition(months);
end $$;

-- Block ranges of the ledger's index by transactions are summarised by its owner only.
create function summarise_ledger_ranges(part regclass) returns int language plpgsql security definer as $$
begin
  if not exists (select from pg_inherits where inhrelid = part and inhparent = 'inventory_transactions_by_xid'::regclass) then
    raise exception '% is no part of inventory_transactions_by_xid', part
      using errcode = 'invalid_parameter_value', constraint = 'ledger_ranges_part';
  end if;
  return brin_summarize_new_values(part);
end $$;

create function desummarise_ledger_ranges(part regclass, pages bigint, pages_per_range int) returns bigint
language plpgsql security definer as $$
begin
  if not exists (select from pg_inherits where inhrelid = part and inhparent = 'inventory_transactions_by_xid'::regclass) then
    raise exception '% is no part of inventory_transactions_by_xid', part
      using errcode = 'invalid_parameter_value', constraint = 'ledger_ranges_part';
  end if;
  return (select count(brin_desummarize_range(part, page)) from generate_series(0, pages, pages_per_range) page);
end $$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array['ensure_ledger_partitions(int)', 'fold_old_month(int)', 'summarise_ledger_ranges(regclass)',
                           'desummarise_ledger_ranges(regclass, bigint, int)']::regprocedure[] loop
    execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
    execute format('revoke execute on function %s from public', f);
  end loop;
  revoke execute on function fold_ledger_partition(int) from public;
end $$;

-- Seals

-- Where the share of all seals stands that each scheduled check reads again, so that every seal is read again within a month.
create table ledger_rechecked (
  one            boolean primary key default true check (one),
  -- The last seal that was read again in this round; the round began so long ago.
  seq            bigint not null default 0,
  round_began_at timestamptz not null default clock_timestamp(),
  -- Seals that were not as they were made: each check reads them again, until they are.
  broken         bigint[] not null default '{}'
);
insert into ledger_rechecked default values;

-- The seal that an entry belongs to, by its position: what a repair asks for each entry that it sums.
create index ledger_seals_by_end on ledger_seals (to_xid, to_id);

-- As in 0035, with that index; and the record of what was noted of each entry is compared with its seal as well.
create or replace function ledger_fault(product int, warehouse int) returns text language plpgsql stable as $$
declare
  months text;
  ids text;
  seals text;
begin
  select string_agg(to_char(m.month, 'YYYY-MM'), ', ' order by m.month) into months
  from (select distinct p.month from ledger_seal_parts p) m
  where not exists (select from ledger_partitions l where (l.lower_bound at time zone 'UTC')::date = m.month)
    and not exists (select from ledger_folds f where (f.lower_bound at time zone 'UTC')::date = m.month);
  if months is not null then
    return format('the ledger of %s is gone, and was never summed up: restore it first', months);
  end if;
  if (select f.opening_hash from ledger_folds f order by f.upper_bound desc limit 1) is distinct from ledger_opening_hash()
     and exists (select from ledger_folds) then
    return 'the opening balances were changed since the last month was summed up: restore them first';
  end if;
  -- What is compared with was not changed itself: the seals of the entries, and what they noted.
  select string_agg(s.seq::text, ', ' order by s.seq) into seals from ledger_seals s
  where s.seq in (
      select e.seq from inventory_transactions t cross join lateral (
        select s.seq from ledger_seals s where (s.to_xid, s.to_id) >= (t.xid::text::bigint, t.id) order by s.to_xid, s.to_id limit 1) e
      where t.product_id = product and t.warehouse_id = warehouse)
    and (s.hash <> ledger_seal_hash(s.previous_hash, s.seq, s.from_xid, s.from_id, s.to_xid, s.to_id, s.row_count, s.made_at,
           (select string_agg(concat_ws(':', p.month, p.row_count, encode(p.rows_hash, 'hex')), ',' order by p.month)
            from ledger_seal_parts p where p.seq = s.seq))
      or s.previous_hash is distinct from
         coalesce((select b.hash from ledger_seals b where b.seq = s.seq - 1), decode(repeat('00', 32), 'hex')));
  if seals is not null then
    return format('seals of the ledger were changed (%s): restore them first', seals);
  end if;
  select string_agg(w.id::text, ', ' order by w.id) into ids from (
    with sealed_up_to as (
      select s.to_xid, s.to_id from ledger_seals s order by s.seq desc limit 1
    ), mine as materialized (
      select t.id, substr(ledger_row_hash(t), 1, 8) as hash, date_trunc('month', t.at at time zone 'UTC')::date as month, e.seq
      from inventory_transactions t cross join sealed_up_to u cross join lateral (
        select s.seq from ledger_seals s where (s.to_xid, s.to_id) >= (t.xid::text::bigint, t.id) order by s.to_xid, s.to_id limit 1) e
      where t.product_id = product and t.warehouse_id = warehouse and (t.xid::text::bigint, t.id) <= (u.to_xid, u.to_id)
    ), expected as (
      select p.seq, p.month, e.id, substr(p.row_hashes, ((e.n - 1) * 8 + 1)::int, 8) as hash
      from ledger_seal_parts p, unnest(p.row_ids) with ordinality as e (id, n)
      where (p.seq, p.month) in (select m.seq, m.month from mine m)
    )
    select m.id from mine m left join expected e on e.seq = m.seq and e.month = m.month and e.id = m.id
    where e.hash is distinct from m.hash limit 20) w;
  if ids is not null then
    return format('entries of the ledger were changed or added since they were sealed (ids %s): restore them first', ids);
  end if;
  -- A row that is missing does not say whose it was.
  select string_agg(to_char(m.month, 'YYYY-MM'), ', ' order by m.month) into months
  from (select p.month, sum(p.row_count) as rows from ledger_seal_parts p group by 1) m
  where exists (select from ledger_partitions l where (l.lower_bound at time zone 'UTC')::date = m.month)
    and m.rows <> (
      select count(*) from inventory_transactions t, (select s.to_xid, s.to_id from ledger_seals s order by s.seq desc limit 1) u
      where t.at >= m.month::timestamp at time zone 'UTC' and t.at < (m.month + interval '1 month') at time zone 'UTC'
        and (t.xid::text::bigint, t.id) <= (u.to_xid, u.to_id));
  if months is not null then
    return format('rows of the ledger of %s were removed or added since they were sealed: restore them first', months);
  end if;
  return null;
end $$;

-- An alert of its own, about the ledger and not about a place.
alter table alerts drop constraint alerts_kind_check;
alter table alerts add constraint alerts_kind_check check (kind in
  ('low_stock', 'out_of_stock', 'overstock', 'transfer_overdue', 'ledger_drift', 'work_failed', 'attention', 'expiry_near', 'recall',
   'count_short', 'ledger_tampered'));
alter table alerts drop constraint alerts_about_one_thing;
alter table alerts add constraint alerts_about_one_thing check
  (case kind when 'work_failed' then subject is not null and num_nonnulls(product_id, warehouse_id, order_id) = 0
              when 'ledger_tampered' then subject is not null and num_nonnulls(product_id, warehouse_id, order_id) = 0
              when 'attention' then num_nulls(subject, order_id) = 0 and num_nonnulls(product_id, warehouse_id) = 0
              else num_nonnulls(subject, order_id) = 0 and num_nulls(product_id, warehouse_id) = 0 end);
