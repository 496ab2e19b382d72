-- What consistency checks have verified and found, and what repair scripts call.

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
  reservation uuid := gen_random_uuid();
begin
  select coalesce(sum(b.waiting), 0) into waiting from backorders b where b.product_id = product and b.waiting > 0;
  select least(greatest(freed, 0), waiting, s.available) into kept from stock s
    where s.product_id = product and s.warehouse_id = warehouse;
  if coalesce(kept, 0) <= 0 then return 0; end if;
  update stock set reserved = reserved + kept where product_id = product and warehouse_id = warehouse;
  insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id)
    values (product, warehouse, 'allocate', 0, kept, reservation, reservation);
  insert into reservations (id, kind, status) values (reservation, 'allocation', 'pending');
  insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
    values (reservation, product, warehouse, kept, kept);
  insert into outbox (topic, key) values ('allocation.drain', reservation::text);
  return kept;
end $$;
