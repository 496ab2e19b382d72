-- Authorising and capturing apart, payments that want the customer, and orders that a person reviews.

-- Workers of the version before go on meanwhile: what takes time, and with it the check of the rows that are there, is in 0029, which
-- keeps nobody out. Payments are locked before orders, as everywhere.

alter table payments
  -- It is authorised, and captured apart.
  add column capture_later boolean not null default false,
  -- Nobody is there who could authenticate.
  add column off_session boolean not null default false,
  -- Where the customer goes on after authenticating.
  add column return_url text,
  -- What the customer is to do, and until when it is waited for.
  add column next_action jsonb,
  add column action_until timestamptz,
  -- Of one that took the place of another: how long that was waited for. It is waited for no longer.
  add column action_limit timestamptz,
  -- The gateway captures it in parts.
  add column multicapture boolean not null default false,
  -- Until when the gateway keeps the authorisation.
  add column capture_before timestamptz,
  -- When it is captured whole, or its order cancelled, before the gateway drops it; null: nothing is to be done about that.
  add column capture_due_at timestamptz,
  -- One capture takes everything that is not cut: of what is cut later the money goes back.
  add column captured_whole boolean not null default false,
  add column capture_planned_minor bigint not null default 0,
  add column captured_minor bigint not null default 0,
  -- Its money is for its reservation. False: another payment took its place, so what it captures goes back.
  add column serves boolean not null default true,
  -- Who found out at the gateway that nothing of it is held any more; null: the gateway said so, or it is held.
  add column void_settled_by text,
  -- The gateway's customer, for parts that are charged later.
  add column customer_ref text;
alter table payments drop constraint payments_status_check;
-- requires_action: the customer is to authenticate; authorized: the money is set aside; void_planned: what is not captured of it is to
-- be released; voided: it was, and nothing was captured; failed: nothing of it could be captured.
alter table payments add constraint payments_status_check check (status in
  ('pending', 'requires_action', 'authorized', 'void_planned', 'captured', 'declined', 'unknown', 'voided', 'failed', 'refunded',
   'partially_refunded')) not valid;
alter table payments drop constraint refunds_within_capture;
-- A refund is planned as soon as its capture is, and made when that has succeeded. More than the amount is planned only where a person
-- settled a capture in another way and the gateway turns out to have made it all the same.
alter table payments add constraint refunds_within_capture check
  (refunded_minor between 0 and refund_planned_minor and refund_planned_minor <= capture_planned_minor
   and refunded_minor <= captured_minor and captured_minor between 0 and capture_planned_minor and captured_minor <= amount_minor)
  not valid;
-- For workers of the version before, which write the status alone, and for rows of before until 0029 fills them: what is captured is so
-- whole. The version after this one may drop it.
create function payment_captured_whole() returns trigger language plpgsql as $$
begin
  new.captured_whole := true;
  new.capture_planned_minor := new.amount_minor;
  new.captured_minor := new.amount_minor;
  return new;
end
$$;
create trigger payments_captured_whole before insert or update on payments for each row
  when (new.captured_minor = 0 and new.amount_minor > 0 and new.status in ('captured', 'refunded', 'partially_refunded'))
  execute function payment_captured_whole();

alter table orders
  -- When money is taken: with the order, or as each of its parcels leaves.
  add column capture text not null default 'now',
  -- Of one that is reviewed: how it stands, and until when somebody may decide.
  add column review_status text,
  add column review_until timestamptz,
  -- Of one that has ended: when it was seen that none of its payments is authorised any more.
  add column money_closed_at timestamptz,
  add constraint orders_capture_check check (capture in ('now', 'on_shipment')) not valid,
  add constraint orders_review_status_check check (review_status in ('open', 'approved', 'rejected')) not valid,
  add constraint orders_review check (review_status is null or review_until is not null) not valid;

-- Money taken of authorised payments.
create table captures (
  id           uuid primary key,
  payment_id   uuid not null references payments,
  order_id     uuid not null references orders,
  -- The parcel that it pays for; null: everything that is not captured.
  shipment_id  uuid,
  amount_minor bigint not null check (amount_minor >= 0),
  -- planned: not made yet; failed: the gateway refused it for good; settled_by_hand: a person said what was done instead.
  status       text not null default 'planned' check (status in ('planned', 'succeeded', 'failed', 'settled_by_hand')),
  -- The gateway releases with it what is left of the authorisation; null: it was not asked under this key yet.
  is_final     boolean,
  gateway_ref  text,
  -- Part of the gateway's idempotency key: rises with each try after a definite failure.
  key_number   int not null default 1 check (key_number >= 1),
  tries        int not null default 0,
  asked_at     timestamptz,
  next_try_at  timestamptz,
  last_error   text,
  settled_as        text check (settled_as in ('made_elsewhere', 'waived')),
  settled_reference text,
  settled_by        text,
  created_at   timestamptz not null default clock_timestamp(),
  updated_at   timestamptz not null default clock_timestamp(),
  constraint captures_settled check ((status = 'settled_by_hand') = (settled_as is not null))
) with (fillfactor = 70);
create unique index captures_one_per_parcel on captures (payment_id, shipment_id) where shipment_id is not null;
create index captures_by_order on captures (order_id);
create index captures_by_payment on captures (payment_id);
-- The reconciler: money that is still to be taken
create index captures_open on captures (order_id) where status = 'planned';

-- The sandbox: charges that are authorised first, or that want the customer.
alter table sandbox_gateway.charges drop constraint charges_status_check;
-- voided: what was authorised is released, and nothing of it was captured.
alter table sandbox_gateway.charges add constraint charges_status_check
  check (status in ('received', 'requires_action', 'authorized', 'captured', 'declined', 'voided')) not valid;
alter table sandbox_gateway.charges
  add column capture_later boolean not null default false,
  -- Taken so far.
  add column captured_minor bigint not null default 0,
  -- Of one that is captured apart: until when something can be.
  add column capture_before timestamptz,
  -- When its customer acts, or has: authenticates by itself, or says on the page what to do; null: never by itself.
  add column acts_at timestamptz,
  -- When Holdfast was told that the customer has.
  add column told_at timestamptz,
  add column return_url text;
alter table sandbox_gateway.charges add constraint charges_captured check
  (captured_minor between 0 and amount_minor and (captured_minor > 0 or amount_minor = 0 or status <> 'captured')) not valid;
-- As of payments.
create function sandbox_gateway.charge_captured_whole() returns trigger language plpgsql as $$
begin
  new.captured_minor := new.amount_minor;
  return new;
end
$$;
create trigger charges_captured_whole before insert or update on sandbox_gateway.charges for each row
  when (new.status = 'captured' and new.captured_minor = 0 and new.amount_minor > 0)
  execute function sandbox_gateway.charge_captured_whole();
create index charges_to_tell on sandbox_gateway.charges (acts_at) where acts_at is not null and told_at is null;
create table sandbox_gateway.captures (
  idempotency_key text primary key,
  ref             text not null unique,
  charge_ref      text not null references sandbox_gateway.charges (ref),
  amount_minor    bigint not null check (amount_minor > 0),
  created_at      timestamptz not null default clock_timestamp()
);
create index captures_by_charge on sandbox_gateway.captures (charge_ref);
