-- What the ledger says of a time in the past is said once and for all (docs/decisions/0035-one-time-a-transaction.md).

-- Microseconds since 1970. Exact: 64 bits, never a double.
create function epoch_micros(at timestamptz) returns bigint language sql immutable strict parallel safe as $$
  select (extract(epoch from at) * 1000000)::bigint
$$;

-- The time of all ledger entries of this transaction: that of its first one, which it writes with the last of its stock rows
-- locked. Before it takes the time it leaves a mark, a shared advisory lock whose key is a time that is not later: whoever sees
-- no mark up to a time knows that nothing will be written at or before it. PostgreSQL removes the mark with the transaction,
-- however that ends; a prepared one keeps it.
create function ledger_time() returns timestamptz language plpgsql as $$
declare
  kept text := current_setting('holdfast.ledger_time', true);
  taken timestamptz;
begin
  if kept <> '' then return timestamptz 'epoch' + kept::bigint * interval '1 microsecond'; end if;
  perform pg_advisory_xact_lock_shared(epoch_micros(clock_timestamp()));
  taken := clock_timestamp();
  perform set_config('holdfast.ledger_time', epoch_micros(taken)::text, true);
  return taken;
end $$;

-- Up to and with this time nothing more is written to the ledger. Read before the snapshot of what is read of the ledger.
-- The keys are times from 2020 on: those of other advisory locks of this product, 32-bit hashes, are not.
create function ledger_final_until() returns timestamptz language plpgsql as $$
declare
  -- Before the marks are looked at: a mark that is left after that is later.
  asked timestamptz := clock_timestamp();
  first_mark bigint;
begin
  select min((l.classid::bigint << 32) | l.objid::bigint) into first_mark from pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 1
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
    and l.classid::bigint << 32 | l.objid::bigint between epoch_micros('2020-01-01 00:00:00+00') and epoch_micros(asked);
  if first_mark is not null then asked := timestamptz 'epoch' + first_mark * interval '1 microsecond'; end if;
  return asked - interval '1 microsecond';
end $$;

alter table inventory_transactions alter column at set default ledger_time();

-- What a stock row had at some of the times of its entries, about one in 256: the ledger is summed from the last of them on.
-- Only of times that are final, so they stay true; the retention takes nothing from them, since it sums up what it drops.
create table ledger_balances (
  product_id   int not null,
  warehouse_id int not null,
  at           timestamptz not null,
  on_hand      bigint not null,
  reserved     bigint not null,
  primary key (product_id, warehouse_id, at)
);

-- Up to where balances are kept: entries up to `until` have been looked at. Later entries are of transactions from `xid` on.
create table ledger_balanced (
  one   boolean primary key default true check (one),
  until timestamptz not null default '-infinity',
  xid   bigint not null default 0
);
insert into ledger_balanced default values;

-- Costs: the average as exact as a value of 10^9 units needs, and how many units it is about. Units whose cost nobody knows, such as
-- those that were there before, leave first.
alter table product_costs alter column average_minor type numeric(48, 18);
alter table receipt_averages alter column average_before type numeric(48, 18), alter column average_after type numeric(48, 18);
alter table product_costs add column costed_units bigint not null default 0 check (costed_units >= 0);
update product_costs c set costed_units = r.units
from (select product_id, sum(quantity) as units from receipt_lines where unit_cost_minor is not null group by 1) r
where r.product_id = c.product_id and c.average_minor is not null;

-- The average after each delivery that had a cost: what goods cost that left later, and what stock was worth then.
create table product_cost_steps (
  product_id    int not null references products,
  at            timestamptz not null,
  average_minor numeric(48, 18) not null check (average_minor >= 0),
  -- Units that the average is about, and all units of the product, with those on their way.
  costed_units  bigint not null check (costed_units >= 0),
  owned_units   bigint not null check (owned_units >= costed_units),
  primary key (product_id, at)
);
-- What is known of the time before: where it stands now.
insert into product_cost_steps (product_id, at, average_minor, costed_units, owned_units)
select c.product_id, ledger_time(), c.average_minor, least(c.costed_units, o.units), o.units
from product_costs c cross join lateral (
  select coalesce((select sum(s.on_hand) from stock s where s.product_id = c.product_id), 0)
    + coalesce((select sum(t.open) from transfers t where t.product_id = c.product_id and t.status = 'in_transit'), 0) as units) o
where c.average_minor is not null;

-- When units of a transfer were no longer on their way: they arrived, were lost or came back.
create table transfer_arrivals (
  transfer_id uuid not null references transfers,
  at          timestamptz not null,
  units       int not null check (units > 0),
  primary key (transfer_id, at)
);

create function record_transfer_arrival() returns trigger language plpgsql as $$
declare
  arrived timestamptz := ledger_time();
begin
  new.updated_at := greatest(new.updated_at, arrived);
  insert into transfer_arrivals (transfer_id, at, units)
  values (new.id, arrived, new.received + new.lost + new.returned - old.received - old.lost - old.returned)
  on conflict (transfer_id, at) do update set units = transfer_arrivals.units + excluded.units;
  return new;
end $$;

create trigger transfers_arrivals before update of received, lost, returned on transfers for each row
  when (new.received + new.lost + new.returned > old.received + old.lost + old.returned)
  execute function record_transfer_arrival();

insert into transfer_arrivals (transfer_id, at, units)
select x.id, t.at, sum(t.on_hand_delta)
from transfers x join inventory_transactions t
  on t.product_id = x.product_id and t.warehouse_id in (x.source_id, x.target_id)
    and t.at between x.created_at and x.updated_at + interval '1 minute'
    and t.kind = 'transfer_in' and t.reference = 'transfer:' || x.id
where x.mode = 'in_transit' and x.received + x.lost + x.returned > 0
group by x.id, t.at having sum(t.on_hand_delta) > 0;

-- Folding: a month is read row by row before it is dropped, and what it leaves, the opening balances, is sealed.

-- SHA-256 over all opening balances, in their order.
create function ledger_opening_hash() returns bytea language sql stable as $$
  select sha256(convert_to(coalesce(string_agg(concat_ws(':', product_id, warehouse_id, on_hand, reserved), ','
    order by product_id, warehouse_id), ''), 'UTF8')) from ledger_opening
$$;

-- The hash of a fold: over the previous one's, what was dropped and the opening balances after it.
create function ledger_fold_hash(previous bytea, f_partition text, f_lower timestamptz, f_upper timestamptz, f_entries bigint,
                                 opening bytea) returns bytea language sql stable as $$
  select sha256(previous || convert_to(json_build_array(f_partition, f_lower at time zone 'UTC', f_upper at time zone 'UTC',
    f_entries, encode(opening, 'hex'))::text, 'UTF8'))
$$;

-- opening_hash: null only of folds that were not the last one when this was introduced.
alter table ledger_folds add column opening_hash bytea, add column hash bytea;
do $$
declare
  fold record;
  previous bytea := decode(repeat('00', 32), 'hex');
begin
  update ledger_folds set opening_hash = ledger_opening_hash() where upper_bound = (select max(upper_bound) from ledger_folds);
  for fold in select * from ledger_folds order by upper_bound loop
    previous := ledger_fold_hash(previous, fold.partition, fold.lower_bound, fold.upper_bound, fold.entries, fold.opening_hash);
    update ledger_folds f set hash = previous where f.partition = fold.partition;
  end loop;
end $$;
alter table ledger_folds alter column hash set not null;
create trigger ledger_folds_append_only before update or delete on ledger_folds for each row execute function refuse_change();
create trigger ledger_folds_no_truncate before truncate on ledger_folds for each statement execute function refuse_change();

-- What of a month is not as it was sealed, in words; null: every row is. Reads every row.
create function ledger_month_fault(partition regclass, month_first date) returns text language plpgsql stable as $$
declare
  part record;
  found record;
  sealed bigint := 0;
  kept bigint;
begin
  for part in
    select s.*, p.row_count as rows, p.rows_hash from ledger_seal_parts p join ledger_seals s on s.seq = p.seq
    where p.month = month_first order by s.seq
  loop
    if part.hash <> ledger_seal_hash(part.previous_hash, part.seq, part.from_xid, part.from_id, part.to_xid, part.to_id, part.row_count,
         part.made_at, (select string_agg(concat_ws(':', p.month, p.row_count, encode(p.rows_hash, 'hex')), ',' order by p.month)
                        from ledger_seal_parts p where p.seq = part.seq)) then
      return format('seal %s was changed', part.seq);
    end if;
    execute format(
      'select count(*) as rows, sha256(string_agg(int8send(t.id) || ledger_row_hash(t), ''''::bytea order by t.xid::text::bigint, t.id)) as hash
       from %s t where t.xid::text::bigint >= $1 and (t.xid::text::bigint, t.id) > ($1, $2)
         and t.xid::text::bigint <= $3 and (t.xid::text::bigint, t.id) <= ($3, $4)', partition)
      into found using part.from_xid, part.from_id, part.to_xid, part.to_id;
    if found.rows <> part.rows or found.hash is distinct from part.rows_hash then
      return format('rows of %s that seal %s covers were changed, removed or added', partition, part.seq);
    end if;
    sealed := sealed + found.rows;
  end loop;
  execute format('select count(*) from %s', partition) into kept;
  if kept <> sealed then return format('%s has %s rows, of which %s are sealed', partition, kept, sealed); end if;
  return null;
end $$;

create or replace function fold_ledger_partition(months int) returns text language plpgsql as $$
declare
  oldest record;
  horizon timestamptz := (date_trunc('month', now() at time zone 'UTC') - make_interval(months => months)) at time zone 'UTC';
  counted bigint;
  name text;
  fault text;
  previous bytea;
begin
  -- The process that folds goes on to the next month itself. Who reads the ledger for long has this lock shared.
  if not pg_try_advisory_xact_lock(hashtext('fold_ledger_partition')) then return null; end if;
  select * into oldest from ledger_partitions p order by p.lower_bound limit 1;
  if oldest.upper_bound is null or oldest.upper_bound > horizon then return null; end if;
  name := oldest.partition::text;
  -- Transactions that may still write there end first. Readers of the ledger go on until the drop itself.
  execute format('lock table %s in share mode', oldest.partition);
  -- A seal goes on proving that nothing was changed before the drop.
  if not ledger_partition_is_sealed(oldest.partition) then return null; end if;
  fault := ledger_month_fault(oldest.partition, (oldest.lower_bound at time zone 'UTC')::date);
  if fault is not null then
    raise exception '% is not summed up: %. See holdfast verify --seals', name, fault
      using errcode = 'data_corrupted', constraint = 'ledger_month_intact';
  end if;
  select f.hash into previous from ledger_folds f order by f.upper_bound desc limit 1;
  if previous is not null and (select f.opening_hash from ledger_folds f order by f.upper_bound desc limit 1)
       is distinct from ledger_opening_hash() then
    raise exception '% is not summed up: the opening balances were changed. See holdfast verify --seals', name
      using errcode = 'data_corrupted', constraint = 'ledger_month_intact';
  end if;
  execute format(
    'with summed as (
       select product_id, warehouse_id, sum(on_hand_delta)::int as on_hand, sum(reserved_delta)::int as reserved, count(*) as entries
       from %s group by 1, 2
     ), opened as (
       insert into ledger_opening as o (product_id, warehouse_id, on_hand, reserved)
       select product_id, warehouse_id, on_hand, reserved from summed
       on conflict (product_id, warehouse_id) do update
       set on_hand = o.on_hand + excluded.on_hand, reserved = o.reserved + excluded.reserved
     ) select coalesce(sum(entries), 0) from summed', oldest.partition)
    into counted;
  insert into ledger_folds (partition, lower_bound, upper_bound, entries, opening_hash, hash)
  select name, oldest.lower_bound, oldest.upper_bound, counted, o.hash,
         ledger_fold_hash(coalesce(previous, decode(repeat('00', 32), 'hex')), name, oldest.lower_bound, oldest.upper_bound, counted, o.hash)
  from (select ledger_opening_hash() as hash) o;
  execute format('drop table %s', name);
  return name;
end $$;

-- Why the ledger's entries of a stock row cannot be summed, in words; null: each is as it was sealed, and none is missing. What is not
-- sealed yet is of the last minutes. A repair asks before it trusts them.
create function ledger_fault(product int, warehouse int) returns text language plpgsql stable as $$
declare
  months text;
  ids text;
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
  select string_agg(w.id::text, ', ' order by w.id) into ids from (
    with sealed_up_to as (
      select s.to_xid, s.to_id from ledger_seals s order by s.seq desc limit 1
    ), mine as materialized (
      select t.id, substr(ledger_row_hash(t), 1, 8) as hash, date_trunc('month', t.at at time zone 'UTC')::date as month,
             (select min(s.seq) from ledger_seals s where (s.to_xid, s.to_id) >= (t.xid::text::bigint, t.id)) as seq
      from inventory_transactions t, sealed_up_to u
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
