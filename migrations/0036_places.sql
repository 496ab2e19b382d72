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
