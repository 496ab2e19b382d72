-- Holds that are made without an order: the caller's own reference, their list, and their expiry.

-- What the caller calls the thing it holds stock for. Nullable, without a default: no row is rewritten.
alter table reservations add column reference text;

-- Holds that may fall due, soonest first, by who frees them: 'order' its saga, 'hold' the expiry workflow; both the reclaim
-- on shortage. In the place of the index without a kind, so that a hold writes as many index entries as before.
drop index reservations_due;
create index reservations_due on reservations (kind, expires_at) where status = 'pending';

-- GET /reservations, newest first. Without the id, which breaks ties: times hardly ever tie, and a wider entry costs each hold.
create index reservations_newest on reservations (created_at) where kind = 'hold';

-- When the expiry of holds looks again by itself. Whoever makes a hold that falls due earlier rings it.
create table hold_expiry (
  one      boolean primary key default true check (one),
  wakes_at timestamptz not null
);
insert into hold_expiry (wakes_at) values ('-infinity');
