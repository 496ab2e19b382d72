-- Who may call the API: services and their keys; and to whom things belong.

create table services (
  id               uuid primary key,
  name             text not null check (name <> ''),
  role             text not null check (role in ('service', 'operator', 'admin')),
  -- What `anonymous` made, before there was sign-in, is this service's too.
  adopts_anonymous boolean not null default false,
  created_at       timestamptz not null default clock_timestamp(),
  created_by       text not null
);
create unique index services_name on services (lower(name));
create unique index services_one_adopts on services (adopts_anonymous) where adopts_anonymous;

create table api_keys (
  id           uuid primary key,
  service_id   uuid not null references services,
  -- 'live': a secret; 'publishable': may be in the pages of a shop, and reads availability only
  kind         text not null check (kind in ('live', 'publishable')),
  scopes       text[] not null default '{}',
  -- SHA-256 of the secret: 256 random bits need no slow hash.
  secret_hash  bytea not null check (octet_length(secret_hash) = 32),
  label        text,
  created_at   timestamptz not null default clock_timestamp(),
  created_by   text not null,
  expires_at   timestamptz,
  revoked_at   timestamptz,
  revoked_by   text,
  -- The key that this one takes the place of.
  replaces     uuid references api_keys,
  -- Written from time to time only, so it may be a minute or so behind.
  last_used_at timestamptz,
  check ((revoked_at is null) = (revoked_by is null))
);
-- A key is rotated once: the next rotation is its successor's.
create unique index api_keys_replaces on api_keys (replaces) where replaces is not null;
-- GET /api-keys, newest first
create index api_keys_newest on api_keys (created_at desc, id desc);

-- Who made it, as a caller: 'user:<id>', 'service:<id>', or 'anonymous' for what was made without sign-in. Constant defaults fill no
-- row, and what an earlier version writes is 'anonymous' too.
alter table orders add column owner text not null default 'anonymous';
alter table reservations add column owner text not null default 'anonymous';
-- Who caused it; null: nobody in particular, such as a payment or a carrier.
alter table order_events add column actor text;
