-- Units that are reserved: for an order, by a caller without one, for backorders, or on quality hold.

create table reservations (
  id         uuid primary key,
  -- 'order': part of an order; 'hold': made without one; 'allocation': arrived stock on its way to backorders; 'quality': units
  -- on quality hold, which are reserved like any others, so that nothing can sell them.
  kind       text not null check (kind in ('order', 'hold', 'allocation', 'quality')),
  order_id   uuid,
  -- 1 for the reservation that an order was placed with, more for each later allocation of its backorders.
  seq        int not null default 1 check (seq >= 1),
  status     text not null check (status in ('pending', 'charging', 'confirmed', 'shipped', 'cancelled', 'expired')),
  -- Number of the latest charge for this reservation.
  attempt    int not null default 0 check (attempt >= 0),
  expires_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  -- What the caller of one without an order calls the thing that it reserves stock for.
  reference  text,
  check ((kind = 'order') = (order_id is not null)),
  constraint reservations_expires_unless_internal check (kind in ('allocation', 'quality') or expires_at is not null)
) with (fillfactor = 80);

-- The reservations of an order
create index reservations_by_order on reservations (order_id, seq) where order_id is not null;
-- Those that may fall due, soonest first, by who frees them: 'order' its saga, 'hold' the expiry workflow; both the reclaim on
-- shortage.
create index reservations_due on reservations (kind, expires_at) where status = 'pending';
-- GET /reservations, newest first. Without the id, which breaks ties: times hardly ever tie, and a wider entry costs each
-- reservation.
create index reservations_newest on reservations (created_at) where kind = 'hold';

create table reservation_lines (
  -- A reservation and its lines are written by one statement, so a reference could only fail on a defect of ours; looking it up
  -- cost 5 µs a line, a tenth of what PostgreSQL spends on a reservation. A consistency check finds lines without one.
  reservation_id uuid not null,
  product_id     int not null,
  warehouse_id   int not null,
  quantity       int not null check (quantity > 0),
  -- Still reserved. Goes down as a warehouse ships or as a part is cancelled.
  open_quantity  int not null,
  primary key (reservation_id, product_id, warehouse_id),
  constraint reservation_lines_open_within_quantity check (open_quantity between 0 and quantity)
) with (fillfactor = 80);

-- When the expiry of reservations looks again by itself. A reservation that falls due earlier wakes it.
create table reservation_expiry (
  one      boolean primary key default true check (one),
  wakes_at timestamptz not null
);
insert into reservation_expiry (wakes_at) values ('-infinity');
