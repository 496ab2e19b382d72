-- Lots have a master row for each product and code; codes and serial numbers are compared as people see them. What is recalled or has
-- expired is blocked wherever units come from. Receipts are reversed and corrected by documents.

-- How people see a code: without blanks around it, one blank for any number within, in one Unicode form, whatever its case.
create function code_key(given text) returns text language sql immutable strict parallel safe as $$
  select lower(normalize(btrim(regexp_replace(given, '[\s\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]+', ' ', 'g')), NFC)
    collate pg_c_utf8)
$$;

create function today_utc() returns date language sql stable parallel safe as $$ select (now() at time zone 'UTC')::date $$;

-- A lot of a product, wherever its units are.
create table product_lots (
  id              bigint generated always as identity primary key,
  product_id      int not null,
  -- As it was first given.
  code            text not null check (code <> ''),
  -- Of `code`; of two codes of before this table that look alike, the second has its id behind it.
  code_key        text not null,
  -- The last day on which it may be sold, in UTC; null: it does not expire.
  expires_on      date,
  -- Recalled: every unit of it is put on hold, also those that come in later.
  recalled_at     timestamptz,
  recall_reason   text,
  recalled_by     text,
  created_at      timestamptz not null default clock_timestamp(),
  constraint product_lots_one_per_code unique (product_id, code_key),
  constraint product_lots_recall check
    ((recalled_at is null) = (recall_reason is null) and (recalled_at is null) = (recalled_by is null))
) with (fillfactor = 90);
create unique index product_lots_by_code on product_lots (product_id, code);

-- What was changed of a lot by hand, and by whom.
create table product_lot_changes (
  id         bigint generated always as identity primary key,
  lot_id     bigint not null references product_lots,
  at         timestamptz not null default clock_timestamp(),
  change     text not null check (change in ('expiry', 'recall', 'recall_ended')),
  -- Of an expiry.
  before     date,
  after      date,
  reason     text not null,
  actor      text not null
);
create index product_lot_changes_by_lot on product_lot_changes (lot_id, id);
create trigger product_lot_changes_append_only before update or delete on product_lot_changes
  for each row execute function refuse_change();

insert into product_lots (product_id, code, code_key, expires_on)
select product_id, code, case n when 1 then key else key || ' #' || first_id end, expires_on
from (select product_id, code, min(expires_on) as expires_on, min(id) as first_id, code_key(code) as key,
        row_number() over (partition by product_id, code_key(code) order by min(id)) as n
      from lots group by product_id, code) known
order by first_id;

alter table lots add column master_id bigint references product_lots;
update lots l set master_id = m.id from product_lots m where m.product_id = l.product_id and m.code = l.code;
alter table lots alter column master_id set not null;
create unique index lots_one_per_master on lots (master_id, warehouse_id);
-- Units past their last day that are not blocked yet
create index lots_to_block on lots (expires_on) where expires_on is not null and quantity > held;

-- `code` and `expires_on` of a lot's place are copies of its master's.
create function copy_lot_expiry() returns trigger language plpgsql as $$
begin
  update lots set expires_on = new.expires_on where master_id = new.id;
  return null;
end $$;
create trigger product_lots_expiry after update of expires_on on product_lots for each row
  when (old.expires_on is distinct from new.expires_on) execute function copy_lot_expiry();

alter table lot_movements add column blocked boolean not null default false;
alter table serial_movements add column blocked boolean not null default false;

-- Serial numbers are compared likewise.
alter table serials
  add column serial_key text,
  -- The quality hold that it is on.
  add column hold_id uuid references quality_holds;
update serials s set serial_key = case n when 1 then key else key || ' #' || s.id end
from (select id, code_key(serial) as key, row_number() over (partition by product_id, code_key(serial) order by id) as n from serials) k
where k.id = s.id;
alter table serials alter column serial_key set not null;
create function set_serial_key() returns trigger language plpgsql as $$
begin
  new.serial_key := code_key(new.serial);
  return new;
end $$;
create trigger serials_key before insert on serials for each row when (new.serial_key is null) execute function set_serial_key();
alter table serials drop constraint serials_unique_per_product;
alter table serials add constraint serials_unique_per_product unique (product_id, serial_key);
create unique index serials_by_text on serials (product_id, serial);
create index serials_by_key on serials (serial_key);
create index serials_on_hold on serials (hold_id) where hold_id is not null;

-- Quality holds of units that are promised.
alter table quality_holds
  -- Of `open`: promised to somebody, and taken as soon as they are free.
  add column awaited int not null default 0,
  -- Left with a parcel all the same.
  add column gone int not null default 0 check (gone >= 0),
  -- person: somebody asked for it; expired, recalled: because of its lot.
  add column cause text not null default 'person' check (cause in ('person', 'expired', 'recalled'));
alter table quality_holds alter column open set expression as (quantity - released - written_off - gone);
alter table quality_holds drop constraint quality_holds_every_unit_accounted;
alter table quality_holds add constraint quality_holds_every_unit_accounted check
  (released + written_off + gone <= quantity and awaited between 0 and quantity - released - written_off - gone);
update quality_holds set cause = 'expired' where actor = 'system' and reason like 'lot % expired on %' and open > 0;
create index quality_holds_awaited on quality_holds (product_id, warehouse_id) where awaited > 0;
create index quality_holds_open_of_lot on quality_holds (lot_id) where lot_id is not null and released + written_off + gone < quantity;

alter table alerts drop constraint alerts_kind_check;
alter table alerts add constraint alerts_kind_check check (kind in
  ('low_stock', 'out_of_stock', 'overstock', 'transfer_overdue', 'ledger_drift', 'work_failed', 'attention', 'expiry_near', 'recall'));

-- Receipts that were wrong.
alter table receipts add column reversed_at timestamptz;
alter table receipts drop constraint receipts_once_per_reference;
create unique index receipts_once_per_reference on receipts (supplier, supplier_reference) nulls not distinct where reversed_at is null;
-- What a line counts now: 0 where it was taken back.
alter table receipt_lines drop constraint receipt_lines_quantity_check;
alter table receipt_lines add constraint receipt_lines_quantity_check check (quantity >= 0);

create table receipt_changes (
  id         uuid primary key,
  receipt_id uuid not null references receipts,
  kind       text not null check (kind in ('reversal', 'correction')),
  reason     text not null,
  actor      text not null,
  at         timestamptz not null default clock_timestamp(),
  -- [{line, before: {quantity, unitCostMinor, lot}, after: {…}}]
  lines      jsonb not null
);
create index receipt_changes_by_receipt on receipt_changes (receipt_id, at);
create trigger receipt_changes_append_only before update or delete on receipt_changes
  for each row execute function refuse_change();

-- What a receipt made of the average of a product, so that taking it back gives exactly the one of before.
create table receipt_averages (
  -- Of two, which came first.
  seq            bigint generated always as identity,
  receipt_id     uuid not null references receipts,
  product_id     int not null,
  average_before numeric(24, 6),
  average_after  numeric(24, 6),
  -- Units that the average before it was of.
  base_units     bigint not null,
  primary key (receipt_id, product_id)
);

create index receipt_averages_by_product on receipt_averages (product_id, seq);

-- The lot that a code means: the very code goes before one that looks like it. Null: the product has none.
create function find_lot(product int, given text) returns bigint language sql stable as $$
  select id from product_lots where product_id = product and (code = given or code_key = code_key(given))
  order by code = given desc limit 1
$$;

-- Moves units of a lot at a place, and notes on behalf of which entry of the ledger. A master that is new at the place is locked
-- shared, so that its expiry is copied after, or before, whoever corrects it.
create function move_units_of_lot(
  master bigint, product int, warehouse int, units int,
  entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text, is_blocked boolean
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
  insert into lot_movements (lot_id, product_id, warehouse_id, kind, effect_id, quantity, order_id, reference, blocked)
    values (moved, product, warehouse, entry_kind, entry_effect, units, entry_order, entry_reference, is_blocked);
end $$;

-- The same by its code. A code that is new gets its master here: of two at once the second waits, and finds it.
create or replace function move_lot(
  product int, warehouse int, lot_code text, lot_expires_on date, units int,
  entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language plpgsql as $$
declare
  master bigint := find_lot(product, lot_code);
begin
  if master is null then
    insert into product_lots (product_id, code, code_key, expires_on) values (product, lot_code, code_key(lot_code), lot_expires_on)
      on conflict do nothing;
    master := find_lot(product, lot_code);
  end if;
  perform move_units_of_lot(master, product, warehouse, units, entry_kind, entry_effect, entry_order, entry_reference, false);
end $$;

-- Units on hold that a parcel took all the same: those that were still awaited first, since nothing keeps them. Under the stock's lock.
create function reduce_hold(hold uuid, n int) returns void language plpgsql as $$
declare
  h quality_holds;
  kept int;
begin
  select * into h from quality_holds where id = hold;
  kept := greatest(0, n - h.awaited);
  update quality_holds set gone = gone + n, awaited = awaited - (n - kept), updated_at = clock_timestamp() where id = hold;
  if kept > 0 then
    update reservation_lines set open_quantity = open_quantity - kept
      where reservation_id = hold and product_id = h.product_id and warehouse_id = h.warehouse_id;
    update stock set reserved = reserved - kept where product_id = h.product_id and warehouse_id = h.warehouse_id;
    insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, reason)
      values (h.product_id, h.warehouse_id, 'quality_release', 0, -kept, uuidv7(), hold, 'left with a parcel all the same');
  end if;
  if n = h.open then
    update reservations set status = 'cancelled', updated_at = clock_timestamp() where id = hold;
  end if;
end $$;

create function reduce_holds_of_lot(lot bigint, n int) returns void language plpgsql as $$
declare
  rest int := n;
  part int;
  h record;
begin
  for h in select id, open from quality_holds where lot_id = lot and released + written_off + gone < quantity
           order by awaited desc, created_at desc, id loop
    exit when rest = 0;
    part := least(rest, h.open);
    perform reduce_hold(h.id, part);
    rest := rest - part;
  end loop;
  update lots set held = held - n where id = lot;
end $$;

-- As before, and: what a packer named goes with its parcel whatever is the matter with it, since it has left. A parcel of an order takes
-- blocked units when nothing else is there; whoever ships a reservation by hand takes none.
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
          coalesce(l.expires_on < today_utc(), false) as expired
        from packed_units u join lots l on l.id = u.lot_id
        where u.shipment_id = entry_effect and l.product_id = product and l.warehouse_id = warehouse and l.quantity > 0
        order by l.expires_on nulls last, l.id
      loop
        exit when rest = 0;
        part := least(lot.packed, -rest);
        over := greatest(0, lot.held - (lot.quantity - part));
        if over > 0 then perform reduce_holds_of_lot(lot.id, over); end if;
        perform move_units_of_lot(lot.master_id, product, warehouse, -part, entry_kind, entry_effect, entry_order, entry_reference,
          over > 0 or lot.expired);
        rest := rest + part;
      end loop;
      delete from packed_units where shipment_id = entry_effect and product_id = product and lot_id is not null;
    end if;
    -- First without what is packed for others, then with it: it has left the place, whatever parcel it was meant for.
    for pass in 1..2 loop
      for lot in
        select l.id, l.master_id, l.quantity - l.held
          - case pass when 1 then least(l.quantity - l.held, coalesce((select sum(u.quantity) from packed_units u where u.lot_id = l.id), 0))
                      else 0 end as free,
          coalesce(l.expires_on < today_utc(), false) as expired
        from lots l
        where l.product_id = product and l.warehouse_id = warehouse and l.quantity > l.held
          and (entry_kind <> 'ship' or entry_order is not null or l.expires_on is null or l.expires_on >= today_utc())
        order by
          -- A write-off that comes with an arrival (a return, a loss on the way) takes what that has just brought.
          (entry_kind = 'write_off' and exists (select from lot_movements m
             where m.effect_id = entry_effect and m.kind in ('return', 'transfer_in') and m.lot_id = l.id)) desc,
          (entry_kind = 'ship' and l.expires_on < today_utc()) is true,
          l.expires_on nulls last, l.id
      loop
        exit when rest = 0;
        part := least(lot.free, -rest);
        continue when part = 0;
        perform move_units_of_lot(lot.master_id, product, warehouse, -part, entry_kind, entry_effect, entry_order, entry_reference,
          entry_kind = 'ship' and lot.expired);
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
      perform move_lot(product, warehouse, 'UNKNOWN', null, rest, entry_kind, entry_effect, entry_order, entry_reference);
    end if;
  end if;
end $$;

-- As before, and: a number that is on hold and goes leaves its hold.
create or replace function move_serials(
  moved bigint[], warehouse int, incoming boolean, by_name boolean,
  entry_kind text, entry_effect uuid, entry_order uuid, entry_reference text
) returns void language plpgsql as $$
declare
  h record;
begin
  if not incoming and entry_kind = 'ship' then
    for h in select hold_id, count(*)::int as units from serials where id = any (moved) and hold_id is not null group by 1 loop
      perform reduce_hold(h.hold_id, h.units);
    end loop;
  end if;
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
    returning s.id, was.hold_id is not null as held
  )
  insert into serial_movements (serial_id, warehouse_id, kind, effect_id, order_id, named, blocked)
    select id, warehouse, entry_kind, entry_effect, entry_order, by_name, held and entry_kind = 'ship' from placed order by id;
end $$;

-- As before, and: a number that is on hold is taken last, and only by a parcel of an order.
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
end $$;

-- Takes available units for a hold. Under the stock's lock.
create function keep_for_hold(hold uuid, product int, warehouse int, units int, why text, by_whom text)
returns void language plpgsql as $$
begin
  update stock set reserved = reserved + units where product_id = product and warehouse_id = warehouse;
  insert into reservation_lines as l (reservation_id, product_id, warehouse_id, quantity, open_quantity)
    values (hold, product, warehouse, units, units)
    on conflict (reservation_id, product_id, warehouse_id) do update
    set quantity = l.quantity + excluded.quantity, open_quantity = l.open_quantity + excluded.open_quantity;
  insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, reason, actor)
    values (product, warehouse, 'quality_hold', 0, units, uuidv7(), hold, why, by_whom);
end $$;

-- What is blocked takes what becomes available before anybody else: units that a hold awaits, then units of lots that have expired or
-- were recalled. Of those the rest, which is promised, is awaited. Under the locks of the stock rows. Returns the units it took.
create function hold_blocked_units(products int[], warehouses int[])
returns table (product int, warehouse int, units int) language plpgsql as $$
#variable_conflict use_column
declare
  place record;
  hold record;
  lot record;
  free int;
  part int;
  took int;
  made uuid;
  why text;
begin
  -- Most installations track nothing: see move_tracked_units.
  perform id from products where lot_tracked or serialised order by id limit 1;
  if not found then return; end if;
  for place in
    select distinct k.p, k.w from unnest(products, warehouses) as k (p, w),
      lateral (select from products t where t.id = k.p and (t.lot_tracked or t.serialised) offset 0) tracked
    order by 1, 2
  loop
    select s.available into free from stock s where s.product_id = place.p and s.warehouse_id = place.w;
    took := 0;
    for hold in
      select h.id, h.awaited, h.reason, h.actor from quality_holds h
      where h.product_id = place.p and h.warehouse_id = place.w and h.awaited > 0 order by h.created_at, h.id
    loop
      exit when free <= 0;
      part := least(free, hold.awaited);
      update quality_holds set awaited = awaited - part, updated_at = clock_timestamp() where id = hold.id;
      perform keep_for_hold(hold.id, place.p, place.w, part, hold.reason, hold.actor);
      free := free - part;
      took := took + part;
    end loop;
    for lot in
      select l.id, m.code, m.expires_on, l.quantity - l.held as units, m.recalled_at is not null as recalled,
             m.recall_reason, m.recalled_by
      from lots l join product_lots m on m.id = l.master_id
      where l.product_id = place.p and l.warehouse_id = place.w and l.quantity > l.held
        and (m.recalled_at is not null or m.expires_on < today_utc())
      order by l.expires_on, l.id
    loop
      part := least(greatest(free, 0), lot.units);
      made := uuidv7();
      why := case when lot.recalled then lot.recall_reason else 'lot ' || lot.code || ' expired on ' || lot.expires_on end;
      insert into reservations (id, kind, status, attempt) values (made, 'quality', 'confirmed', 0);
      insert into quality_holds (id, product_id, warehouse_id, lot_id, quantity, awaited, reason, actor, cause)
        values (made, place.p, place.w, lot.id, lot.units, lot.units - part, why,
                case when lot.recalled then lot.recalled_by else 'system' end, case when lot.recalled then 'recalled' else 'expired' end);
      update lots set held = held + lot.units where id = lot.id;
      if part > 0 then
        perform keep_for_hold(made, place.p, place.w, part, why, case when lot.recalled then lot.recalled_by else 'system' end);
      end if;
      free := free - part;
      took := took + part;
    end loop;
    if took > 0 then
      product := place.p; warehouse := place.w; units := took;
      return next;
    end if;
  end loop;
end $$;
create index product_lots_recalled on product_lots (product_id) where recalled_at is not null;
-- Whose units may be taken for a hold that awaits them: reservations without an order
create index reservations_live_holds on reservations (id) where kind = 'hold' and status in ('pending', 'confirmed');
