-- What is sold, and where it is kept.
-- Keys inside the database are small integers (100 million stock rows must stay small); clients use sku and code.

create table categories (
  id   int generated always as identity primary key,
  code text not null unique check (code <> ''),
  name text not null
);

create table products (
  id          int generated always as identity primary key,
  sku         text not null unique check (sku <> ''),
  name        text not null,
  description text not null default '',
  category_id int references categories,
  price_minor bigint not null check (price_minor >= 0),
  currency    char(3) not null check (currency ~ '^[A-Z]{3}$'),
  active      boolean not null default true,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  -- Its units are kept by lot, with expiry dates; each has a serial number.
  lot_tracked boolean not null default false,
  serialised  boolean not null default false
);

-- GET /products?category=
create index products_by_category on products (category_id, sku);
-- A SKU or location code that is written with other capitals in a feed is looked for here, when nothing has it exactly.
create index products_by_lower_sku on products (lower(sku));
-- Asked by every change of what is on hand: where no product is tracked it is empty.
create index products_tracked on products (id) where lot_tracked or serialised;

create table warehouses (
  id        int generated always as identity primary key,
  code      text not null unique check (code <> ''),
  name      text not null,
  type      text not null default 'warehouse' check (type in ('warehouse', 'store', 'dropship')),
  address   text not null default '',
  latitude  double precision not null check (latitude between -90 and 90),
  longitude double precision not null check (longitude between -180 and 180),
  region    text not null,
  priority  int not null default 100,
  active    boolean not null default true
);
