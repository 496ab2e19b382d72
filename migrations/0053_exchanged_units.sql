-- Which units are chosen: never those that somebody named for something else, recalled ones last; and a list of the units of a parcel
-- that has left corrects what is known of blocked ones.

-- False: nobody named the units, they were chosen by rule.
alter table lot_movements add column named boolean not null default false;
-- The quality hold that the number left.
alter table serial_movements add column hold_id uuid;

drop function move_units_of_lot(bigint, int, int, int, text, uuid, uuid, text, boolean);
-- As before, and: notes whether somebody named the units.
create function move_units_of_lot(
  master bigint, product int, warehouse int, units int,
  entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text, is_blocked boolean, by_name boolean default false
) returns void language plpgsql as $$
declare
  moved bigint;
  known product_lots;
begin
  update lots set quantity = quantity + units where master_id = master and warehouse_id = warehouse returning id into moved;
  if moved is null then
    select * into known from product_lots where id = master for share;
    insert into lots (product_id, warehouse_id, code, expires_on, master_id)
      values (product, warehouse, known.code, known.expires_on, master) on conflict do nothing;
    update lots set quantity = quantity + units where master_id = master and warehouse_id = warehouse returning id into moved;
  end if;
  insert into lot_movements (lot_id, product_id, warehouse_id, kind, effect_id, quantity, order_id, reference, blocked, named)
    values (moved, product, warehouse, entry_kind, entry_effect, units, entry_order, entry_reference, is_blocked, by_name);
end $$;

-- The lot that a code means. One that is new gets its master here: of two at once the second waits, and finds it.
create function find_or_make_lot(product int, lot_code text, lot_expires_on date) returns bigint language plpgsql as $$
declare
  master bigint := find_lot(product, lot_code);
begin
  if master is null then
    insert into product_lots (product_id, code, code_key, expires_on) values (product, lot_code, code_key(lot_code), lot_expires_on)
      on conflict do nothing;
    master := find_lot(product, lot_code);
  end if;
  return master;
end $$;

-- Moves units of a lot that somebody named by its code.
create or replace function move_lot(
  product int, warehouse int, lot_code text, lot_expires_on date, units int,
  entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language plpgsql as $$
begin
  perform move_units_of_lot(find_or_make_lot(product, lot_code, lot_expires_on), product, warehouse, units,
    entry_kind, entry_effect, entry_order, entry_reference, false, true);
end $$;

-- As before, and: a write-off that comes with an arrival takes what that has brought and nobody named; units of a recalled lot that are not
-- on hold yet leave last, by hand not at all, and are noted as blocked.
create or replace function move_unnamed_lots(
  product int, warehouse int, units int, entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language plpgsql as $$
declare
  rest int;
  part int;
  over int;
  lot record;
begin
  select units - coalesce(sum(m.quantity), 0) into rest from lot_movements m
    where m.effect_id = entry_effect and m.kind = entry_kind and m.product_id = product and m.warehouse_id = warehouse;
  if rest < 0 then
    if entry_kind = 'ship' then
      for lot in
        select l.id, l.master_id, l.held, l.quantity, least(u.quantity, l.quantity) as packed,
          m.recalled_at is not null or coalesce(l.expires_on < today_utc(), false) as blocked
        from packed_units u join lots l on l.id = u.lot_id join product_lots m on m.id = l.master_id
        where u.shipment_id = entry_effect and l.product_id = product and l.warehouse_id = warehouse and l.quantity > 0
        order by l.expires_on nulls last, l.id
      loop
        exit when rest = 0;
        part := least(lot.packed, -rest);
        over := greatest(0, lot.held - (lot.quantity - part));
        if over > 0 then perform reduce_holds_of_lot(lot.id, over); end if;
        perform move_units_of_lot(lot.master_id, product, warehouse, -part, entry_kind, entry_effect, entry_order, entry_reference,
          over > 0 or lot.blocked, true);
        rest := rest + part;
      end loop;
      delete from packed_units where shipment_id = entry_effect and product_id = product and lot_id is not null;
    elsif entry_kind = 'write_off' then
      for lot in
        select l.master_id, least(came.units, l.quantity - l.held) as units
        from (select m.lot_id, sum(m.quantity)::int as units from lot_movements m
              where m.effect_id = entry_effect and m.kind in ('return', 'transfer_in') and not m.named
                and m.product_id = product and m.warehouse_id = warehouse group by 1) came
        join lots l on l.id = came.lot_id
        where l.quantity > l.held
        order by l.expires_on nulls last, l.id
      loop
        exit when rest = 0;
        part := least(lot.units, -rest);
        perform move_units_of_lot(lot.master_id, product, warehouse, -part, entry_kind, entry_effect, entry_order, entry_reference, false);
        rest := rest + part;
      end loop;
    end if;
    -- First without what is packed for others, then with it: it has left the place, whatever parcel it was meant for.
    for pass in 1..2 loop
      for lot in
        select l.id, l.master_id, l.quantity - l.held
          - case pass when 1 then least(l.quantity - l.held, coalesce((select sum(u.quantity) from packed_units u where u.lot_id = l.id), 0))
                      else 0 end as free,
          b.blocked
        from lots l join product_lots m on m.id = l.master_id
        cross join lateral (select m.recalled_at is not null or coalesce(l.expires_on < today_utc(), false) as blocked) b
        where l.product_id = product and l.warehouse_id = warehouse and l.quantity > l.held
          and (entry_kind <> 'ship' or entry_order is not null or not b.blocked)
        order by entry_kind in ('ship', 'transfer_out') and b.blocked, l.expires_on nulls last, l.id
      loop
        exit when rest = 0;
        part := least(lot.free, -rest);
        continue when part = 0;
        perform move_units_of_lot(lot.master_id, product, warehouse, -part, entry_kind, entry_effect, entry_order, entry_reference,
          entry_kind = 'ship' and lot.blocked);
        rest := rest + part;
      end loop;
      exit when rest = 0;
    end loop;
    -- It has left, so it must have been what is left there.
    if rest < 0 and entry_kind = 'ship' and entry_order is not null then
      for lot in
        select l.id, l.master_id, l.held from lots l
        where l.product_id = product and l.warehouse_id = warehouse and l.held > 0
        order by exists (select from quality_holds h where h.lot_id = l.id and h.awaited > 0) desc, l.expires_on nulls last, l.id
      loop
        exit when rest = 0;
        part := least(lot.held, -rest);
        perform reduce_holds_of_lot(lot.id, part);
        perform move_units_of_lot(lot.master_id, product, warehouse, -part, entry_kind, entry_effect, entry_order, entry_reference, true);
        rest := rest + part;
      end loop;
    end if;
    if rest < 0 then
      raise exception 'the lots of product % at % lack % units that may leave', product, warehouse, -rest
        using errcode = 'check_violation', constraint = 'lots_cover_on_hand';
    end if;
  elsif rest > 0 then
    for lot in
      select l.master_id, -sum(m.quantity) as gone
      from lot_movements m join lots l on l.id = m.lot_id
      where m.product_id = product
        and ((entry_kind = 'transfer_in' and m.reference = entry_reference and m.kind in ('transfer_out', 'transfer_in'))
          or (entry_kind = 'return' and m.order_id = entry_order and m.kind in ('ship', 'return')))
      group by l.master_id having sum(m.quantity) < 0
      order by min(l.expires_on) nulls last, min(l.code)
    loop
      exit when rest = 0;
      part := least(lot.gone, rest);
      perform move_units_of_lot(lot.master_id, product, warehouse, part, entry_kind, entry_effect, entry_order, entry_reference, false);
      rest := rest - part;
    end loop;
    if rest > 0 then
      perform move_units_of_lot(find_or_make_lot(product, 'UNKNOWN', null), product, warehouse, rest,
        entry_kind, entry_effect, entry_order, entry_reference, false);
    end if;
  end if;
end $$;

-- Numbers on hold that a parcel took all the same leave their holds. Of a product that is kept by lot as well, units that left the hold with
-- their lot are not counted twice.
create function reduce_holds_of_serials(numbers bigint[]) returns void language plpgsql as $$
declare
  h record;
begin
  for h in
    select q.id, q.lot_id, least(count(*), q.open)::int as units
    from serials s join quality_holds q on q.id = s.hold_id where s.id = any (numbers) group by q.id order by q.id
  loop
    continue when h.units = 0;
    perform reduce_hold(h.id, h.units);
    update lots set held = held - h.units where id = h.lot_id;
  end loop;
end $$;

-- As before, and: notes the hold that a number leaves with a parcel.
create or replace function move_serials(
  moved bigint[], warehouse int, incoming boolean, by_name boolean,
  entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language plpgsql as $$
begin
  if not incoming and entry_kind = 'ship' then perform reduce_holds_of_serials(moved); end if;
  with placed as (
    update serials s
    set warehouse_id = warehouse, reference = entry_reference, updated_at = clock_timestamp(), hold_id = null,
        status = case when incoming then 'in_stock'
                      when entry_kind = 'ship' then 'shipped'
                      when entry_kind = 'transfer_out' then 'in_transit'
                      when entry_kind = 'write_off' then 'written_off'
                      else 'removed' end,
        order_id = case when incoming then null when entry_kind = 'ship' then entry_order else s.order_id end
    from (select id, hold_id from serials where id = any (moved)) was
    where s.id = was.id
    returning s.id, case when entry_kind = 'ship' then was.hold_id end as hold_id
  )
  insert into serial_movements (serial_id, warehouse_id, kind, effect_id, order_id, named, blocked, incoming, hold_id)
    select id, warehouse, entry_kind, entry_effect, entry_order, by_name, hold_id is not null, incoming, hold_id from placed order by id;
end $$;

-- As before, and: a reservation that is shipped by hand is refused where too few units are there that are not on hold. Of a loss that
-- comes with an arrival, units that came without a number take none.
create or replace function move_unnamed_serials(
  product int, warehouse int, units int, entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language plpgsql as $$
declare
  rest int;
  chosen bigint[];
  unnumbered_left int;
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
    -- All entries of a transaction are of after its beginning.
    select least(rest, rest - sum(e.on_hand_delta) + (
        select count(*) from serial_movements m join serials s on s.id = m.serial_id
        where m.effect_id = entry_effect and m.kind in ('return', 'transfer_in') and s.product_id = product and m.warehouse_id = warehouse))
      into unnumbered_left
      from inventory_transactions e
      where e.product_id = product and e.warehouse_id = warehouse and e.at >= now() and e.effect_id = entry_effect
        and e.kind in ('return', 'transfer_in');
    rest := greatest(0, coalesce(unnumbered_left, rest));
  end if;
  -- The oldest first: those that are packed for nobody, then whatever is left.
  for pass in 1..3 loop
    exit when rest = 0;
    select array_agg(id) into chosen from (
      select s.id from serials s
      where s.product_id = product and s.warehouse_id = warehouse and s.status = 'in_stock'
        and (s.hold_id is null or pass = 3 and entry_kind = 'ship' and entry_order is not null
             and (select on_hand from stock k where k.product_id = product and k.warehouse_id = warehouse)
                 < (select count(*) from serials c where c.product_id = product and c.warehouse_id = warehouse and c.status = 'in_stock'))
        and (pass >= 2 or not exists (select from packed_units u where u.serial_id = s.id))
      order by s.id limit rest) found;
    continue when chosen is null;
    perform move_serials(chosen, warehouse, false, false, entry_kind, entry_effect, entry_order, entry_reference);
    rest := rest - cardinality(chosen);
  end loop;
  -- What is left has no number, unless more numbers than units would stay.
  if rest > 0 and entry_kind = 'ship' and entry_order is null
     and (select on_hand from stock k where k.product_id = product and k.warehouse_id = warehouse)
         < (select count(*) from serials c where c.product_id = product and c.warehouse_id = warehouse and c.status = 'in_stock') then
    raise exception 'of product % at % too few units may leave: the others are on quality hold', product, warehouse
      using errcode = 'check_violation', constraint = 'serials_cover_on_hand';
  end if;
end $$;

-- Units that are back from a parcel which had taken them off a quality hold, since others were in it: a hold of the same reason awaits them.
-- Under the stock's lock.
create function hold_again(taken_off uuid, units int) returns uuid language plpgsql as $$
declare
  made uuid := uuidv7();
begin
  insert into reservations (id, kind, status, attempt) values (made, 'quality', 'confirmed', 0);
  insert into quality_holds (id, product_id, warehouse_id, lot_id, quantity, awaited, reason, actor, cause)
    select made, product_id, warehouse_id, lot_id, units, units, reason, actor, cause from quality_holds where id = taken_off;
  update lots l set held = held + units from quality_holds h where h.id = made and l.id = h.lot_id;
  return made;
end $$;

-- Units of a lot that turn out to have left with a parcel (negative), or not to have, since others did. Those on hold leave their hold: they
-- are gone. A lot that had expired when the parcel left, and one that is recalled by now, is noted as blocked. Under the stock's lock.
create function exchange_lot(product int, warehouse int, lot_code text, units int, shipment uuid, of_order uuid, left_at timestamptz)
returns void language plpgsql as $$
declare
  lot record;
  over int := 0;
begin
  select l.id, l.master_id, l.quantity, l.held,
    m.recalled_at is not null or coalesce(m.expires_on < (left_at at time zone 'UTC')::date, false) as blocked
    into strict lot
    from lots l join product_lots m on m.id = l.master_id
    where l.master_id = find_lot(product, lot_code) and l.warehouse_id = warehouse;
  if units < 0 then
    over := greatest(0, lot.held - (lot.quantity + units));
    if over > 0 then perform reduce_holds_of_lot(lot.id, over); end if;
    perform move_units_of_lot(lot.master_id, product, warehouse, units, 'ship', shipment, of_order, null, over > 0 or lot.blocked, true);
  else
    perform move_units_of_lot(lot.master_id, product, warehouse, units, 'ship', shipment, of_order, null,
      exists (select from lot_movements m where m.effect_id = shipment and m.kind = 'ship' and m.lot_id = lot.id and m.blocked), false);
  end if;
end $$;

-- Puts units of a lot that are back from a parcel on hold again, as far as a parcel had taken any off a person's hold. What has expired or
-- is recalled is put on hold by hold_blocked_units. Under the stock's lock.
create function hold_lot_again(product int, warehouse int, lot_code text, units int, shipment uuid) returns void language plpgsql as $$
declare
  lot record;
  hold record;
begin
  select l.id, m.recalled_at is not null or coalesce(m.expires_on < today_utc(), false) as blocked into strict lot
    from lots l join product_lots m on m.id = l.master_id
    where l.master_id = find_lot(product, lot_code) and l.warehouse_id = warehouse;
  if lot.blocked
     or not exists (select from lot_movements m where m.effect_id = shipment and m.kind = 'ship' and m.lot_id = lot.id and m.blocked) then
    return;
  end if;
  select h.id, h.gone into hold from quality_holds h
    where h.product_id = product and h.lot_id = lot.id and h.cause = 'person' and h.gone > 0 order by h.updated_at desc, h.id desc limit 1;
  if found then perform hold_again(hold.id, least(units, hold.gone)); end if;
end $$;
