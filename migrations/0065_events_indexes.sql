-- no transaction
-- The index by which the sequencer finds events of orders, and readers those of a position. It may be run again.
set lock_timeout = 0;

drop index concurrently if exists order_events_by_id;
create unique index concurrently order_events_by_id on order_events (id) where id is not null;
