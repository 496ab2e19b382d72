-- no transaction
-- Indexes made and dropped beside those who write. It may be run again.
set lock_timeout = 0;

-- What is on hold at a place: a recall asks once for each of those to whom its units are promised
drop index concurrently if exists quality_holds_at_place;
create index concurrently quality_holds_at_place on quality_holds (product_id, warehouse_id) where open > 0;

-- Read by nobody: when units of a lot moved is said by the ledger's entry, not by the movement's row.
drop index concurrently if exists lot_movements_by_time;
