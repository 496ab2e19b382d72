-- Money: payments, one for each attempt to charge a reservation, and refunds.

create table payments (
  id             uuid primary key,
  order_id       uuid not null references orders,
  reservation_id uuid not null references reservations,
  -- 1, 2, ... within the order; update_id is what the caller's attempt is bound to.
  attempt        int not null check (attempt >= 1),
  update_id      text not null,
  status         text not null check (status in
    ('pending', 'captured', 'declined', 'unknown', 'refunded', 'partially_refunded')),
  amount_minor   bigint not null check (amount_minor >= 0),
  -- What is back with the customer, and what was decided to go back: planned first, refunded when the gateway has done it.
  refunded_minor bigint not null default 0,
  refund_planned_minor bigint not null default 0,
  currency       char(3) not null,
  method         text not null,
  token          text not null,
  gateway        text not null,
  -- The gateway's own id of the charge, stored before it is confirmed where the gateway allows it.
  gateway_ref    text,
  decline_code   text,
  created_at     timestamptz not null default clock_timestamp(),
  updated_at     timestamptz not null default clock_timestamp(),
  constraint payments_attempt unique (order_id, attempt),
  constraint payments_update unique (order_id, update_id),
  constraint refunds_within_capture
    check (refunded_minor between 0 and refund_planned_minor and refund_planned_minor <= amount_minor)
) with (fillfactor = 70);

create unique index payments_one_in_flight on payments (order_id) where status in ('pending', 'unknown');
create unique index payments_one_capture_per_reservation on payments (reservation_id)
  where status in ('captured', 'refunded', 'partially_refunded');

create table refunds (
  id           uuid primary key,
  payment_id   uuid not null references payments,
  order_id     uuid not null references orders,
  amount_minor bigint not null check (amount_minor > 0),
  reason       text not null,
  status       text not null default 'pending' check (status in ('pending', 'succeeded')),
  gateway_ref  text,
  created_at   timestamptz not null default clock_timestamp(),
  updated_at   timestamptz not null default clock_timestamp()
);

create index refunds_by_order on refunds (order_id);
-- The reconciler: money that is still to be given back
create index refunds_pending on refunds (order_id) where status = 'pending';

-- The sandbox gateway's own tables: its own schema, used through its own connection, committed alone, so that
-- a charge can be captured although its response is lost.
create schema sandbox_gateway;
create table sandbox_gateway.charges (
  idempotency_key text primary key,
  ref             text not null unique,
  amount_minor    bigint not null,
  currency        char(3) not null,
  token           text not null,
  -- received: a network error came before the outcome.
  status          text not null check (status in ('received', 'captured', 'declined')),
  decline_code    text,
  calls           int not null default 0,
  -- When the outcome is known; until then the gateway is still processing, whether or not anybody waits for it.
  settles_at      timestamptz not null default clock_timestamp(),
  created_at      timestamptz not null default clock_timestamp()
);
create table sandbox_gateway.refunds (
  idempotency_key text primary key,
  ref             text not null unique,
  charge_ref      text not null references sandbox_gateway.charges (ref),
  amount_minor    bigint not null check (amount_minor > 0),
  created_at      timestamptz not null default clock_timestamp()
);
