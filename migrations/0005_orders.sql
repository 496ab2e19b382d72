-- Orders, what they consist of, what happened to them, and who waits for stock.

create table orders (
  id             uuid primary key,
  customer_id    text not null,
  status         text not null check (status in
    ('reserved', 'paid', 'fulfilling', 'fulfilled', 'rejected', 'expired', 'cancelled', 'failed')),
  fulfilment     text not null check (fulfilment in ('complete', 'partial', 'backorder')),
  currency       char(3) not null,
  total_minor    bigint not null check (total_minor >= 0),
  ship_to        jsonb,
  -- How long it waits for its payment.
  reservation_seconds int not null check (reservation_seconds between 1 and 86400),
  -- Why it ended (CARRIER_FAILED, UNKNOWN_SKU, ...) where status alone does not say it.
  failure_code   text,
  failure_detail text,
  -- Figures that belong to the code: of BACKORDER_LIMIT, the limit and how many units wait
  failure_details jsonb not null default '{}',
  cancel_reason  text,
  -- Sandbox token or Stripe payment method that later parts (backorders) are charged to.
  payment_method jsonb,
  -- What the saga was started with, so that it can be started again.
  input          jsonb not null,
  -- Why these warehouses: the decision trace of GET /orders/{id}/sourcing.
  sourcing       jsonb not null default '[]',
  shortages      jsonb not null default '[]',
  event_seq      int not null default 0,
  checked_at     timestamptz,
  created_at     timestamptz not null default clock_timestamp(),
  updated_at     timestamptz not null default clock_timestamp()
) with (fillfactor = 70);

-- GET /orders (newest first), by customer, by status
create index orders_newest on orders (created_at desc, id desc);
create index orders_by_customer on orders (customer_id, created_at desc, id desc);
-- Units that wait for stock are bounded for each customer: its open backorders are summed when it places another one.
create index orders_waiting_by_customer on orders (customer_id)
 where fulfilment = 'backorder' and status in ('reserved', 'paid', 'fulfilling');
-- The reconciler: orders that have not ended
create index orders_open on orders (updated_at) where status in ('reserved', 'paid', 'fulfilling');
-- What an incremental consistency check looks at: orders that were touched since the last. Without it each of its statements
-- read every order there ever was: at a million, 0.2 s each, growing with them. The updates of an order are not HOT anyway, for
-- `orders_open`.
create index orders_by_update on orders (updated_at);

create table order_items (
  order_id             uuid not null references orders,
  line                 int not null check (line >= 1),
  product_id           int not null references products,
  sku                  text not null,
  quantity             int not null check (quantity > 0),
  unit_price_minor     bigint not null check (unit_price_minor >= 0),
  reserved_quantity    int not null default 0 check (reserved_quantity >= 0),
  backordered_quantity int not null default 0 check (backordered_quantity >= 0),
  fulfilled_quantity   int not null default 0 check (fulfilled_quantity >= 0),
  cancelled_quantity   int not null default 0 check (cancelled_quantity >= 0),
  primary key (order_id, line),
  unique (order_id, product_id),
  constraint order_items_every_unit_accounted
    check (reserved_quantity + backordered_quantity + fulfilled_quantity + cancelled_quantity = quantity)
) with (fillfactor = 70);

-- GET /orders?sku=
create index order_items_by_product on order_items (product_id, order_id);

create table order_events (
  order_id uuid not null references orders,
  seq      int not null check (seq >= 1),
  type     text not null,
  at       timestamptz not null default clock_timestamp(),
  data     jsonb not null default '{}',
  primary key (order_id, seq)
);
create trigger order_events_append_only before update or delete on order_events
  for each row execute function refuse_change();
create trigger order_events_no_truncate before truncate on order_events
  for each statement execute function refuse_change();

-- Units that wait for stock, first come first served within a product.
create table backorders (
  id         bigint generated always as identity primary key,
  product_id int not null references products,
  order_id   uuid not null references orders,
  quantity   int not null check (quantity > 0),
  -- Still waiting. 0: allocated or closed.
  waiting    int not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint backorders_waiting_within_quantity check (waiting between 0 and quantity),
  unique (order_id, product_id)
);

-- The queue of a product, in order
create index backorders_queue on backorders (product_id, id) where waiting > 0;
