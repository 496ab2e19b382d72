-- no transaction
-- Indexes by which lists find what is rare without walking their history, made beside those who write. It may be run again.
set lock_timeout = 0;

-- GET /orders?status=: those that ended without being fulfilled. The open ones have an index of their own, and most are fulfilled.
drop index concurrently if exists orders_ended_short;
create index concurrently orders_ended_short on orders (status, created_at desc, id desc)
  where status in ('rejected', 'expired', 'cancelled', 'failed');
-- GET /orders?review=
drop index concurrently if exists orders_reviewed;
create index concurrently orders_reviewed on orders (review_status, created_at desc, id desc) where review_status is not null;
-- GET /reservations?status=: an entry each, made as it ends. Those that are live have indexes of their own.
drop index concurrently if exists reservations_ended_newest;
create index concurrently reservations_ended_newest on reservations (status, created_at desc, id desc)
  where kind = 'hold' and status in ('shipped', 'cancelled', 'expired');

-- GET /receipts?supplier=, ?location=
drop index concurrently if exists receipts_by_supplier;
create index concurrently receipts_by_supplier on receipts (supplier, received_at desc, id desc);
drop index concurrently if exists receipts_by_place;
create index concurrently receipts_by_place on receipts (warehouse_id, received_at desc, id desc);
-- GET /counts?status=, ?location=
drop index concurrently if exists count_sheets_by_status;
create index concurrently count_sheets_by_status on count_sheets (status, created_at desc, id desc);
drop index concurrently if exists count_sheets_by_place;
create index concurrently count_sheets_by_place on count_sheets (warehouse_id, created_at desc, id desc);
-- GET /quality-holds?status=open, ?location=
drop index concurrently if exists quality_holds_open;
create index concurrently quality_holds_open on quality_holds (created_at desc, id desc) where open > 0;
drop index concurrently if exists quality_holds_by_place;
create index concurrently quality_holds_by_place on quality_holds (warehouse_id, created_at desc, id desc);
-- GET /returns?status=
drop index concurrently if exists customer_returns_by_status;
create index concurrently customer_returns_by_status on customer_returns (status, created_at desc, id desc);
-- GET /transfers?location=: from there, and to there; ?status=cancelled. Those on their way have an index of their own.
drop index concurrently if exists transfers_by_source;
create index concurrently transfers_by_source on transfers (source_id, created_at desc, id desc);
drop index concurrently if exists transfers_by_target;
create index concurrently transfers_by_target on transfers (target_id, created_at desc, id desc);
drop index concurrently if exists transfers_cancelled;
create index concurrently transfers_cancelled on transfers (created_at desc, id desc) where status = 'cancelled';
-- GET /jobs?status=: those that did not come to their end
drop index concurrently if exists jobs_ended_short;
create index concurrently jobs_ended_short on jobs (status, created_at desc, id desc) where status in ('failed', 'cancelled');

-- GET /inventory/alerts?kind=, ?location=, ?reason=
drop index concurrently if exists alerts_by_kind;
create index concurrently alerts_by_kind on alerts (kind, id);
drop index concurrently if exists alerts_by_place;
create index concurrently alerts_by_place on alerts (warehouse_id, id) where warehouse_id is not null;
drop index concurrently if exists alerts_by_reason;
create index concurrently alerts_by_reason on alerts ((details ->> 'reason'), id) where kind = 'attention';

-- GET /inventory/{sku}/serials, oldest first
drop index concurrently if exists serials_by_product;
create index concurrently serials_by_product on serials (product_id, id);
-- GET /products?archived=true
drop index concurrently if exists products_archived;
create index concurrently products_archived on products (sku) where not active;

-- The retention deletes reservations: that no payment, and no return, refers to one is found without reading them all
drop index concurrently if exists payments_by_reservation;
create index concurrently payments_by_reservation on payments (reservation_id);
drop index concurrently if exists customer_return_sources_by_reservation;
create index concurrently customer_return_sources_by_reservation on customer_return_sources (reservation_id);
