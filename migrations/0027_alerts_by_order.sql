-- Every alert of one order, also those that are over.
create index alerts_by_order on alerts (order_id, id) where order_id is not null;
