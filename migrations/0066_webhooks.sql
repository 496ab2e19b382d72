-- Webhooks: who is told of events, and what became of that (docs/webhooks.md).

create table webhooks (
  id              uuid primary key,
  url             text not null check (url ~ '^https?://'),
  description     text,
  -- Types of the catalogue of events.
  types           text[] not null check (cardinality(types) > 0),
  -- null: it is delivered to. by_hand; gone: the receiver said 410; failing: nothing was taken for days.
  disabled        text check (disabled in ('by_hand', 'gone', 'failing')),
  disabled_at     timestamptz,
  -- AES-256-GCM under a key of PAYLOAD_KEYS, whose id goes before it.
  secret          bytea not null,
  -- Signs as well until then.
  previous_secret bytea,
  previous_until  timestamptz,
  -- Deliveries were planned for events up to this position.
  position        bigint not null,
  -- When the first of the tries failed since one succeeded; null: the last one succeeded, or there was none.
  failing_since   timestamptz,
  -- A dispatcher that delivers to it has it until then.
  lease           uuid,
  leased_until    timestamptz,
  created_by      text not null,
  created_at      timestamptz not null default clock_timestamp(),
  updated_at      timestamptz not null default clock_timestamp(),
  check ((disabled is null) = (disabled_at is null)),
  check ((previous_secret is null) = (previous_until is null))
);
-- GET /webhooks, newest first
create index webhooks_newest on webhooks (created_at desc, id desc);

-- An event that a webhook is told of.
create table webhook_deliveries (
  webhook_id    uuid not null references webhooks on delete cascade,
  position      bigint not null,
  type          text not null,
  status        text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  -- Since it was planned, or asked for again.
  tries         int not null default 0,
  -- When the first of these tries was made: they end three days later.
  first_try_at  timestamptz,
  -- Null: nothing more is tried.
  next_try_at   timestamptz default clock_timestamp(),
  created_at    timestamptz not null default clock_timestamp(),
  primary key (webhook_id, position),
  check ((status = 'pending') = (next_try_at is not null))
);
-- What is due of a webhook, in the order in which it is tried
create index webhook_deliveries_due on webhook_deliveries (webhook_id, next_try_at, position) where status = 'pending';
-- GET /webhooks/{id}/deliveries?status=
create index webhook_deliveries_by_status on webhook_deliveries (webhook_id, status, position desc);
-- The retention
create index webhook_deliveries_by_age on webhook_deliveries (created_at);

-- A request that was made, and how it was answered.
create table webhook_tries (
  webhook_id  uuid not null,
  position    bigint not null,
  at          timestamptz not null default clock_timestamp(),
  -- Milliseconds until the answer, or until it was given up.
  millis      int not null,
  -- Of the request; the signature is left out.
  headers     jsonb not null,
  -- Of the answer; null: there was none.
  status      int,
  -- The first 1,000 characters of its body.
  answer      text,
  -- Why it counts as failed; null: it was taken.
  error       text,
  primary key (webhook_id, position, at),
  foreign key (webhook_id, position) references webhook_deliveries on delete cascade
);
