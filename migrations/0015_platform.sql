-- What the platform keeps for every area: keys of requests, and messages on their way.

create table idempotency_keys (
  caller      text not null,
  key         text not null,
  scope       text not null,
  fingerprint text not null,
  -- What the key made: an order, a payment.
  subject_id  uuid not null,
  -- accepted: written; started: the engine was asked; done: the response below is final.
  state       text not null default 'accepted' check (state in ('accepted', 'started', 'done')),
  -- Of the run that has the key: a run whose lease another has taken over must not end that one's.
  claim       uuid,
  status      int,
  body        jsonb,
  created_at  timestamptz not null default clock_timestamp(),
  updated_at  timestamptz not null default clock_timestamp(),
  primary key (caller, key),
  check ((state = 'done') = (status is not null))
);

-- Messages that a transaction leaves for the relay: wake a saga, wake the dispatcher, drain an allocation.
create table outbox (
  id           bigint generated always as identity primary key,
  topic        text not null,
  key          text not null,
  payload      jsonb not null default '{}',
  attempts     int not null default 0,
  available_at timestamptz not null default clock_timestamp(),
  created_at   timestamptz not null default clock_timestamp()
) with (fillfactor = 70);
create index outbox_ready on outbox (available_at, id);
