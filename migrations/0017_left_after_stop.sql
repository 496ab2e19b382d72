-- Parcels that a carrier picks up although they were voided or had failed.

-- When the carrier's update came. The status stays as it is: it is final, and what was paid for the parcel goes back.
alter table shipments add column left_after_stop_at timestamptz;
alter table shipments add column delivered_after_stop_at timestamptz;
alter table shipments add constraint shipments_left_after_stop check
  ((left_after_stop_at is null or status in ('voided', 'failed'))
   and (delivered_after_stop_at is null or left_after_stop_at is not null));

create index shipments_left_after_stop on shipments (id) where left_after_stop_at is not null;

-- ship_late: units that left with a parcel after they were released.
alter table inventory_transactions drop constraint inventory_transactions_kind_check;
alter table inventory_transactions add constraint inventory_transactions_kind_check check (kind in
  ('opening', 'receipt', 'adjust', 'reserve', 'allocate', 'release', 'expire', 'ship', 'transfer_out', 'transfer_in', 'return',
   'count', 'write_off', 'repair', 'quality_hold', 'quality_release', 'feed', 'ship_late'));

-- Units that have left a place and that its counters still show, since none were available. They go from the counters with the
-- next units that become available there. Rows are changed only under the lock of their stock row.
create table stock_shortfalls (
  id           bigint generated always as identity primary key,
  product_id   int not null,
  warehouse_id int not null,
  shipment_id  uuid not null,
  order_id     uuid not null,
  -- Units that left, and how many of them the counters still show.
  quantity     int not null check (quantity > 0),
  open         int not null,
  created_at   timestamptz not null default clock_timestamp(),
  constraint stock_shortfalls_open_within_quantity check (open between 0 and quantity),
  constraint stock_shortfalls_one_per_parcel unique (shipment_id, product_id)
) with (fillfactor = 80);

-- Asked whenever stock becomes available: it has rows only while something is short
create index stock_shortfalls_open on stock_shortfalls (product_id, warehouse_id, id) where open > 0;

-- Who ended an alert that a person ends, and what was done.
alter table alerts add column resolved_by text;
alter table alerts add column resolution text;

-- `ship_late` moves lots and serial numbers as `ship` does: the units are out with a customer.
create or replace function move_tracked_units() returns trigger language plpgsql as $$
declare
  entry record;
begin
  -- Reservations, the most frequent entries, move nothing.
  if not exists (select from added where on_hand_delta <> 0) then return null; end if;
  -- Most installations track nothing. ORDER BY keeps this on its small index: a scan of the table, which the planner prefers
  -- once half of the products are tracked, took 2.5 ms to find the first.
  perform id from products where lot_tracked or serialised order by id limit 1;
  if not found then return null; end if;
  for entry in
    select a.product_id, a.warehouse_id, case a.kind when 'ship_late' then 'ship' else a.kind end as kind, a.effect_id, a.order_id,
           a.reference, sum(a.on_hand_delta)::int as units, p.lot_tracked, p.serialised
    from added a,
      -- Looked up entry by entry (OFFSET keeps it so): the planner would rather hash every tracked product there is.
      lateral (select t.lot_tracked, t.serialised from products t
               where t.id = a.product_id and (t.lot_tracked or t.serialised) offset 0) p
    where a.on_hand_delta <> 0
    group by a.product_id, a.warehouse_id, a.kind, a.effect_id, a.order_id, a.reference, p.lot_tracked, p.serialised
    -- What takes units that another entry brings comes after it.
    order by a.kind in ('transfer_in', 'write_off'), min(a.id)
  loop
    if entry.lot_tracked then
      perform move_unnamed_lots(entry.product_id, entry.warehouse_id, entry.units, entry.kind, entry.effect_id,
        entry.order_id, entry.reference);
    end if;
    if entry.serialised then
      perform move_unnamed_serials(entry.product_id, entry.warehouse_id, entry.units, entry.kind, entry.effect_id,
        entry.order_id, entry.reference);
    end if;
  end loop;
  return null;
end $$;
