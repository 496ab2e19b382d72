-- Reconciliation: the money ledger against what a gateway and a bank say.

alter table jobs drop constraint jobs_type_check;
alter table jobs add constraint jobs_type_check check (type in ('feed', 'products', 'consistency', 'settlement', 'reconciliation'));
alter table feeds drop constraint feeds_mode_check;
alter table feeds add constraint feeds_mode_check check (mode in ('set', 'delta', 'upsert', 'create', 'update', 'gateway', 'bank'));

-- What a file says, as it came, by COPY. `code` is set where a row could not be understood. Forgotten when its job ends, but the gateway's
-- payouts, with which a bank's statement is compared.
create table reconciliation_rows (
  feed_id   bigint not null,
  line      bigint not null,
  -- As the money ledger calls it; payout: the gateway paid us; cost: its own fees; other: it is in no list of ours.
  kind      text check (kind in ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_reversed', 'payout', 'cost', 'other')),
  -- By which both sides know it.
  ref       text,
  -- What the gateway has, or the account, more by it, minor units.
  minor     bigint,
  fee_minor bigint,
  net_minor bigint,
  currency  char(3),
  day       date,
  -- The gateway's payout that it is in.
  group_ref text,
  code      text,
  reason    text,
  constraint reconciliation_rows_said check (code is not null or kind is not null and minor is not null and currency is not null and day is not null)
);
-- Forgetting, and the payouts of a gateway
create index reconciliation_rows_by_feed on reconciliation_rows (feed_id);

-- What we know, as it was when the comparison began. Forgotten when its job ends.
create table reconciliation_entries (
  feed_id   bigint not null,
  kind      text not null check (kind in ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_reversed', 'payout')),
  ref       text,
  minor     bigint not null,
  currency  char(3) not null,
  day       date not null,
  -- The capture, refund, dispute or payout
  source_id uuid
);
create index reconciliation_entries_by_feed on reconciliation_entries (feed_id);

create table reconciliation_differences (
  job_id          uuid not null references jobs,
  n               int not null check (n >= 1),
  class           text not null check (class in
    ('missing_here', 'missing_there', 'amount', 'fee', 'currency', 'date', 'duplicate', 'unreadable')),
  kind            text,
  ref             text,
  -- Of the file; null: it is not in it.
  line            bigint,
  source_id       uuid,
  ours_minor      bigint,
  theirs_minor    bigint,
  -- What they have more than we: what can be booked. Null: nothing.
  delta_minor     bigint,
  ours_currency   char(3),
  theirs_currency char(3),
  ours_day        date,
  theirs_day      date,
  -- Why a row could not be read, or what may be why both differ.
  detail          text,
  status          text not null default 'open' check (status in ('open', 'accepted', 'booked')),
  reason          text,
  decided_by      text,
  decided_at      timestamptz,
  -- `source_id` of the row of the money ledger.
  adjustment_id   uuid unique,
  merchant_id     int references merchants,
  primary key (job_id, n),
  constraint reconciliation_differences_decided check ((status = 'open') = (decided_at is null)
    and (decided_at is null) = (decided_by is null) and (decided_at is null) = (reason is null)),
  constraint reconciliation_differences_booked check ((status = 'booked') = (adjustment_id is not null))
);
create index reconciliation_differences_by_status on reconciliation_differences (job_id, status, n);
create index reconciliation_differences_by_class on reconciliation_differences (job_id, class, n);
-- What was decided before is not told again.
create index reconciliation_differences_decided_by_ref on reconciliation_differences (ref, class) where status <> 'open';
