-- Notifications: what people are told of events, in the API and by mail (docs/notifications.md).

-- In which language somebody is written to; and since when their address is known to take no mail, and why.
alter table user_profiles
  add column locale text not null default 'en' check (locale in ('en', 'de')),
  add column undeliverable_at timestamptz,
  add column undeliverable_reason text,
  add constraint user_profiles_undeliverable check ((undeliverable_at is null) = (undeliverable_reason is null));

-- Was not sent, and is not any more: no server took it for days, or it was refused.
alter table account_mails add column given_up_at timestamptz;

-- Events up to this position were looked at; one row. Nobody is told of what came before.
create table notification_head (
  one      boolean primary key default true check (one),
  position bigint not null
);
insert into notification_head (position) select next_position - 1 from event_head;

-- What somebody sees in the API.
create table notifications (
  id           uuid primary key,
  user_id      uuid not null references users,
  kind         text not null check (kind in
    ('order_placed', 'order_paid', 'payment_failed', 'payment_action', 'order_backordered', 'order_shipped', 'order_delivered',
     'order_cancelled', 'order_refunded', 'return_update', 'alert_critical', 'alert_warning', 'alert_info', 'attention')),
  -- Of the event.
  position     bigint not null,
  subject_type text not null,
  subject_id   text not null,
  data         jsonb not null default '{}',
  created_at   timestamptz not null default clock_timestamp(),
  -- Null: it was not read.
  read_at      timestamptz
);
-- GET /notifications, newest first
create index notifications_newest on notifications (user_id, created_at desc, id desc);
-- Those that were not read: the same, and their count
create index notifications_unread on notifications (user_id, created_at desc, id desc) where read_at is null;
-- The retention
create index notifications_by_age on notifications (created_at);

-- Where somebody wants something else than what is usual.
create table notification_preferences (
  user_id uuid not null references users,
  kind    text not null check (kind in
    ('order_placed', 'order_paid', 'payment_failed', 'payment_action', 'order_backordered', 'order_shipped', 'order_delivered',
     'order_cancelled', 'order_refunded', 'return_update', 'alert_critical', 'alert_warning', 'alert_info', 'attention')),
  channel text not null check (channel in ('email', 'in_app')),
  enabled boolean not null,
  primary key (user_id, kind, channel)
);

-- Mails that are to be sent, and what became of them.
create table mails (
  -- Of a mail about an account the id of its row in account_mails. The Message-ID has it, however often the mail is sent.
  id            uuid primary key,
  user_id       uuid not null references users,
  kind          text not null check (kind in
    ('account', 'order_placed', 'order_paid', 'payment_failed', 'payment_action', 'order_backordered', 'order_shipped', 'order_delivered',
     'order_cancelled', 'order_refunded', 'return_update', 'alert_critical', 'alert_warning', 'alert_info', 'attention')),
  -- Of the event that it tells of; null: it is about the account.
  subject_id    text,
  data          jsonb not null default '{}',
  -- suppressed: there is nobody to send it to, or nothing to tell any more; failed: given up; bounced: the address takes no mail.
  status        text not null default 'pending' check (status in ('pending', 'sent', 'suppressed', 'failed', 'bounced')),
  tries         int not null default 0,
  -- Tries end three days after the first.
  first_try_at  timestamptz,
  -- Null: nothing more is tried.
  next_try_at   timestamptz default clock_timestamp(),
  -- What the server, or who reports a bounce, said last.
  answer        text,
  -- SHA-256 of the address that it went to: a bounce that comes later is about that one.
  address_hash  bytea check (octet_length(address_hash) = 32),
  -- A dispatcher that sends it has it until then.
  lease         uuid,
  leased_until  timestamptz,
  created_at    timestamptz not null default clock_timestamp(),
  ended_at      timestamptz,
  check ((status = 'pending') = (next_try_at is not null)),
  check ((status = 'pending') = (ended_at is null))
);
-- What is due, in the order in which it is tried
create index mails_due on mails (next_try_at, id) where status = 'pending';
-- Of a person: erasure, and how many they got lately
create index mails_by_user on mails (user_id, created_at);
-- For how long one has failed
create index mails_failing on mails (first_try_at) where status = 'pending' and first_try_at is not null;
-- The retention
create index mails_by_age on mails (created_at);
