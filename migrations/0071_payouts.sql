-- Payouts: what merchants are paid of what they are owed.

-- New kinds and accounts; rows that are there have none of them. What is there is checked in a part of its own.
alter table money_ledger drop constraint money_ledger_kind_check;
alter table money_ledger add constraint money_ledger_kind_check check (kind in
  ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_reversed', 'fee', 'fee_returned',
   'payout_pending', 'payout', 'payout_voided', 'adjustment')) not valid;
alter table money_ledger drop constraint money_ledger_debit_check;
alter table money_ledger add constraint money_ledger_debit_check check (debit in
  ('gateway_clearing', 'merchant_payable', 'customer_credit', 'fees', 'refunds', 'disputes', 'payouts_pending', 'payouts', 'adjustments')) not valid;
alter table money_ledger drop constraint money_ledger_credit_check;
alter table money_ledger add constraint money_ledger_credit_check check (credit in
  ('gateway_clearing', 'merchant_payable', 'customer_credit', 'fees', 'refunds', 'disputes', 'payouts_pending', 'payouts', 'adjustments')) not valid;
-- A payout, and what is booked of a difference, is of no payment.
alter table money_ledger alter column payment_id drop not null;
alter table money_ledger add constraint money_ledger_of_payment check
  ((payment_id is null) = (kind in ('payout_pending', 'payout', 'payout_voided', 'adjustment'))) not valid;

create table payouts (
  id           uuid primary key,
  merchant_id  int not null references merchants,
  currency     char(3) not null check (currency ~ '^[A-Z]{3}$'),
  -- pending: somebody is to approve it; approved: it is to be paid.
  status       text not null default 'pending' check (status in ('pending', 'approved', 'paid', 'cancelled')),
  -- Its cut: rows of the money ledger up to this id, but for those that were being written. Its lines are what the merchant is owed by rows
  -- that are in its cut, and not in that of the payout before.
  sees_to      bigint not null,
  missing      int8multirange not null,
  -- The payout before: the last one that was not cancelled. Null: it is the first.
  after        uuid references payouts,
  amount_minor bigint not null check (amount_minor > 0),
  line_count   bigint not null check (line_count > 0),
  created_by   text not null,
  created_at   timestamptz not null default clock_timestamp(),
  approved_by  text,
  approved_at  timestamptz,
  -- The bank's, of the transfer.
  reference    text check (reference <> ''),
  paid_on      date,
  paid_by      text,
  paid_at      timestamptz,
  cancel_reason text,
  cancelled_by text,
  cancelled_at timestamptz,
  constraint payouts_approved check ((approved_at is null) = (approved_by is null) and (status not in ('approved', 'paid') or approved_at is not null)),
  constraint payouts_paid check ((status = 'paid') = (paid_at is not null) and (paid_at is null) = (reference is null)
    and (paid_at is null) = (paid_on is null) and (paid_at is null) = (paid_by is null)),
  constraint payouts_cancelled check ((status = 'cancelled') = (cancelled_at is not null) and (cancelled_at is null) = (cancelled_by is null))
);
-- One follows another, so that no line is in two.
create unique index payouts_one_follows on payouts (merchant_id, currency, after) nulls not distinct where status <> 'cancelled';
create unique index payouts_one_open on payouts (merchant_id, currency) where status in ('pending', 'approved');
-- One transfer of the bank pays one payout.
create unique index payouts_reference on payouts (reference);
create index payouts_newest on payouts (created_at desc, id desc);
create index payouts_by_merchant on payouts (merchant_id, created_at desc, id desc);
create index payouts_by_status on payouts (status, created_at desc, id desc);
