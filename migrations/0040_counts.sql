-- Counts below what is reserved, and counts of lots and serial numbers.

-- A count that finds less than is reserved may be approved all the same. Its line is `resolving` then: the units that it did not find
-- are on a quality hold of its own, which awaits those that are promised (docs/decisions/0040-counts-below-what-is-reserved.md).
alter table count_sheets drop constraint count_sheets_status_check;
alter table count_sheets add constraint count_sheets_status_check check (status in ('open', 'review', 'resolving', 'closed'));
alter table count_lines drop constraint count_lines_status_check;
alter table count_lines add constraint count_lines_status_check
  check (status in ('open', 'counted', 'review', 'resolving', 'approved', 'rejected', 'superseded'));
alter table count_lines drop constraint count_lines_counted;
alter table count_lines add constraint count_lines_counted check
  ((status in ('counted', 'review', 'resolving', 'approved')) <= (counted is not null and moved is not null and variance is not null));
alter table count_lines
  -- Of the units that were not found, while the line is `resolving`.
  add column hold_id uuid references quality_holds,
  -- How many reservations keep units, of which `reservations` names at most 100.
  add column reservation_count int,
  add constraint count_lines_hold check ((status = 'resolving') = (hold_id is not null));
create unique index count_lines_by_hold on count_lines (hold_id) where hold_id is not null;

alter table quality_holds drop constraint quality_holds_cause_check;
alter table quality_holds
  -- count: a count did not find the units, and they are taken off once nobody is promised them.
  add constraint quality_holds_cause_check check (cause in ('person', 'expired', 'recalled', 'count')),
  -- Of a count: as of when it is true.
  add column as_of timestamptz,
  add constraint quality_holds_as_of check ((cause = 'count') = (as_of is not null));

alter table alerts drop constraint alerts_kind_check;
alter table alerts add constraint alerts_kind_check check (kind in
  ('low_stock', 'out_of_stock', 'overstock', 'transfer_overdue', 'ledger_drift', 'work_failed', 'attention', 'expiry_near', 'recall',
   'count_short'));

-- A count that a newer absolute number has overtaken takes nothing from anybody any more.
create function hold_is_overtaken(h quality_holds) returns boolean language sql stable as $$
  select h.cause = 'count' and exists (
    select from stock s where s.product_id = h.product_id and s.warehouse_id = h.warehouse_id and s.number_as_of > h.as_of
    union all
    select from lots l where l.product_id = h.product_id and l.warehouse_id = h.warehouse_id and l.number_as_of > h.as_of)
$$;

-- Ends the holds of counts that absolute numbers of these places overtake, which are about to be posted: units that they keep are free, and
-- the sheets are told. Not the hold that is the number's own. The caller holds the locks of the stock rows, and hands on what it gets.
create function end_overtaken_holds(products int[], warehouses int[], as_ofs timestamptz[], own uuid[])
returns table (product int, warehouse int, units int) language plpgsql as $$
#variable_conflict use_column
declare
  hold record;
begin
  for hold in
    select distinct h.id, h.product_id, h.warehouse_id, h.open - h.awaited as kept, l.sheet_id
    from count_lines l join quality_holds h on h.id = l.hold_id
    join unnest(products, warehouses, as_ofs, own) as n (product_id, warehouse_id, as_of, own)
      on n.product_id = h.product_id and n.warehouse_id = h.warehouse_id and h.as_of <= n.as_of and h.id is distinct from n.own
    where l.hold_id is not null and h.open > 0
    order by h.product_id, h.warehouse_id, h.id
  loop
    update quality_holds set released = released + open, awaited = 0, updated_at = clock_timestamp() where id = hold.id;
    update reservations set status = 'cancelled', updated_at = clock_timestamp() where id = hold.id;
    insert into outbox (topic, key) values ('count.settle', hold.sheet_id);
    product := hold.product_id; warehouse := hold.warehouse_id; units := hold.kept;
    if hold.kept > 0 then
      update reservation_lines set open_quantity = 0
        where reservation_id = hold.id and product_id = hold.product_id and warehouse_id = hold.warehouse_id;
      update stock set reserved = reserved - hold.kept where product_id = hold.product_id and warehouse_id = hold.warehouse_id;
      insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, reason)
        values (hold.product_id, hold.warehouse_id, 'quality_release', 0, -hold.kept, uuidv7(), hold.id, 'a newer number has overtaken the count');
      return next;
    end if;
  end loop;
end $$;

-- As before, and: units that a count did not find are awaited of any product. The count is told once all of them are kept.
create or replace function hold_blocked_units(products int[], warehouses int[])
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
  -- Most installations track nothing (see move_tracked_units), and no count awaits units.
  perform id from products where lot_tracked or serialised order by id limit 1;
  if not found and not exists (select from quality_holds where awaited > 0) then return; end if;
  for place in
    select distinct k.p, k.w from unnest(products, warehouses) as k (p, w),
      lateral (select from products t where t.id = k.p and (t.lot_tracked or t.serialised
        or exists (select from quality_holds h where h.product_id = k.p and h.warehouse_id = k.w and h.awaited > 0)) offset 0) held
    order by 1, 2
  loop
    select s.on_hand - s.reserved into free from stock s where s.product_id = place.p and s.warehouse_id = place.w;
    took := 0;
    for hold in
      select h.id, h.awaited, h.reason, h.actor, h.cause from quality_holds h
      where h.product_id = place.p and h.warehouse_id = place.w and h.awaited > 0 and not hold_is_overtaken(h) order by h.created_at, h.id
    loop
      exit when free <= 0;
      part := least(free, hold.awaited);
      update quality_holds set awaited = awaited - part, updated_at = clock_timestamp() where id = hold.id;
      perform keep_for_hold(hold.id, place.p, place.w, part, hold.reason, hold.actor);
      if hold.cause = 'count' and part = hold.awaited then
        insert into outbox (topic, key) select 'count.settle', sheet_id from count_lines where hold_id = hold.id;
      end if;
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

-- Lots and serial numbers in counts

-- What was counted of each lot. A lot that was found and is not on the sheet has a row once it is counted.
create table count_line_lots (
  sheet_id   uuid not null,
  product_id int not null,
  -- As people see `code`.
  code_key   text not null,
  code       text not null check (code <> ''),
  -- Of a lot that the product never had.
  expires_on date,
  -- On hand when the sheet was made; 0: it was not on the sheet.
  expected   int not null,
  counted    int check (counted >= 0),
  -- Against what the ledger says of the lot as of the count.
  variance   int,
  primary key (sheet_id, product_id, code_key),
  foreign key (sheet_id, product_id) references count_lines
);

alter table count_lines
  -- Serial numbers that were read off; null: none was, or the product has none.
  add column serials text[],
  -- Of those that the ledger says were there, the ones that were not read off; and the other way round.
  add column missing_serials text[],
  add column found_serials text[];

-- Whether the number came in by the movement, or went out; null: the movement was before this column.
alter table serial_movements add column incoming boolean;

-- As before, and: notes the direction.
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
  insert into serial_movements (serial_id, warehouse_id, kind, effect_id, order_id, named, blocked, incoming)
    select id, warehouse, entry_kind, entry_effect, entry_order, by_name, held and entry_kind = 'ship', incoming from placed order by id;
end $$;
