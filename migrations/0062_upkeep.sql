-- Checks and repairs that read no more than they need (docs/decisions/0064-incremental-evidence.md).

-- A repair asks whether the ledger is whole, which counts every month, once in a run, and of each place what is that place's alone.
create table ledger_counts (
  job_id     uuid primary key references jobs on delete cascade,
  -- When every month was found to have as many entries as were sealed.
  counted_at timestamptz not null
);

-- Why the ledger cannot be summed at all, in words; null: no month and no entry of one is missing, and the opening balances are as the
-- last month left them. Counts every month, so it may take minutes.
create function ledger_months_fault() returns text language plpgsql stable as $$
declare
  months text;
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

-- Why the ledger's entries of a stock row cannot be summed, in words; null: each is as it was sealed. What is not sealed yet is of the
-- last minutes.
create function ledger_place_fault(product int, warehouse int) returns text language plpgsql stable as $$
declare
  ids text;
  seals text;
begin
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
  return null;
end $$;

-- Both, for scripts that were written before.
create or replace function ledger_fault(product int, warehouse int) returns text language sql stable as $$
  select coalesce(ledger_place_fault(product, warehouse), ledger_months_fault())
$$;

-- The record of months that were summed up, and the opening balances, are read again once a day; where they are not as they were made,
-- by each check until they are.
alter table ledger_rechecked
  add column folds_read_at timestamptz not null default '-infinity',
  add column folds_broken  boolean not null default false;

-- Seals of the audit log that were not as they were made: each check reads them again, until they are.
alter table audit_verified add column broken bigint[] not null default '{}';
