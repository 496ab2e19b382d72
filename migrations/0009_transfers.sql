-- Transfers between warehouses.

-- Units that leave one warehouse for another. Every unit that left is on the way, received, lost or back at the source;
-- the ledger names the transfer in `reference` ('transfer:<id>'), and its transfer_out and transfer_in add up to minus `open`.
create table transfers (
  id           uuid primary key,
  product_id   int not null references products,
  source_id    int not null references warehouses,
  -- Where they go.
  target_id    int not null references warehouses,
  mode         text not null check (mode in ('immediate', 'in_transit')),
  status       text not null check (status in ('in_transit', 'completed', 'cancelled')),
  quantity     int not null check (quantity > 0),
  received     int not null default 0 check (received >= 0),
  lost         int not null default 0 check (lost >= 0),
  -- Back at the source, by a cancellation.
  returned     int not null default 0 check (returned >= 0),
  -- Still on the way.
  open         int not null generated always as (quantity - received - lost - returned) stored,
  reason       text,
  reference    text,
  actor        text not null,
  expected_at  timestamptz,
  -- When it was found not to have arrived in time.
  overdue_at   timestamptz,
  -- When the reconciler last looked whether its workflow runs.
  checked_at   timestamptz,
  created_at   timestamptz not null default clock_timestamp(),
  updated_at   timestamptz not null default clock_timestamp(),
  constraint transfers_between_two_places check (source_id <> target_id),
  constraint transfers_every_unit_accounted check (received::bigint + lost + returned <= quantity),
  constraint transfers_open_while_in_transit check ((status = 'in_transit') = (received + lost + returned < quantity)),
  constraint transfers_expected_while_in_transit check (mode = 'immediate' or expected_at is not null)
) with (fillfactor = 80);

-- GET /inventory/{sku}: units on their way to each of its places. Few transfers are open at a time.
create index transfers_on_the_way on transfers (product_id, target_id) include (open) where status = 'in_transit';
-- The reconciler: open transfers, soonest due first
create index transfers_due on transfers (expected_at) where status = 'in_transit';
-- GET /transfers, newest first; ?sku=
create index transfers_newest on transfers (created_at desc, id desc);
create index transfers_by_product on transfers (product_id, created_at desc, id desc);
