-- Parcels, what carriers report of them, and the sandbox carrier.

create table shipments (
  id              uuid primary key,
  order_id        uuid not null references orders,
  reservation_id  uuid not null references reservations,
  warehouse_id    int not null references warehouses,
  status          text not null default 'pending' check (status in
    ('pending', 'booking', 'booked', 'picked_up', 'delivered', 'voiding', 'voided', 'failed')),
  carrier         text not null,
  tracking_number text,
  label_url       text,
  -- Until when the claim of the dispatcher on a `booking` shipment counts.
  lease_until     timestamptz,
  error           text,
  created_at      timestamptz not null default clock_timestamp(),
  updated_at      timestamptz not null default clock_timestamp(),
  constraint shipments_one_per_warehouse unique (reservation_id, warehouse_id),
  check ((status = 'booking') = (lease_until is not null))
) with (fillfactor = 70);

create index shipments_by_order on shipments (order_id);
-- The dispatcher's queue, and bookings that a dead dispatcher left behind
create index shipments_to_book on shipments (created_at) where status in ('pending', 'booking');

create table shipment_items (
  shipment_id uuid not null references shipments,
  product_id  int not null,
  sku         text not null,
  quantity    int not null check (quantity > 0),
  primary key (shipment_id, product_id)
);

-- Carrier updates that were taken, so that a repeated one changes nothing.
create table carrier_events (
  carrier     text not null,
  event_id    text not null,
  shipment_id uuid not null,
  type        text not null,
  occurred_at timestamptz,
  received_at timestamptz not null default clock_timestamp(),
  primary key (carrier, event_id)
);

-- The sandbox carrier's own tables.
create schema sandbox_carrier;
create table sandbox_carrier.parcels (
  shipment_id     uuid primary key,
  tracking_number text not null unique,
  label_url       text not null,
  stage           text not null check (stage in ('refused', 'booked', 'picked_up', 'delivered', 'voided', 'failed')),
  -- The stage after this one and when it is reached; null: none is left.
  next_stage      text check (next_stage in ('picked_up', 'delivered', 'failed')),
  next_at         timestamptz,
  -- Stages that were reached and that the webhook has not accepted yet, oldest first; when to report them (again).
  unreported      jsonb not null default '[]',
  report_at       timestamptz,
  created_at      timestamptz not null default clock_timestamp(),
  check ((next_stage is null) = (next_at is null)),
  check ((unreported = '[]') = (report_at is null))
) with (fillfactor = 70);
create index parcels_due on sandbox_carrier.parcels (next_at) where next_at is not null;
create index parcels_unreported on sandbox_carrier.parcels (report_at) where report_at is not null;
