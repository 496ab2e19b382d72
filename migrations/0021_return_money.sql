-- Returns give money back on inspection.

-- What a refund is for may also be returned units: the inspection that accepted them.
alter table refunds drop constraint refunds_origin_check;
alter table refunds add constraint refunds_origin_check
  check (origin in ('shipment', 'payment', 'operator', 'return'));
-- One inspection may accept units that several payments paid for: a refund for each of them.
drop index refunds_one_per_origin;
create unique index refunds_one_per_origin on refunds (origin, origin_id, payment_id) where origin is not null;

alter table customer_returns
  -- What goes back for a unit, unless its inspection says otherwise: its price less the restocking fee, or nothing.
  -- Returns from before said that no money moves.
  add column refund text not null default 'none' check (refund in ('price', 'none')),
  -- The fee for a unit: in percent of its price, or in minor units.
  add column fee_percent numeric(5, 2) check (fee_percent between 0 and 100),
  add column fee_minor bigint check (fee_minor >= 0),
  add constraint customer_returns_one_fee check (num_nonnulls(fee_percent, fee_minor) <= 1);
alter table customer_returns alter column refund drop default;

-- Units of which the inspection said that money goes back
alter table customer_return_lines
  add column refunded int not null default 0,
  add constraint return_lines_refunded_within_inspected check (refunded between 0 and restocked + written_off);

-- What one inspection planned to go back
alter table customer_return_steps
  add column refund_minor bigint not null default 0 check (refund_minor >= 0);

-- Inspected units by the reservation that they were shipped for: its payment has paid for them. Units inspected before this table
-- are not in it; they count as the oldest that were shipped.
create table customer_return_sources (
  step_id        uuid not null references customer_return_steps,
  return_id      uuid not null references customer_returns,
  product_id     int not null references products,
  reservation_id uuid not null references reservations,
  quantity       int not null check (quantity > 0),
  primary key (step_id, product_id, reservation_id)
);
create index customer_return_sources_by_return on customer_return_sources (return_id);
