-- What gateways tell by themselves: events that were applied, and disputes.

-- Like `carrier_events`: each is applied once.
create table gateway_events (
  gateway     text not null,
  event_id    text not null,
  payment_id  uuid not null,
  type        text not null,
  -- When the gateway made it.
  occurred_at timestamptz not null,
  received_at timestamptz not null default clock_timestamp(),
  primary key (gateway, event_id)
);

-- Which payment an event is about
create index payments_by_gateway_ref on payments (gateway_ref) where gateway_ref is not null;

-- A customer's bank that asks for the money of a charge back.
create table disputes (
  id           uuid primary key,
  payment_id   uuid not null references payments,
  order_id     uuid not null references orders,
  gateway_ref  text not null,
  -- What is disputed, which may be a part of the charge.
  amount_minor bigint not null check (amount_minor >= 0),
  currency     char(3) not null,
  reason       text not null,
  -- inquiry: the bank asks, and the money is still here; needs_response, under_review: the bank has taken it, and somebody is to
  -- decide; won: it came back; lost: it is gone; closed: it ended without a decision.
  status       text not null check (status in ('inquiry', 'needs_response', 'under_review', 'won', 'lost', 'closed')),
  -- Until when the gateway takes a response.
  due_by       timestamptz,
  -- When the gateway made the event that this row shows: an older one that comes late changes nothing.
  occurred_at  timestamptz not null,
  created_at   timestamptz not null default clock_timestamp(),
  updated_at   timestamptz not null default clock_timestamp(),
  constraint disputes_once unique (payment_id, gateway_ref)
);
create index disputes_by_order on disputes (order_id);

-- The sandbox: charges that their customer disputes.
create table sandbox_gateway.disputes (
  charge_ref text primary key references sandbox_gateway.charges (ref),
  -- When the dispute appears, and whether Holdfast was told.
  due_at     timestamptz not null,
  is_told    boolean not null default false
);
create index disputes_to_tell on sandbox_gateway.disputes (due_at) where not is_told;
