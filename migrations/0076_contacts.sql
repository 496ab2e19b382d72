-- People without an account, to whom a shop's orders belong: where they are written to (docs/notifications.md).

-- As the shop that ordered for them says. Written before the order is, so that it names none that is not there yet.
create table order_contacts (
  order_id     uuid primary key,
  email        text not null,
  -- SHA-256 of the address in small letters.
  address_hash bytea not null check (octet_length(address_hash) = 32),
  locale       text not null check (locale in ('en', 'de')),
  created_at   timestamptz not null default clock_timestamp()
);
-- The retention
create index order_contacts_by_age on order_contacts (created_at);

-- Hashes of the tokens by which mails about orders are ended, one a mail.
create table contact_tokens (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  order_id   uuid not null references order_contacts on delete cascade
);
create index contact_tokens_by_order on contact_tokens (order_id);

-- Addresses to which no mails about orders go: they take none, or their owner wants none. By hash alone: who was erased is not written to again.
create table mail_suppressions (
  address_hash bytea primary key check (octet_length(address_hash) = 32),
  cause        text not null check (cause in ('bounced', 'unsubscribed')),
  created_at   timestamptz not null default clock_timestamp()
);

-- Null: to the contact of the order.
alter table mails alter column user_id drop not null;
