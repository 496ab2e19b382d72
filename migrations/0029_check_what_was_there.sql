-- no transaction
-- What 0024 and 0026 leave open: rows of before are filled and checked, and indexes made. It keeps nobody out, and may be run again.
set lock_timeout = 0;

-- What was captured before was captured whole. In parts, each of which commits.
do $$
declare last uuid := '00000000-0000-0000-0000-000000000000'; begin loop
  with part as (
    select id from payments
    where id > last and captured_minor = 0 and amount_minor > 0 and status in ('captured', 'refunded', 'partially_refunded')
    order by id limit 10000 for no key update
  ), filled as (
    update payments p set captured_whole = true, capture_planned_minor = amount_minor, captured_minor = amount_minor
    from part where p.id = part.id returning p.id
  )
  select (select id from filled order by id desc limit 1) into last; commit; exit when last is null; end loop; end
$$;
update sandbox_gateway.charges set captured_minor = amount_minor where status = 'captured' and captured_minor = 0 and amount_minor > 0;

alter table payments validate constraint payments_status_check;
alter table payments validate constraint refunds_within_capture;
alter table orders validate constraint orders_capture_check;
alter table orders validate constraint orders_review_status_check;
alter table orders validate constraint orders_review;
alter table sandbox_gateway.charges validate constraint charges_status_check;
alter table sandbox_gateway.charges validate constraint charges_captured;

-- What is charged for a reservation: one at a time, and one that succeeds
drop index concurrently if exists payments_one_in_flight_new;
create unique index concurrently payments_one_in_flight_new on payments (reservation_id)
  where serves and status in ('pending', 'unknown', 'requires_action');
drop index concurrently if exists payments_one_in_flight;
alter index payments_one_in_flight_new rename to payments_one_in_flight;
drop index concurrently if exists payments_one_per_reservation;
create unique index concurrently payments_one_per_reservation on payments (reservation_id)
  where serves and status in ('authorized', 'void_planned', 'captured', 'refunded', 'partially_refunded');
drop index concurrently if exists payments_one_capture_per_reservation;
-- The reconciler: charges and voids that are not final
drop index concurrently if exists payments_open;
create index concurrently payments_open on payments (order_id)
  where status in ('pending', 'unknown', 'requires_action', 'void_planned');
-- The reconciler: ended orders of which a payment may still be authorised
drop index concurrently if exists orders_money_not_closed;
create index concurrently orders_money_not_closed on orders (id)
  where money_closed_at is null and (capture = 'on_shipment' or review_status is not null)
    and status not in ('reserved', 'paid', 'fulfilling');
-- What waits for a decision
drop index concurrently if exists orders_in_review;
create index concurrently orders_in_review on orders (created_at, id) where review_status = 'open';
