-- Settlement files: what each merchant's money came to, day by day.

alter table jobs drop constraint jobs_type_check;
alter table jobs add constraint jobs_type_check check (type in ('feed', 'products', 'consistency', 'settlement'));
-- The statement that runs is ended as well.
alter table jobs add column cancel_forced boolean not null default false;

-- What a run is about, and what it sees: rows of transactions that its snapshot shows as committed, whatever is committed later.
create table settlement_runs (
  job_id      uuid primary key references jobs,
  from_day    date not null,
  to_day      date not null,
  -- Null: all
  merchant_id int references merchants,
  -- Null: there was no money when it was asked for.
  currency    char(3),
  supplement  boolean not null,
  -- Numbers of cuts rise as their snapshots do: each shows all that the one before shows. Null until it begins.
  cut         bigint unique,
  snapshot    pg_snapshot,
  -- The last run that had ended when this one began to sum; null until then.
  base        bigint,
  -- In the order in which runs ended; null until then.
  finished    bigint unique,
  constraint settlement_runs_days check (from_day <= to_day),
  constraint settlement_runs_cut check ((cut is null) = (snapshot is null))
);
create sequence settlement_cuts;
create sequence settlement_ends;
-- The same range again
create index settlement_runs_by_range on settlement_runs (from_day, to_day);

-- Parts that are summed in parallel, and how far each is.
create table settlement_parts (
  job_id    uuid not null references settlement_runs,
  n         int not null,
  -- Days of this part; null: what came late, of days that were settled before.
  from_day  date,
  to_day    date,
  -- After this row of the ledger: by day and id, of what came late by transaction and id.
  after_key bigint not null default 0,
  after_id  bigint not null default 0,
  rows_read bigint not null default 0,
  done      boolean not null default false,
  primary key (job_id, n)
);

-- The lines of the file.
create table settlement_sums (
  job_id      uuid not null references settlement_runs,
  merchant_id int not null references merchants,
  day         date not null,
  gross_minor bigint not null,
  fee_minor   bigint not null,
  txn_count   bigint not null,
  primary key (job_id, merchant_id, day)
);

-- Days that are in a file, and up to which cut: what is written to the ledger of such a day later is in the next file.
create table settlement_days (
  merchant_id int not null references merchants,
  currency    char(3) not null,
  day         date not null,
  cut         bigint not null references settlement_runs (cut),
  primary key (merchant_id, currency, day)
);
