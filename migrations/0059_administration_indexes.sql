-- no transaction
-- Indexes by which administration finds what waits for a person. It may be run again.
set lock_timeout = 0;

-- GET /admin/attention: alerts by how long they wait. Those on stock have a list of their own
drop index concurrently if exists alerts_for_a_person;
create index concurrently alerts_for_a_person on alerts (raised_at, id)
  where status <> 'resolved' and kind not in ('low_stock', 'out_of_stock', 'overstock');
-- GET /admin/attention: jobs that failed and that nobody has seen
drop index concurrently if exists jobs_failed_unseen;
create index concurrently jobs_failed_unseen on jobs (finished_at, id) where status = 'failed' and acknowledged_at is null;
-- GET /admin/orders?text=: a parcel by what is on its label
drop index concurrently if exists shipments_by_tracking_number;
create index concurrently shipments_by_tracking_number on shipments (tracking_number) where tracking_number is not null;
-- GET /users?role=, ?status=: most are active customers
drop index concurrently if exists users_of_staff;
create index concurrently users_of_staff on users (role, created_at desc, id desc) where role <> 'customer';
drop index concurrently if exists users_disabled;
create index concurrently users_disabled on users (created_at desc, id desc) where status = 'disabled';
