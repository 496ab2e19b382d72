-- no transaction
-- What one owner made, newest first. It may be run again.

set lock_timeout = 0;
drop index concurrently if exists orders_by_owner;
create index concurrently orders_by_owner on orders (owner, created_at desc, id desc);
drop index concurrently if exists reservations_by_owner;
create index concurrently reservations_by_owner on reservations (owner, created_at) where kind = 'hold';
drop index concurrently if exists jobs_by_actor;
create index concurrently jobs_by_actor on jobs (actor, created_at desc, id desc);
