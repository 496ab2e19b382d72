-- An order's amendments are read with each of its steps: those that are open, and the latest of the others.

drop index order_amendments_by_order;
create index order_amendments_by_order on order_amendments (order_id, created_at desc);
create index order_amendments_open on order_amendments (order_id) where state = 'open';
