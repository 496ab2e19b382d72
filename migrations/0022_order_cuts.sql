-- Units that somebody asked to take out of an order before they leave.

create table order_cuts (
  id         uuid primary key,
  -- The same request again is the same cuts.
  request_id uuid not null,
  order_id   uuid not null references orders,
  product_id int not null,
  quantity   int not null check (quantity > 0),
  -- Of these, how many are cut so far.
  done       int not null default 0,
  -- open: more may be cut; done: at least one was; refused: none could be.
  state      text not null default 'open' check (state in ('open', 'done', 'refused')),
  reason     text,
  created_at timestamptz not null default clock_timestamp(),
  constraint order_cuts_done_within_quantity check (done between 0 and quantity),
  unique (request_id, product_id)
);
create index order_cuts_by_order on order_cuts (order_id);

alter table shipments
  -- 1, and one more for each time that a part of it was cut: what remains goes into a new shipment.
  add column generation int not null default 1 check (generation >= 1),
  -- It is stopped to cut a part of it: what remains is shipped.
  add column stop_for_cut boolean not null default false,
  -- Of one that will not leave: its units are given up, or went into the next generation.
  add column released_at timestamptz;
update shipments set released_at = updated_at where status in ('voided', 'failed');
alter table shipments drop constraint shipments_one_per_warehouse;
alter table shipments add constraint shipments_one_per_warehouse unique (reservation_id, warehouse_id, generation);
