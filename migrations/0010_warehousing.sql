-- What a warehouse does with stock: deliveries that arrive and what they cost, cycle counts, units on quality hold, and goods
-- that customers send back.

create table receipts (
  id                 uuid primary key,
  warehouse_id       int not null references warehouses,
  supplier           text check (supplier <> ''),
  -- The number of the supplier's delivery note: one delivery is received once.
  supplier_reference text not null check (supplier_reference <> ''),
  actor              text not null,
  received_at        timestamptz not null default clock_timestamp(),
  constraint receipts_once_per_reference unique nulls not distinct (supplier, supplier_reference)
);

-- GET /receipts, newest first; ?supplierReference=
create index receipts_newest on receipts (received_at desc, id desc);
create index receipts_by_reference on receipts (supplier_reference);

create table receipt_lines (
  receipt_id      uuid not null references receipts,
  line            int not null check (line >= 1),
  product_id      int not null references products,
  quantity        int not null check (quantity > 0),
  -- What one unit cost, in minor units of `currency`; null: not known.
  unit_cost_minor bigint check (unit_cost_minor >= 0),
  currency        char(3) check (currency ~ '^[A-Z]{3}$'),
  lot_code        text check (lot_code <> ''),
  expires_on      date,
  serials         text[] not null default '{}',
  primary key (receipt_id, line),
  constraint receipt_lines_cost_has_currency check ((unit_cost_minor is null) = (currency is null)),
  constraint receipt_lines_expiry_has_lot check (expires_on is null or lot_code is not null)
);

-- GET /receipts?sku=, and the cost layers of a product
create index receipt_lines_by_product on receipt_lines (product_id, receipt_id);

-- What a unit of a product costs on average, all locations together. One product's cost has one currency.
-- Locked after the stock rows.
create table product_costs (
  product_id    int primary key references products,
  currency      char(3) not null check (currency ~ '^[A-Z]{3}$'),
  -- Minor units; null: nothing with a cost has come in yet.
  average_minor numeric(24, 6) check (average_minor >= 0)
);

create table count_sheets (
  id            uuid primary key,
  warehouse_id  int not null references warehouses,
  -- open: being counted; review: somebody must decide about a variance; closed: every line is decided.
  status        text not null default 'open' check (status in ('open', 'review', 'closed')),
  -- Who counts is not shown what is expected.
  blind         boolean not null,
  -- Units a line may be off by and is still approved by itself.
  tolerance     int not null check (tolerance >= 0),
  actor         text not null,
  created_at    timestamptz not null default clock_timestamp(),
  submitted_at  timestamptz,
  closed_at     timestamptz,
  constraint count_sheets_closed_at check ((status = 'closed') = (closed_at is not null))
);

-- GET /counts, newest first
create index count_sheets_newest on count_sheets (created_at desc, id desc);

create table count_lines (
  sheet_id      uuid not null references count_sheets,
  product_id    int not null references products,
  status        text not null default 'open' check (status in ('open', 'counted', 'review', 'approved', 'rejected')),
  -- On hand when the sheet was made, and the last entry of the ledger that is in it.
  expected      int not null,
  position      bigint not null,
  counted       int check (counted >= 0),
  counted_by    text,
  counted_at    timestamptz,
  -- What the ledger moved between the sheet and the count. The variance is counted - (expected + moved).
  moved         int,
  variance      int,
  -- How often it was counted: a decision is about one count.
  round         int not null default 1 check (round >= 1),
  decided_by    text,
  -- Why an approval could not be carried out.
  code          text,
  primary key (sheet_id, product_id),
  constraint count_lines_counted check
    ((status in ('counted', 'review', 'approved')) <= (counted is not null and moved is not null and variance is not null))
);

create table quality_holds (
  -- Of its reservation as well, which is what keeps the units from being sold.
  id           uuid primary key references reservations,
  product_id   int not null references products,
  warehouse_id int not null references warehouses,
  -- Of a lot-tracked product.
  lot_id       bigint references lots,
  quantity     int not null check (quantity > 0),
  released     int not null default 0 check (released >= 0),
  written_off  int not null default 0 check (written_off >= 0),
  open         int not null generated always as (quantity - released - written_off) stored,
  reason       text not null,
  actor        text not null,
  created_at   timestamptz not null default clock_timestamp(),
  updated_at   timestamptz not null default clock_timestamp(),
  constraint quality_holds_every_unit_accounted check (released + written_off <= quantity)
);

-- GET /quality-holds, newest first; of a product
create index quality_holds_newest on quality_holds (created_at desc, id desc);
create index quality_holds_by_product on quality_holds (product_id, created_at desc);

create table customer_returns (
  id           uuid primary key,
  order_id     uuid not null references orders,
  status       text not null default 'authorised' check (status in
    ('authorised', 'received', 'completed', 'expired', 'cancelled')),
  -- Where the goods came in; null: nothing has.
  warehouse_id int references warehouses,
  -- Until when goods may come in.
  expires_at   timestamptz not null,
  -- Set when it expired after a part had come in: the rest is no longer awaited.
  closed_to_arrivals boolean not null default false,
  actor        text not null,
  created_at   timestamptz not null default clock_timestamp(),
  updated_at   timestamptz not null default clock_timestamp()
) with (fillfactor = 80);

create index customer_returns_by_order on customer_returns (order_id);
-- GET /returns, newest first
create index customer_returns_newest on customer_returns (created_at desc, id desc);
-- The upkeep: those whose workflow should have ended their wait
create index customer_returns_waiting on customer_returns (expires_at)
  where status in ('authorised', 'received') and not closed_to_arrivals;

create table customer_return_lines (
  return_id   uuid not null references customer_returns,
  product_id  int not null references products,
  sku         text not null,
  quantity    int not null check (quantity > 0),
  reason      text not null,
  received    int not null default 0 check (received >= 0),
  restocked   int not null default 0 check (restocked >= 0),
  written_off int not null default 0 check (written_off >= 0),
  primary key (return_id, product_id),
  constraint return_lines_received_within_authorised check (received <= quantity),
  constraint return_lines_inspected_within_received check (restocked + written_off <= received)
) with (fillfactor = 80);

-- Receiving and inspecting are not ledger effects by themselves: their requests are remembered here, so that each counts once.
create table customer_return_steps (
  id         uuid primary key,
  return_id  uuid not null references customer_returns,
  step       text not null check (step in ('receive', 'inspect')),
  created_at timestamptz not null default clock_timestamp()
);
