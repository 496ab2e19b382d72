-- Evidence that the ledger was not altered, and what consistency checks found.

-- Sealing reads rows in the order of their transactions. Rows lie in nearly that order, so page ranges are enough: inserting
-- cost 14 µs a row without an index, 17 with this one and 21 with a b-tree. (There are no BRIN operators for xid8: as a number.)
create index inventory_transactions_by_xid on inventory_transactions
  using brin ((xid::text::bigint), id) with (pages_per_range = 32, autosummarize = on);

-- SHA-256 of a ledger row as a JSON array: the same whatever a session's time zone or date style is.
create function ledger_row_hash(t inventory_transactions) returns bytea language sql stable parallel safe as $$
  select sha256(convert_to(json_build_array(t.id, t.at at time zone 'UTC', t.product_id, t.warehouse_id, t.kind, t.on_hand_delta,
    t.reserved_delta, t.effect_id, t.reservation_id, t.order_id, t.reason, t.reference, t.actor, t.xid)::text, 'UTF8'))
$$;

-- A seal covers the rows after (from_xid, from_id) up to and with (to_xid, to_id), in the order of (xid, id). It is made once no
-- transaction that could add to them is running, and begins where the one before ended.
create table ledger_seals (
  seq           bigint primary key check (seq >= 1),
  from_xid      bigint not null,
  from_id       bigint not null,
  to_xid        bigint not null,
  to_id         bigint not null,
  row_count     bigint not null check (row_count > 0),
  made_at       timestamptz not null,
  -- Of the seal before; of the first one 32 zero bytes.
  previous_hash bytea not null,
  hash          bytea not null
);

-- The rows of a seal by the month in which they are kept: a month that is dropped later takes only its own part with it.
create table ledger_seal_parts (
  seq        bigint not null references ledger_seals,
  month      date not null,
  row_count  int not null check (row_count > 0),
  -- SHA-256 over each row's id and hash, in order.
  rows_hash  bytea not null,
  -- To name what was changed: ids, and the first 8 bytes of each row's hash, in the same order.
  row_ids    bigint[] not null,
  row_hashes bytea not null,
  primary key (seq, month)
);

create trigger ledger_seals_append_only before update or delete on ledger_seals
  for each row execute function refuse_change();
create trigger ledger_seals_no_truncate before truncate on ledger_seals
  for each statement execute function refuse_change();
create trigger ledger_seal_parts_append_only before update or delete on ledger_seal_parts
  for each row execute function refuse_change();
create trigger ledger_seal_parts_no_truncate before truncate on ledger_seal_parts
  for each statement execute function refuse_change();

-- The hash of a seal: over the previous one's, its bounds and its parts ('month:rows:hash' joined by commas, by month).
create function ledger_seal_hash(previous bytea, seq bigint, from_xid bigint, from_id bigint, to_xid bigint, to_id bigint,
                                 row_count bigint, made_at timestamptz, parts text)
returns bytea language sql stable as $$
  select sha256(previous || convert_to(json_build_array(seq, from_xid, from_id, to_xid, to_id, row_count,
    made_at at time zone 'UTC', parts)::text, 'UTF8'))
$$;

-- Whether every row of a partition is sealed, as it must be before the partition may be dropped.
create function ledger_partition_is_sealed(partition regclass) returns boolean language plpgsql stable as $$
declare
  sealed_xid bigint := 0;
  sealed_id bigint := 0;
  unsealed boolean;
begin
  select s.to_xid, s.to_id into sealed_xid, sealed_id from ledger_seals s order by s.seq desc limit 1;
  execute format('select exists (select from %s t where t.xid::text::bigint >= $1 and (t.xid::text::bigint, t.id) > ($1, $2))',
    partition) into unsealed using coalesce(sealed_xid, 0), coalesce(sealed_id, 0);
  return not unsealed;
end $$;

-- Rows of the ledger that were written before this are sealed; 'infinity' when all are.
create function ledger_sealed_until() returns timestamptz language sql stable as $$
  with sealed as (
    select coalesce(max(to_xid), 0) as xid, coalesce((array_agg(to_id order by seq desc))[1], 0) as id from ledger_seals)
  select coalesce(min(t.at), 'infinity') from inventory_transactions t, sealed s
  where t.xid::text::bigint >= s.xid and (t.xid::text::bigint, t.id) > (s.xid, s.id)
$$;

-- Sums of the ledger per stock row up to seal `sums_seq` of `ledger_verified`: an incremental check reads only what came after.
create table ledger_checkpoint (
  product_id   int not null,
  warehouse_id int not null,
  on_hand      bigint not null,
  reserved     bigint not null,
  primary key (product_id, warehouse_id)
) with (fillfactor = 80);

create table ledger_verified (
  one        boolean primary key default true check (one),
  -- Up to this seal the checkpoint has the sums.
  sums_seq   bigint not null default 0,
  -- Up to this seal the rows were found as they were sealed; its hash, so that it cannot vanish with those after it.
  seals_seq  bigint not null default 0,
  seals_hash bytea,
  -- Partitions that the retention had dropped by then. Those dropped later may have taken rows with them that the sums lack.
  sums_folds int not null default 0
);
insert into ledger_verified default values;

-- One check of one job.
create table consistency_checks (
  job_id      uuid not null references jobs,
  check_id    text not null,
  mode        text not null check (mode in ('incremental', 'full')),
  -- Findings that are stored, and whether there were more.
  findings    int not null,
  truncated   boolean not null,
  started_at  timestamptz not null,
  finished_at timestamptz not null default clock_timestamp(),
  primary key (job_id, check_id)
);
-- The latest run of a check
create index consistency_checks_latest on consistency_checks (check_id, started_at desc);

create table consistency_findings (
  id         bigint generated always as identity primary key,
  job_id     uuid not null,
  check_id   text not null,
  severity   text not null check (severity in ('critical', 'error', 'warning')),
  -- What it is about, in words an operator knows: SKU@WAREHOUSE, order:<id>, hold:<id>, ...
  subject    text not null,
  details    jsonb not null,
  repairable boolean not null,
  foreign key (job_id, check_id) references consistency_checks,
  unique (job_id, check_id, subject)
);
-- GET /jobs/{id}/findings
create index consistency_findings_of_job on consistency_findings (job_id, id);

-- For repair scripts: keeps units that became available for the backorders that wait for them, as the product itself does when
-- more arrives than one transaction should allocate; the relay hands them on. The stock row is locked by the caller.
create function keep_for_backorders(product int, warehouse int, freed int) returns int language plpgsql as $$
declare
  waiting bigint;
  kept int;
  hold uuid := gen_random_uuid();
begin
  select coalesce(sum(b.waiting), 0) into waiting from backorders b where b.product_id = product and b.waiting > 0;
  select least(greatest(freed, 0), waiting, s.available) into kept from stock s
    where s.product_id = product and s.warehouse_id = warehouse;
  if coalesce(kept, 0) <= 0 then return 0; end if;
  update stock set reserved = reserved + kept, version = version + 1 where product_id = product and warehouse_id = warehouse;
  insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id)
    values (product, warehouse, 'allocate', 0, kept, hold, hold);
  insert into reservations (id, kind, status) values (hold, 'allocation', 'pending');
  insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
    values (hold, product, warehouse, kept, kept);
  insert into outbox (topic, key) values ('allocation.drain', hold::text);
  return kept;
end $$;
