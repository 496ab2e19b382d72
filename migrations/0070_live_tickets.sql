-- Tickets of live connections: a page that cannot send headers with a WebSocket signs in by one of them, once.

create table live_tickets (
  -- SHA-256: the ticket itself is with who has asked for it.
  token_hash      bytea primary key,
  -- What their sign-in rests on: a key, a session, or a token of an OpenID provider, for whose user `role` and `good_until` are kept.
  credential_kind text not null check (credential_kind in ('key', 'session', 'linked')),
  credential_id   uuid not null,
  role            text,
  good_until      timestamptz,
  expires_at      timestamptz not null,
  constraint live_tickets_hash check (octet_length(token_hash) = 32)
);
-- Those that nobody has used are removed by those that come.
create index live_tickets_by_end on live_tickets (expires_at);
