-- What was decided about a file counts when the next one is compared, and a comparison is done in steps
-- (docs/decisions/0076-what-was-decided-is-compared-too.md).

-- The decision about an earlier file that a difference goes on from.
alter table reconciliation_differences add column earlier_job_id uuid;
alter table reconciliation_differences add column earlier_n int;
alter table reconciliation_differences add constraint reconciliation_differences_earlier
  check ((earlier_job_id is null) = (earlier_n is null)) not valid;

-- Of what was decided before; null: of the ledger, or a payout. What was booked of it, minor units; 0: it was accepted.
alter table reconciliation_entries add column booked_minor bigint;
-- The bank's own reference of a line.
alter table reconciliation_entries add column known_ref text;
-- The decision.
alter table reconciliation_entries add column earlier_job_id uuid;
alter table reconciliation_entries add column earlier_n int;
-- What the ledger has no name for can be booked.
alter table reconciliation_entries drop constraint reconciliation_entries_kind_check;
alter table reconciliation_entries add constraint reconciliation_entries_kind_check check (kind in
  ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_reversed', 'payout', 'other')) not valid;

-- What a comparison works with: written and removed within one transaction, so that a crash need not keep it.

-- What both sides say of one reference, where that is not the same.
create unlogged table reconciliation_pairs (
  feed_id         bigint not null,
  ref             text not null,
  kind            text not null,
  -- How many rows each side has; null: none at all.
  ours_n          bigint,
  theirs_n        bigint,
  ours_minor      bigint,
  theirs_minor    bigint,
  ours_currency   char(3),
  theirs_currency char(3),
  other_currency  bool,
  ours_day        date,
  theirs_day      date,
  source_id       uuid,
  line            bigint,
  -- Ours has what was booked before.
  is_booked       bool not null,
  -- Theirs has one amount twice.
  is_repeated     bool not null,
  earlier_job_id  uuid,
  earlier_n       int
);
create index reconciliation_pairs_by_feed on reconciliation_pairs (feed_id);

-- What is left on either side: known by no reference of the other.
create unlogged table reconciliation_left (
  feed_id        bigint not null,
  is_ours        bool not null,
  -- Of theirs the line.
  id             bigint not null,
  kind           text not null,
  ref            text,
  minor          bigint not null,
  currency       char(3) not null,
  day            date not null,
  source_id      uuid,
  -- It may be paired by amount and date.
  is_pairable    bool not null,
  booked_minor   bigint,
  known_ref      text,
  earlier_job_id uuid,
  earlier_n      int,
  -- What is not certain about it.
  detail         text,
  primary key (feed_id, is_ours, id)
);
