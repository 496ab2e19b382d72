-- People's accounts: who they are, how they sign in, and the keys that sign their access tokens.

create table users (
  id                 uuid primary key,
  role               text not null default 'customer' check (role in ('customer', 'operator', 'admin')),
  status             text not null default 'active' check (status in ('active', 'disabled')),
  -- argon2id as a PHC string; null: signs in with another provider only.
  password_hash      text,
  email_confirmed_at timestamptz,
  created_at         timestamptz not null default clock_timestamp(),
  updated_at         timestamptz not null default clock_timestamp()
);
-- Whether an admin is the last one
create index users_active_admins on users (id) where role = 'admin' and status = 'active';
-- The list of users, newest first
create index users_newest on users (created_at desc, id desc);

-- Personal values, apart from everything that is kept for ever: erasing somebody is deleting their row.
create table user_profiles (
  user_id uuid primary key references users,
  email   text not null check (email <> ''),
  name    text
);
-- Addresses are ASCII.
create unique index user_profiles_email on user_profiles (lower(email collate "C"));

-- People of a user's own OpenID provider, by issuer and subject and never by e-mail address.
create table user_identities (
  issuer     text not null,
  subject    text not null,
  user_id    uuid not null references users,
  created_at timestamptz not null default clock_timestamp(),
  primary key (issuer, subject)
);
create index user_identities_by_user on user_identities (user_id);

-- Mails about accounts. The outbox names them by id; the sender makes their tokens when it writes them.
create table account_mails (
  id         uuid primary key,
  -- Null: nobody has the address for which it was asked; the same is written, so that it takes as long.
  user_id    uuid references users,
  kind       text not null check (kind in ('confirm_email', 'reset_password', 'account_exists', 'password_changed')),
  created_at timestamptz not null default clock_timestamp(),
  sent_at    timestamptz,
  -- One token of the mail was used: none of its others is good any more.
  used_at    timestamptz
);
create index account_mails_by_user on account_mails (user_id, kind, created_at);
create index account_mails_by_age on account_mails (created_at);

-- A mail that is written twice has two tokens.
create table account_tokens (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  mail_id    uuid not null references account_mails on delete cascade,
  expires_at timestamptz not null
);
create index account_tokens_by_mail on account_tokens (mail_id);

-- A sign-in and the refresh tokens that came of it, which end together.
create table sessions (
  id         uuid primary key,
  user_id    uuid not null references users,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  ended_at   timestamptz,
  ended_by   text check (ended_by in ('logout', 'logout_all', 'password', 'role', 'disabled', 'reuse')),
  check ((ended_at is null) = (ended_by is null))
);
create index sessions_live_by_user on sessions (user_id) where ended_at is null;
create index sessions_by_expiry on sessions (expires_at, id);

create table refresh_tokens (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  session_id uuid not null references sessions on delete cascade,
  expires_at timestamptz not null,
  used_at    timestamptz,
  -- The token that took its place, under a key that only this token's holder can make.
  successor  bytea,
  check ((used_at is null) = (successor is null))
);
create index refresh_tokens_by_session on refresh_tokens (session_id);
create index refresh_tokens_by_expiry on refresh_tokens (expires_at);

-- Attempts to sign in and the like, by a hash of what is guarded, over all processes.
create table sign_in_attempts (
  subject       bytea primary key check (octet_length(subject) = 32),
  failures      int not null default 0 check (failures >= 0),
  blocked_until timestamptz not null default 'epoch',
  last_at       timestamptz not null default clock_timestamp()
);
create index sign_in_attempts_by_age on sign_in_attempts (last_at);

-- Keys that sign access tokens (EdDSA). The one that is not retired signs; retired ones are known until their last token has ended.
create table signing_keys (
  kid            text primary key,
  public_key     jsonb not null,
  -- AES-256-GCM under the key of the setting SIGNING_KEYS_SECRET.
  private_sealed bytea not null,
  created_at     timestamptz not null default clock_timestamp(),
  retired_at     timestamptz
);
create unique index signing_keys_one_current on signing_keys ((true)) where retired_at is null;
