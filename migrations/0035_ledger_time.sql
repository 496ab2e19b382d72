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
