-- no transaction
set lock_timeout = 0;
-- Every alert of one order, also those that are over.
drop index concurrently if exists alerts_by_order;
create index concurrently alerts_by_order on alerts (order_id, id) where order_id is not null;
