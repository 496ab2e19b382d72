-- no transaction
-- The index of 0038, made beside those who write. It may be run again.
set lock_timeout = 0;
-- What has moved of a lot since a time
drop index concurrently if exists lot_movements_by_time;
create index concurrently lot_movements_by_time on lot_movements (lot_id, at);
