-- no transaction
-- Warehouses that close and open, and a catalogue that people keep. Each statement is a transaction of its own and locks one table for a
-- moment. It may be run again.

-- `active`: orders are placed from it. `opening`: the queues of backorders are served from it, before (and a moment after) it is
-- active again; cleared when they have been.
alter table warehouses
  add column if not exists opening boolean not null default false,
  add column if not exists version int not null default 1,
  add column if not exists updated_at timestamptz not null default now();

-- Who closed and opened a warehouse, when and why. The latest says why it is as it is.
create table if not exists warehouse_events (
  id           bigint generated always as identity primary key,
  warehouse_id int not null references warehouses,
  type         text not null check (type in ('closed', 'opened')),
  at           timestamptz not null default clock_timestamp(),
  actor        text not null,
  reason       text
);
create index if not exists warehouse_events_newest on warehouse_events (warehouse_id, id);

-- Openings that are to be finished: hardly ever any
create index if not exists warehouses_opening on warehouses (id) where opening;

-- Rises with each change of what clients see: the ETag. What a product keeps beside counts is none of it.
alter table products add column if not exists version int not null default 1;
alter table categories
  add column if not exists version int not null default 1,
  add column if not exists archived boolean not null default false,
  add column if not exists updated_at timestamptz not null default now();

-- A code that is written with other capitals is the same code
create index if not exists warehouses_by_lower_code on warehouses (lower(code));
create index if not exists categories_by_lower_code on categories (lower(code));
