-- Units that are given up twice, costs that are taken back twice.

-- What an order gives up of a parcel is cut out of that parcel, not out of what else the order has of the product. Null: out of whatever it has.
alter table order_cuts add column shipment_id uuid references shipments;

-- When the latest step of what the product costs was taken (product_cost_steps.at), as of this receipt or its latest change: where there is
-- a later one, another document has changed the costs since.
alter table receipt_averages add column step_at timestamptz;
update receipt_averages a set step_at = k.at
from (select product_id, max(seq) as seq from receipt_averages group by 1) newest
join lateral (select max(at) as at from product_cost_steps k where k.product_id = newest.product_id) k on true
where a.product_id = newest.product_id and a.seq = newest.seq
  -- Not where another receipt may have been changed since.
  and not exists (select from receipt_lines l join receipt_changes x on x.receipt_id = l.receipt_id
    where l.product_id = a.product_id and l.receipt_id <> a.receipt_id);

-- Units of a lot at its place that counts did not find which await promised units (count_lines.status `resolving`). They are on the
-- hold of the count, which is of no lot; a count that a newer number has overtaken takes nothing any more.
create function unfound_units(l lots) returns int language sql stable as $$
  select coalesce(sum(-u.variance), 0)::int
  from count_lines c
  join quality_holds h on h.id = c.hold_id and h.warehouse_id = l.warehouse_id and h.open > 0
  join count_line_lots u on u.sheet_id = c.sheet_id and u.product_id = c.product_id and u.variance < 0
  where c.hold_id is not null and c.product_id = l.product_id and not hold_is_overtaken(h)
    and find_lot(u.product_id, u.code) = l.master_id
$$;

-- As before, and: units of a lot that such a count did not find are on its hold already, and are not put on another.
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
      select l.id, m.code, m.expires_on, l.quantity - l.held - u.missing as units, m.recalled_at is not null as recalled,
             m.recall_reason, m.recalled_by
      from lots l join product_lots m on m.id = l.master_id cross join lateral (select unfound_units(l) as missing offset 0) u
      where l.product_id = place.p and l.warehouse_id = place.w and l.quantity > l.held + u.missing
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
