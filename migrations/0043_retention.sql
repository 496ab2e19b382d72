-- no transaction
-- Indexes by which the retention finds what is old, made beside those who write. It may be run again.
set lock_timeout = 0;

drop index concurrently if exists idempotency_keys_by_age;
create index concurrently idempotency_keys_by_age on idempotency_keys (created_at);
drop index concurrently if exists batch_chunks_by_age;
create index concurrently batch_chunks_by_age on batch_chunks (created_at);
drop index concurrently if exists alerts_by_end;
create index concurrently alerts_by_end on alerts (resolved_at) where status = 'resolved';
drop index concurrently if exists carrier_events_by_age;
create index concurrently carrier_events_by_age on carrier_events (received_at);
drop index concurrently if exists gateway_events_by_age;
create index concurrently gateway_events_by_age on gateway_events (received_at);
-- Those that no order and no quality hold refers to
drop index concurrently if exists reservations_ended;
create index concurrently reservations_ended on reservations (updated_at)
  where kind in ('hold', 'allocation') and status in ('shipped', 'cancelled', 'expired');
drop index concurrently if exists jobs_ended;
create index concurrently jobs_ended on jobs (type, finished_at, id) where finished_at is not null;
-- Feeds whose rejects are still there
drop index concurrently if exists jobs_with_file;
create index concurrently jobs_with_file on jobs (type, finished_at, id) where file is not null;
-- Whether a finding was found again
drop index concurrently if exists consistency_findings_by_subject;
create index concurrently consistency_findings_by_subject on consistency_findings (check_id, subject, id);
