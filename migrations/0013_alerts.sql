-- Alerts, and the thresholds that raise them.

-- Thresholds that a product, or else its category, gives to stock rows without their own. The values in force are copied
-- into the stock row, so that the hot path reads nothing else.
create table threshold_defaults (
  id          int generated always as identity primary key,
  product_id  int unique references products,
  category_id int unique references categories,
  low_stock   int not null check (low_stock >= 0),
  overstock   int check (overstock >= 0),
  updated_at  timestamptz not null default clock_timestamp(),
  check (num_nonnulls(product_id, category_id) = 1)
);

create table alerts (
  -- Time-ordered: GET /inventory/alerts, newest first, goes by it
  id              uuid primary key default uuidv7(),
  kind            text not null check (kind in
    ('low_stock', 'out_of_stock', 'overstock', 'transfer_overdue', 'ledger_drift', 'work_failed')),
  -- Null for `work_failed`, which is about a subject
  product_id      int,
  warehouse_id    int,
  subject         text,
  status          text not null default 'open' check (status in ('open', 'acknowledged', 'resolved')),
  details         jsonb not null default '{}',
  raised_at       timestamptz not null default clock_timestamp(),
  acknowledged_at timestamptz,
  acknowledged_by text,
  note            text,
  resolved_at     timestamptz,
  check ((status = 'resolved') = (resolved_at is not null)),
  check (status <> 'acknowledged' or acknowledged_at is not null),
  constraint alerts_about_one_thing check
    (case kind when 'work_failed' then subject is not null and num_nonnulls(product_id, warehouse_id) = 0
               else subject is null and num_nulls(product_id, warehouse_id) = 0 end)
) with (fillfactor = 80);

-- Raising: at most one alert that is not over per product, location and kind. Resolving finds it by the same index.
create unique index alerts_one_open on alerts (product_id, warehouse_id, kind) where status <> 'resolved';
create unique index alerts_one_open_per_subject on alerts (subject) where status <> 'resolved' and subject is not null;
-- GET /inventory/alerts?status=open, where many are resolved; GET /inventory/metrics counts them
create index alerts_unresolved on alerts (id, kind, status) where status <> 'resolved';
-- GET /inventory/alerts?sku=
create index alerts_by_product on alerts (product_id, id);

-- Work on one subject that failed by an error of its data, although the rest of its batch was done. Until `retry_at` the work
-- leaves the subject out, so that one subject neither stops the others nor is tried without a pause.
create table failed_work (
  -- expire_reservation, hold_expired_lot (quality hold), ...
  work     text not null,
  -- Id of what the work is about.
  subject  text not null,
  attempts int not null default 1,
  retry_at timestamptz not null,
  primary key (work, subject)
);

-- An alert on stock is open exactly while its condition holds: low_stock while 0 < available <= threshold, out_of_stock while
-- nothing is available (and something was), overstock while more than its threshold is on hand.
-- Written out, not split into functions: 20,000 rows that cross in one statement take a third of the time.
create function follow_stock_alerts() returns trigger language plpgsql as $$
declare
  available int := new.on_hand - new.reserved;
  was_available int := case when tg_op = 'UPDATE' then old.on_hand - old.reserved else 0 end;
  is_low   boolean := available > 0 and available <= new.low_stock_threshold;
  was_low  boolean := tg_op = 'UPDATE' and was_available > 0 and was_available <= old.low_stock_threshold;
  is_over  boolean := coalesce(new.on_hand > new.overstock_threshold, false);
  was_over boolean := tg_op = 'UPDATE' and coalesce(old.on_hand > old.overstock_threshold, false);
  over  text[] := '{}';
  begun text[] := '{}';
begin
  if available <= 0 and was_available > 0 then begun := begun || 'out_of_stock'::text; end if;
  if is_low and not was_low then begun := begun || 'low_stock'::text; end if;
  if is_over and not was_over then begun := begun || 'overstock'::text; end if;
  if was_available <= 0 and available > 0 then over := over || 'out_of_stock'::text; end if;
  if was_low and not is_low then over := over || 'low_stock'::text; end if;
  if was_over and not is_over then over := over || 'overstock'::text; end if;

  if over <> '{}' then
    update alerts set status = 'resolved', resolved_at = clock_timestamp()
    where product_id = new.product_id and warehouse_id = new.warehouse_id and kind = any (over) and status <> 'resolved';
  end if;
  if begun <> '{}' then
    insert into alerts (kind, product_id, warehouse_id, details)
    select k.kind, new.product_id, new.warehouse_id, jsonb_build_object('onHand', new.on_hand, 'available', available,
      'threshold', case k.kind when 'low_stock' then new.low_stock_threshold when 'overstock' then new.overstock_threshold else 0 end)
    from unnest(begun) as k (kind)
    on conflict (product_id, warehouse_id, kind) where status <> 'resolved' do nothing;
  end if;
  return null;
end $$;

-- The condition is true only for a row that crosses a threshold: the others pay for its evaluation, not for a call.
create trigger stock_alerts_on_update after update on stock for each row
  when ((old.available <= 0) <> (new.available <= 0)
     or (old.available <= old.low_stock_threshold) <> (new.available <= new.low_stock_threshold)
     or coalesce(old.on_hand > old.overstock_threshold, false) <> coalesce(new.on_hand > new.overstock_threshold, false))
  execute function follow_stock_alerts();
create trigger stock_alerts_on_insert after insert on stock for each row
  when (new.available between 1 and new.low_stock_threshold or coalesce(new.on_hand > new.overstock_threshold, false))
  execute function follow_stock_alerts();

-- The thresholds that products have to give: their own, else their category's.
create view product_thresholds as
  select p.id as product_id, coalesce(of_product.low_stock, of_category.low_stock) as low_stock,
         case when of_product.id is not null then of_product.overstock else of_category.overstock end as overstock
  from products p
  left join threshold_defaults of_product on of_product.product_id = p.id
  left join threshold_defaults of_category on of_category.category_id = p.category_id
  where of_product.id is not null or of_category.id is not null;

-- Taken shared by who makes stock rows and alone by who changes a default: a row made from the old default is committed, and
-- so is seen, before the rows that inherit are brought to the new one.
create function threshold_lock() returns bigint immutable language sql return hashtext('threshold_defaults');

create function inherit_thresholds() returns trigger language plpgsql as $$
begin
  if not exists (select from added) then return null; end if;
  perform pg_advisory_xact_lock_shared(threshold_lock());
  update stock s set low_stock_threshold = d.low_stock, overstock_threshold = d.overstock
  from added a join product_thresholds d using (product_id)
  where s.product_id = a.product_id and s.warehouse_id = a.warehouse_id
    and not a.own_thresholds
    and (d.low_stock > 0 or d.overstock is not null);
  return null;
end $$;

-- Once a statement, over the rows it made: a trigger for each row would also be called for those that ON CONFLICT leaves out.
create trigger stock_inherits_thresholds after insert on stock
  referencing new table as added for each statement execute function inherit_thresholds();

-- A row that is made with thresholds keeps them.
create function keep_own_thresholds() returns trigger language plpgsql as $$
begin
  new.own_thresholds := true;
  return new;
end $$;
create trigger stock_keeps_thresholds before insert on stock for each row
  when (new.low_stock_threshold > 0 or new.overstock_threshold is not null) execute function keep_own_thresholds();

-- A product that moves to another category follows that one's default.
create function follow_category() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(threshold_lock());
  update stock s
  set low_stock_threshold = coalesce(d.low_stock, 0), overstock_threshold = d.overstock
  from (values (new.id)) as moved (product_id) left join product_thresholds d using (product_id)
  where s.product_id = moved.product_id and not s.own_thresholds
    and (s.low_stock_threshold, s.overstock_threshold) is distinct from (coalesce(d.low_stock, 0), d.overstock);
  return null;
end $$;
create trigger products_follow_category after update of category_id on products for each row
  when (old.category_id is distinct from new.category_id) execute function follow_category();
