-- Units that somebody names: the serial numbers and lots that a packer put into a parcel, or that a caller read off.

-- Named before the parcel leaves, and taken when it does. A parcel that will not leave, or has left, has no rows here.
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

-- False: nobody named the unit, it was taken as the oldest.
alter table serial_movements add column named boolean not null default false;

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

-- As before, and what a packer named goes with its parcel, and with no other while there is anything else.
create or replace function move_unnamed_lots(
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
    -- First without what is packed for others, then with it: it has left the place, whoever it was meant for.
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
      raise exception 'the lots of product % at % lack % units', product, warehouse, -rest using errcode = 'check_violation';
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

create or replace function move_unnamed_serials(
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
