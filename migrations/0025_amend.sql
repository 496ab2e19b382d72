-- Orders that are amended before they are booked.

create table order_amendments (
  -- Of the request: the same request again is the same amendment.
  id         uuid primary key,
  order_id   uuid not null references orders,
  -- Units that the order is to have, by SKU; what is not named stays.
  items      jsonb not null,
  -- Where it is to go; null: stays.
  ship_to    jsonb,
  -- open: not decided; done: all of it was done; refused: nothing of it was.
  state      text not null default 'open' check (state in ('open', 'done', 'refused')),
  -- Of an open one that was begun, charging: what is added waits for its payment; cutting: what is taken out is being cut.
  stage      text check (stage in ('charging', 'cutting')),
  -- What was reserved for it apart from the rest of the order, which has a payment of its own.
  reservation_id uuid,
  -- What is put back if it is refused after it was begun.
  undo       jsonb,
  -- Why it was refused.
  code       text check (code in ('OUT_OF_STOCK', 'NOT_AMENDABLE', 'PAYMENT_DECLINED', 'UNKNOWN_SKU', 'MIXED_CURRENCIES',
    'PRICE_NOT_CHARGEABLE', 'PRICE_CHANGED', 'PAYMENT_ATTEMPTS_EXCEEDED', 'NOTHING_LEFT')),
  detail     text,
  -- Figures that belong to the code.
  details    jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  constraint order_amendments_code check ((state = 'refused') = (code is not null)),
  constraint order_amendments_stage check (state = 'open' or stage is null)
);
create index order_amendments_by_order on order_amendments (order_id);

-- The amendment that is to be decided before it is booked.
alter table shipments add column held_by uuid;

-- Where an order goes now. Volatile: within a statement it sees what was committed since the statement began, so a shipment that is
-- claimed after an amendment has the address of that amendment.
create function current_ship_to(of_order uuid) returns jsonb language sql volatile
  as 'select ship_to from orders where id = of_order';
