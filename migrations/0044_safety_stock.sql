-- Safety stock: units that are kept back from customers. Alerts on stock clear with a margin.

alter table stock
  -- Units that are not promised to customers, as far as they are there.
  add column safety_stock int not null default 0 check (safety_stock >= 0),
  -- The row keeps its safety stock when the product's changes.
  add column own_safety_stock boolean not null default false,
  -- Units beyond a threshold at which its alert clears; null: a tenth of the threshold, rounded up.
  add column clear_margin int check (clear_margin >= 0);

-- `available` is what may be promised to customers. What is free for the warehouse's own work is on_hand - reserved. Not stored, so
-- that no row has to be written anew.
drop trigger stock_alerts_on_update on stock;
drop trigger stock_alerts_on_insert on stock;
alter table stock drop column available;
alter table stock add column available int generated always as (greatest(0, on_hand - reserved - safety_stock)) virtual;

-- What a product gives to stock rows without their own.
create table safety_stock_defaults (
  product_id int primary key references products,
  units      int not null check (units >= 0),
  updated_at timestamptz not null default clock_timestamp()
);

alter table threshold_defaults add column clear_margin int check (clear_margin >= 0);
create or replace view product_thresholds as
  select p.id as product_id, coalesce(of_product.low_stock, of_category.low_stock) as low_stock,
         case when of_product.id is not null then of_product.overstock else of_category.overstock end as overstock,
         case when of_product.id is not null then of_product.clear_margin else of_category.clear_margin end as clear_margin
  from products p
  left join threshold_defaults of_product on of_product.product_id = p.id
  left join threshold_defaults of_category on of_category.category_id = p.category_id
  where of_product.id is not null or of_category.id is not null;

-- As before, with the margin; and the product's safety stock.
create or replace function inherit_thresholds() returns trigger language plpgsql as $$
begin
  if not exists (select from added) then return null; end if;
  perform pg_advisory_xact_lock_shared(threshold_lock());
  update stock s set low_stock_threshold = d.low_stock, overstock_threshold = d.overstock, clear_margin = d.clear_margin
  from added a join product_thresholds d using (product_id)
  where s.product_id = a.product_id and s.warehouse_id = a.warehouse_id
    and not a.own_thresholds
    and (d.low_stock > 0 or d.overstock is not null);
  update stock s set safety_stock = d.units
  from added a join safety_stock_defaults d using (product_id)
  where s.product_id = a.product_id and s.warehouse_id = a.warehouse_id and not a.own_safety_stock and d.units > 0;
  return null;
end $$;

create or replace function follow_category() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(threshold_lock());
  update stock s
  set low_stock_threshold = coalesce(d.low_stock, 0), overstock_threshold = d.overstock, clear_margin = d.clear_margin
  from (values (new.id)) as moved (product_id) left join product_thresholds d using (product_id)
  where s.product_id = moved.product_id and not s.own_thresholds
    and (s.low_stock_threshold, s.overstock_threshold, s.clear_margin)
      is distinct from (coalesce(d.low_stock, 0), d.overstock, d.clear_margin);
  return null;
end $$;

-- As in 0036, of what may be promised to customers, and: an alert on a threshold clears only beyond its margin, so that stock which moves
-- around the threshold is one alert. A change of the threshold itself is decided without a margin.
create or replace function follow_stock_alerts() returns trigger language plpgsql as $$
declare
  is_update boolean := tg_op = 'UPDATE';
  available int := greatest(0, new.on_hand - new.reserved - new.safety_stock);
  was_available int := case when is_update then greatest(0, old.on_hand - old.reserved - old.safety_stock) else 0 end;
  low  int := new.low_stock_threshold;
  most int := new.overstock_threshold;
  is_low   boolean := available > 0 and available <= low;
  was_low  boolean := is_update and was_available > 0 and was_available <= old.low_stock_threshold;
  is_over  boolean := coalesce(new.on_hand > most, false);
  was_over boolean := is_update and coalesce(old.on_hand > old.overstock_threshold, false);
  low_margin  int := coalesce(new.clear_margin, low / 10 + (low % 10 > 0)::int);
  over_margin int := coalesce(new.clear_margin, most / 10 + (most % 10 > 0)::int);
  over  text[] := '{}';
  begun text[] := '{}';
begin
  if is_update and low <> old.low_stock_threshold then low_margin := 0; end if;
  if is_update and most is distinct from old.overstock_threshold then over_margin := 0; end if;
  if available = 0 and was_available > 0 then begun := begun || 'out_of_stock'::text; end if;
  if is_low and not was_low then begun := begun || 'low_stock'::text; end if;
  if is_over and not was_over then begun := begun || 'overstock'::text; end if;
  if was_available = 0 and available > 0 then over := over || 'out_of_stock'::text; end if;
  -- Of an alert that may be open: the stock was at the threshold, or within its margin.
  if was_available > 0
     and was_available - coalesce(old.clear_margin, old.low_stock_threshold / 10 + (old.low_stock_threshold % 10 > 0)::int)
         <= old.low_stock_threshold
     and (available = 0 or available - low_margin > low) then
    over := over || 'low_stock'::text;
  end if;
  if is_update and old.overstock_threshold is not null
     and (most is null or new.on_hand <= greatest(0, most - over_margin)) then
    over := over || 'overstock'::text;
  end if;

  if over <> '{}' then
    update alerts set status = 'resolved', resolved_at = clock_timestamp()
    where product_id = new.product_id and warehouse_id = new.warehouse_id and kind = any (over) and status <> 'resolved';
  end if;
  if begun <> '{}' then
    insert into alerts (kind, product_id, warehouse_id, details, status, acknowledged_at, acknowledged_by, note)
    select k.kind, new.product_id, new.warehouse_id, jsonb_build_object('onHand', new.on_hand, 'available', available,
        'threshold', case k.kind when 'low_stock' then low when 'overstock' then most else 0 end),
      case when b.acknowledged_at is null then 'open' else 'acknowledged' end, b.acknowledged_at, b.acknowledged_by, b.note
    from unnest(begun) as k (kind)
    left join lateral (
      -- The latest about the same, if it ended a moment ago.
      select a.acknowledged_at, a.acknowledged_by, a.note
      from (select * from alerts where product_id = new.product_id and warehouse_id = new.warehouse_id and alerts.kind = k.kind
            order by id desc limit 1) a
      where a.status = 'resolved' and a.resolved_at > clock_timestamp() - interval '1 hour') b on true
    on conflict (product_id, warehouse_id, kind) where status <> 'resolved' do nothing;
  end if;
  return null;
end $$;

-- True for a row that crosses a threshold, or the margin beyond it, or is given other thresholds. Each is compared where it is set, so that
-- a row without any pays for two comparisons.
create trigger stock_alerts_on_update after update on stock for each row
  when ((old.on_hand - old.reserved - old.safety_stock <= 0) <> (new.on_hand - new.reserved - new.safety_stock <= 0)
     or old.low_stock_threshold <> new.low_stock_threshold
     or old.overstock_threshold is distinct from new.overstock_threshold
     or (new.low_stock_threshold > 0 and (
          (old.on_hand - old.reserved - old.safety_stock <= old.low_stock_threshold)
            <> (new.on_hand - new.reserved - new.safety_stock <= new.low_stock_threshold)
          or (greatest(0, old.on_hand - old.reserved - old.safety_stock)
                - coalesce(old.clear_margin, old.low_stock_threshold / 10 + (old.low_stock_threshold % 10 > 0)::int)
                <= old.low_stock_threshold)
            <> (greatest(0, new.on_hand - new.reserved - new.safety_stock)
                - coalesce(new.clear_margin, new.low_stock_threshold / 10 + (new.low_stock_threshold % 10 > 0)::int)
                <= new.low_stock_threshold)))
     or (new.overstock_threshold is not null and (
          (old.on_hand > old.overstock_threshold) <> (new.on_hand > new.overstock_threshold)
          or (old.on_hand <= greatest(0, old.overstock_threshold
                - coalesce(old.clear_margin, old.overstock_threshold / 10 + (old.overstock_threshold % 10 > 0)::int)))
            <> (new.on_hand <= greatest(0, new.overstock_threshold
                - coalesce(new.clear_margin, new.overstock_threshold / 10 + (new.overstock_threshold % 10 > 0)::int))))))
  execute function follow_stock_alerts();
create trigger stock_alerts_on_insert after insert on stock for each row
  when (new.on_hand - new.reserved - new.safety_stock between 1 and new.low_stock_threshold
     or coalesce(new.on_hand > new.overstock_threshold, false))
  execute function follow_stock_alerts();
