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
  if months not between 0 and 120 then raise exception 'months: 0 to 120' using errcode = 'invalid_parameter_value'; end if;
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
  if months < 1 then raise exception 'months: 1 or more' using errcode = 'invalid_parameter_value'; end if;
  return fold_ledger_partition(months);
end $$;

-- Block ranges of the ledger's index by transactions are summarised by its owner only.
create function summarise_ledger_ranges(part regclass) returns int language plpgsql security definer as $$
begin
  if not exists (select from pg_inherits where inhrelid = part and inhparent = 'inventory_transactions_by_xid'::regclass) then
    raise exception '% is no part of inventory_transactions_by_xid', part using errcode = 'invalid_parameter_value';
  end if;
  return brin_summarize_new_values(part);
end $$;

create function desummarise_ledger_ranges(part regclass, pages bigint, pages_per_range int) returns bigint
language plpgsql security definer as $$
begin
  if not exists (select from pg_inherits where inhrelid = part and inhparent = 'inventory_transactions_by_xid'::regclass) then
    raise exception '% is no part of inventory_transactions_by_xid', part using errcode = 'invalid_parameter_value';
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
