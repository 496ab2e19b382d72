-- A count tells of each lot of its place: a later absolute number of one of them supersedes what was counted of that lot, and nothing else.
alter table count_line_lots add column superseded boolean not null default false;

-- As in 0040, by when the count is true: its hold may be as of a later number of a lot, which has superseded a part of it.
create or replace function end_overtaken_holds(products int[], warehouses int[], as_ofs timestamptz[], own uuid[])
returns table (product int, warehouse int, units int) language plpgsql as $$
#variable_conflict use_column
declare
  hold record;
begin
  for hold in
    select distinct h.id, h.product_id, h.warehouse_id, h.open - h.awaited as kept, l.sheet_id
    from count_lines l join quality_holds h on h.id = l.hold_id
    join unnest(products, warehouses, as_ofs, own) as n (product_id, warehouse_id, as_of, own)
      on n.product_id = h.product_id and n.warehouse_id = h.warehouse_id and l.counted_at <= n.as_of and h.id is distinct from n.own
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

-- GET /cost-of-goods-sold and its shipments: what left for customers, by time. The indexes of the months are made in the next part; a month
-- that is made from now on has its own.
create index inventory_transactions_sold on only inventory_transactions (at, id) where kind in ('ship', 'ship_late');
