-- What the inventory service adds to the tables that exist.

-- A hold and its lines are written by one statement, so the reference could only fail on a defect of ours; looking it up
-- cost 5 µs a line, a tenth of what PostgreSQL spends on a hold. The consistency check "lines without a hold" keeps watch.
alter table reservation_lines drop constraint reservation_lines_reservation_id_fkey;

-- `write_off`: lost, broken or expired units; `repair`: what a reviewed repair script corrected; `quality_hold` and
-- `quality_release`: units on hand that may not be sold for now.
alter table inventory_transactions drop constraint inventory_transactions_kind_check;
alter table inventory_transactions add constraint inventory_transactions_kind_check check (kind in
  ('opening', 'receipt', 'adjust', 'reserve', 'allocate', 'release', 'expire', 'ship', 'transfer_out', 'transfer_in', 'return',
   'count', 'write_off', 'repair', 'quality_hold', 'quality_release', 'feed'));

-- 'quality': units on quality hold. They are reserved like any others, so that nothing can sell them, and never fall due.
alter table reservations drop constraint reservations_kind_check;
alter table reservations add constraint reservations_kind_check check (kind in ('order', 'hold', 'allocation', 'quality'));
alter table reservations drop constraint reservations_check1;
alter table reservations add constraint reservations_expires_unless_internal
  check (kind in ('allocation', 'quality') or expires_at is not null);
