-- Warehouses that close and open, and a catalogue that people keep.

-- `active`: orders are placed from it. `opening`: the queues of backorders are served from it, before (and a moment after) it is
-- active again; cleared when they have been.
alter table warehouses
  add column opening boolean not null default false,
  add column version int not null default 1,
  add column updated_at timestamptz not null default now();

-- Who closed and opened a warehouse, when and why. The latest says why it is as it is.
create table warehouse_events (
  id           bigint generated always as identity primary key,
  warehouse_id int not null references warehouses,
  type         text not null check (type in ('closed', 'opened')),
  at           timestamptz not null default clock_timestamp(),
  actor        text not null,
  reason       text
);
create index warehouse_events_newest on warehouse_events (warehouse_id, id);

-- Openings that are to be finished: hardly ever any
create index warehouses_opening on warehouses (id) where opening;

-- Rises with each change of what clients see: the ETag. What a product keeps beside counts is none of it.
alter table products add column version int not null default 1;
alter table categories
  add column version int not null default 1,
  add column archived boolean not null default false,
  add column updated_at timestamptz not null default now();

-- GET /products?q=: parts of SKUs and names, in any case. Where the server has no pg_trgm, or nobody may make it, the search reads
-- the products one by one.
do $$ begin
  create extension if not exists pg_trgm;
  create index products_by_text on products using gin (sku gin_trgm_ops, name gin_trgm_ops);
exception when insufficient_privilege or undefined_file or feature_not_supported or undefined_object then
  raise notice 'pg_trgm cannot be used: products are searched without an index';
end $$;
-- A code that is written with other capitals is the same code
create index warehouses_by_lower_code on warehouses (lower(code));
create index categories_by_lower_code on categories (lower(code));

-- As in 0013, and: what comes back within an hour keeps the acknowledgement that it had, so that stock which moves around its threshold
-- does not ask a person again each time.
create or replace function follow_stock_alerts() returns trigger language plpgsql as $$
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
    insert into alerts (kind, product_id, warehouse_id, details, status, acknowledged_at, acknowledged_by, note)
    select k.kind, new.product_id, new.warehouse_id, jsonb_build_object('onHand', new.on_hand, 'available', available,
        'threshold', case k.kind when 'low_stock' then new.low_stock_threshold when 'overstock' then new.overstock_threshold else 0 end),
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
