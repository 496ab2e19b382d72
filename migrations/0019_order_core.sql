-- Money that can wait: charges, refunds and stops of shipments are asked for one attempt at a time, and say when the next is due.

-- A refund of the former kind has no origin, and what is stopped would be refunded again. Orders that are being compensated are
-- finished by the version that began it.
do $$
begin
  if exists (select from shipments s join reservation_lines l
               on l.reservation_id = s.reservation_id and l.warehouse_id = s.warehouse_id and l.open_quantity > 0
             where s.status in ('voiding', 'voided', 'failed')) then
    raise exception 'orders are being compensated'
      using constraint = 'no_order_being_compensated', hint = 'Run the version from before until no shipment is being stopped, then migrate.';
  end if;
end $$;

alter table payments
  -- How often the gateway was asked, when it was first, and when it is next; null: at once.
  add column tries int not null default 0,
  add column first_asked_at timestamptz,
  add column next_try_at timestamptz,
  -- Why the last attempt had no outcome.
  add column last_error text;
-- One in flight for each reservation: parts of an order do not wait for each other.
drop index payments_one_in_flight;
create unique index payments_one_in_flight on payments (reservation_id) where status in ('pending', 'unknown');

alter table refunds drop constraint refunds_status_check;
drop index refunds_pending;
update refunds set status = 'planned' where status = 'pending';
alter table refunds alter column status set default 'planned';
-- planned: not made yet; pending: the gateway has it and has not finished; failed: it refused for good; settled_by_hand: a person
-- said what was done instead. Whichever it is, its amount stays planned, so that nothing is planned twice.
alter table refunds add constraint refunds_status_check
  check (status in ('planned', 'pending', 'succeeded', 'failed', 'settled_by_hand'));
alter table refunds
  -- What it is for: units that were not delivered (their shipment), money that came in although its reservation was given up
  -- (its payment), an operator's decision.
  add column origin text check (origin in ('shipment', 'payment', 'operator')),
  add column origin_id uuid,
  add column actor text,
  -- Part of the gateway's idempotency key: rises with each try after a definite failure.
  add column key_number int not null default 1 check (key_number >= 1),
  add column tries int not null default 0,
  add column next_try_at timestamptz,
  add column last_error text,
  -- Of one settled by hand: what was done, and where to find it.
  add column settled_as text check (settled_as in ('made_elsewhere', 'waived')),
  add column settled_reference text,
  add constraint refunds_origin check ((origin is null) = (origin_id is null)),
  add constraint refunds_settled check ((status = 'settled_by_hand') = (settled_as is not null));
create unique index refunds_one_per_origin on refunds (origin, origin_id) where origin is not null;
-- The reconciler: money that is still to be given back
create index refunds_open on refunds (order_id) where status in ('planned', 'pending');

alter table shipments
  -- Of one that is being stopped: how often the carrier was asked, and when it is next; null: at once.
  add column tries int not null default 0,
  add column next_try_at timestamptz,
  -- The carrier did not stop it: it is not asked again, except by a new request to cancel.
  add column stop_refused_at timestamptz;

alter table orders
  -- A request to cancel: open, then done (something was ended) or refused. The base is what was cancelled before it.
  add column cancel_state text check (cancel_state in ('open', 'done', 'refused')),
  add column cancel_base int not null default 0,
  -- Until when its units wait for stock.
  add column backorder_until timestamptz;
update orders set cancel_state = 'open'
  where cancel_reason is not null and status in ('reserved', 'paid', 'fulfilling');

-- The sandbox: a refund that is taken, and fails later.
alter table sandbox_gateway.refunds add column fails_at timestamptz;
