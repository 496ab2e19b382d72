-- For products that ask for it: lots with expiry dates, and serial numbers. The ledger's trigger keeps them, since that is where
-- every change of what is on hand passes.

-- Of a lot-tracked product, always: the lots of a place add up to what is on hand there.
-- Rows are changed only under the lock of their stock row.
create table lots (
  id           bigint generated always as identity primary key,
  product_id   int not null,
  warehouse_id int not null,
  code         text not null check (code <> ''),
  -- The last day on which it may be sold; null: it does not expire.
  expires_on   date,
  quantity     int not null default 0,
  -- Of `quantity`, on quality hold: never shipped.
  held         int not null default 0,
  created_at   timestamptz not null default clock_timestamp(),
  constraint lots_one_per_code unique (product_id, warehouse_id, code),
  constraint lots_quantity_not_negative check (quantity >= 0),
  constraint lots_held_within_quantity check (held between 0 and quantity)
) with (fillfactor = 80);

-- Those that expire, soonest first
create index lots_by_expiry on lots (expires_on) where expires_on is not null;

-- Which units of which lot an entry of the ledger moved: what a recall asks.
create table lot_movements (
  id           bigint generated always as identity primary key,
  at           timestamptz not null default clock_timestamp(),
  lot_id       bigint not null references lots,
  product_id   int not null,
  warehouse_id int not null,
  kind         text not null,
  effect_id    uuid not null,
  quantity     int not null check (quantity <> 0),
  order_id     uuid,
  reference    text
);

create index lot_movements_by_effect on lot_movements (effect_id, kind);
create index lot_movements_by_lot on lot_movements (lot_id, id);
create index lot_movements_by_order on lot_movements (order_id, product_id) where order_id is not null;
create index lot_movements_by_reference on lot_movements (reference, product_id)
  where kind in ('transfer_out', 'transfer_in');

create table serials (
  id           bigint generated always as identity primary key,
  product_id   int not null,
  serial       text not null check (serial <> ''),
  -- Where it is, or was last.
  warehouse_id int not null,
  status       text not null check (status in ('in_stock', 'in_transit', 'shipped', 'written_off', 'removed')),
  receipt_id   uuid,
  -- The order it went out with.
  order_id     uuid,
  -- Of its latest movement.
  reference    text,
  created_at   timestamptz not null default clock_timestamp(),
  updated_at   timestamptz not null default clock_timestamp(),
  constraint serials_unique_per_product unique (product_id, serial)
) with (fillfactor = 80);

create index serials_by_serial on serials (serial);
-- First in, first out: the oldest in stock of a place
create index serials_in_stock on serials (product_id, warehouse_id, id) where status = 'in_stock';
create index serials_by_order on serials (order_id, product_id) where order_id is not null;

create table serial_movements (
  id           bigint generated always as identity primary key,
  at           timestamptz not null default clock_timestamp(),
  serial_id    bigint not null references serials,
  warehouse_id int not null,
  kind         text not null,
  effect_id    uuid not null,
  order_id     uuid,
  -- False: nobody named the unit, it was taken as the oldest.
  named        boolean not null default false
);

create index serial_movements_by_effect on serial_movements (effect_id, kind);
create index serial_movements_by_serial on serial_movements (serial_id, id);

create trigger lot_movements_append_only before update or delete on lot_movements
  for each row execute function refuse_change();
create trigger serial_movements_append_only before update or delete on serial_movements
  for each row execute function refuse_change();

-- Serial numbers and lots that a packer put into a parcel: named before the parcel leaves, and taken when it does. A parcel that
-- will not leave, or has left, has no rows here.
create table packed_units (
  shipment_id uuid not null references shipments,
  product_id  int not null,
  serial_id   bigint references serials,
  lot_id      bigint references lots,
  quantity    int not null check (quantity > 0),
  constraint packed_units_serial_or_lot check (num_nonnulls(serial_id, lot_id) = 1),
  constraint packed_units_one_per_serial check (serial_id is null or quantity = 1)
);

create unique index packed_units_serial_in_one_parcel on packed_units (serial_id) where serial_id is not null;
-- What of a lot is packed, and a parcel's units
create unique index packed_units_by_lot on packed_units (lot_id, shipment_id) where lot_id is not null;
create index packed_units_by_shipment on packed_units (shipment_id);

-- Moves units of one lot, which is made where it is new, and notes on behalf of which entry of the ledger.
create function move_lot(
  product int, warehouse int, lot_code text, lot_expires_on date, units int,
  entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language plpgsql as $$
declare
  moved bigint;
begin
  insert into lots (product_id, warehouse_id, code, expires_on) values (product, warehouse, lot_code, lot_expires_on)
    on conflict do nothing;
  update lots set quantity = quantity + units
    where product_id = product and warehouse_id = warehouse and code = lot_code returning id into moved;
  insert into lot_movements (lot_id, product_id, warehouse_id, kind, effect_id, quantity, order_id, reference)
    values (moved, product, warehouse, entry_kind, entry_effect, units, entry_order, entry_reference);
end $$;

-- What an entry moved without naming lots. Out: what a packer named goes with its parcel, and with no other while there is
-- anything else; the rest first expired, first out; what has expired ships last; what is on quality hold, never. In: a transfer
-- and a return bring back the lots that left with them; whatever else nobody named is UNKNOWN.
create function move_unnamed_lots(
  product int, warehouse int, units int, entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language plpgsql as $$
declare
  rest int;
  part int;
  lot record;
begin
  select units - coalesce(sum(m.quantity), 0) into rest from lot_movements m
    where m.effect_id = entry_effect and m.kind = entry_kind and m.product_id = product and m.warehouse_id = warehouse;
  if rest < 0 then
    if entry_kind = 'ship' then
      for lot in
        select l.code, l.expires_on, least(u.quantity, l.quantity - l.held) as free
        from packed_units u join lots l on l.id = u.lot_id
        where u.shipment_id = entry_effect and l.product_id = product and l.warehouse_id = warehouse and l.quantity > l.held
        order by l.expires_on nulls last, l.id
      loop
        exit when rest = 0;
        part := least(lot.free, -rest);
        perform move_lot(product, warehouse, lot.code, lot.expires_on, -part, entry_kind, entry_effect, entry_order, entry_reference);
        rest := rest + part;
      end loop;
      delete from packed_units where shipment_id = entry_effect and product_id = product and lot_id is not null;
    end if;
    -- First without what is packed for others, then with it: it has left the place, whatever parcel it was meant for.
    for pass in 1..2 loop
      for lot in
        select l.code, l.expires_on, l.quantity - l.held
          - case pass when 1 then least(l.quantity - l.held, coalesce((select sum(u.quantity) from packed_units u where u.lot_id = l.id), 0))
                      else 0 end as free
        from lots l
        where l.product_id = product and l.warehouse_id = warehouse and l.quantity > l.held
        order by
          -- A write-off that comes with an arrival (a return, a loss on the way) takes what that has just brought.
          (entry_kind = 'write_off' and exists (select from lot_movements m
             where m.effect_id = entry_effect and m.kind in ('return', 'transfer_in') and m.lot_id = l.id)) desc,
          (entry_kind = 'ship' and l.expires_on < (now() at time zone 'UTC')::date) is true,
          l.expires_on nulls last, l.id
      loop
        exit when rest = 0;
        part := least(lot.free, -rest);
        continue when part = 0;
        perform move_lot(product, warehouse, lot.code, lot.expires_on, -part, entry_kind, entry_effect, entry_order, entry_reference);
        rest := rest + part;
      end loop;
      exit when rest = 0;
    end loop;
    if rest < 0 then
      raise exception 'the lots of product % at % lack % units', product, warehouse, -rest
        using errcode = 'check_violation', constraint = 'lots_cover_on_hand';
    end if;
  elsif rest > 0 then
    for lot in
      select l.code, l.expires_on, -sum(m.quantity) as gone
      from lot_movements m join lots l on l.id = m.lot_id
      where m.product_id = product
        and ((entry_kind = 'transfer_in' and m.reference = entry_reference and m.kind in ('transfer_out', 'transfer_in'))
          or (entry_kind = 'return' and m.order_id = entry_order and m.kind in ('ship', 'return')))
      group by l.code, l.expires_on having sum(m.quantity) < 0
      order by l.expires_on nulls last, l.code
    loop
      exit when rest = 0;
      part := least(lot.gone, rest);
      perform move_lot(product, warehouse, lot.code, lot.expires_on, part, entry_kind, entry_effect, entry_order, entry_reference);
      rest := rest - part;
    end loop;
    if rest > 0 then
      perform move_lot(product, warehouse, 'UNKNOWN', null, rest, entry_kind, entry_effect, entry_order, entry_reference);
    end if;
  end if;
end $$;

-- Moves serial numbers on behalf of an entry of the ledger.
create function move_serials(
  moved bigint[], warehouse int, incoming boolean, by_name boolean,
  entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language sql as $$
  with placed as (
    update serials s
    set warehouse_id = warehouse, reference = entry_reference, updated_at = clock_timestamp(),
        status = case when incoming then 'in_stock'
                      when entry_kind = 'ship' then 'shipped'
                      when entry_kind = 'transfer_out' then 'in_transit'
                      when entry_kind = 'write_off' then 'written_off'
                      else 'removed' end,
        order_id = case when incoming then null when entry_kind = 'ship' then entry_order else s.order_id end
    where s.id = any (moved)
    returning s.id
  )
  insert into serial_movements (serial_id, warehouse_id, kind, effect_id, order_id, named)
    select id, warehouse, entry_kind, entry_effect, entry_order, by_name from placed order by id
$$;

-- The same for serial numbers: out, first in, first out; in, those that left with the transfer or the order. Other units
-- that come in have no serial number until somebody reads it off, so there may be fewer numbers in stock than units.
create function move_unnamed_serials(
  product int, warehouse int, units int, entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language plpgsql as $$
declare
  rest int;
  chosen bigint[];
begin
  select abs(units) - count(*) into rest from serial_movements m join serials s on s.id = m.serial_id
    where m.effect_id = entry_effect and m.kind = entry_kind and s.product_id = product and m.warehouse_id = warehouse;
  if rest <= 0 then return; end if;

  if units > 0 then
    select array_agg(id) into chosen from (
      select s.id from serials s
      where s.product_id = product
        and case when entry_kind = 'transfer_in' then s.status = 'in_transit' and s.reference = entry_reference
                 when entry_kind = 'return' then s.status = 'shipped' and s.order_id = entry_order
                 else false end
      order by s.id limit rest) found;
    if chosen is not null then
      perform move_serials(chosen, warehouse, true, false, entry_kind, entry_effect, entry_order, entry_reference);
    end if;
    return;
  end if;

  if entry_kind = 'ship' then
    select array_agg(id) into chosen from (
      select s.id from packed_units u join serials s on s.id = u.serial_id
      where u.shipment_id = entry_effect and s.product_id = product and s.warehouse_id = warehouse and s.status = 'in_stock'
      order by s.id limit rest) found;
    if chosen is not null then
      perform move_serials(chosen, warehouse, false, true, entry_kind, entry_effect, entry_order, entry_reference);
      rest := rest - cardinality(chosen);
    end if;
    delete from packed_units where shipment_id = entry_effect and product_id = product and serial_id is not null;
  elsif entry_kind = 'write_off' then
    -- One that comes with an arrival (a return, a loss on the way) takes what that has just brought and nobody named.
    select array_agg(id) into chosen from (
      select s.id from serial_movements m join serials s on s.id = m.serial_id
      where m.effect_id = entry_effect and m.kind in ('return', 'transfer_in')
        and not m.named and s.product_id = product and s.warehouse_id = warehouse and s.status = 'in_stock'
      order by s.id limit rest) found;
    if chosen is not null then
      perform move_serials(chosen, warehouse, false, false, entry_kind, entry_effect, entry_order, entry_reference);
      rest := rest - cardinality(chosen);
    end if;
  end if;
  -- The oldest first: those that are packed for nobody, then whatever is left.
  for pass in 1..2 loop
    exit when rest = 0;
    select array_agg(id) into chosen from (
      select s.id from serials s
      where s.product_id = product and s.warehouse_id = warehouse and s.status = 'in_stock'
        and (pass = 2 or not exists (select from packed_units u where u.serial_id = s.id))
      order by s.id limit rest) found;
    continue when chosen is null;
    perform move_serials(chosen, warehouse, false, false, entry_kind, entry_effect, entry_order, entry_reference);
    rest := rest - cardinality(chosen);
  end loop;
end $$;

-- On the ledger, since that is where every change of what is on hand passes. The caller of the ledger
-- holds the stock row's lock, and with it that of its lots and serial numbers.
create function move_tracked_units() returns trigger language plpgsql as $$
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
    select a.product_id, a.warehouse_id, a.kind, a.effect_id, a.order_id, a.reference, sum(a.on_hand_delta)::int as units,
           p.lot_tracked, p.serialised
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

create trigger inventory_transactions_tracked_units after insert on inventory_transactions
  referencing new table as added
  for each statement execute function move_tracked_units();
