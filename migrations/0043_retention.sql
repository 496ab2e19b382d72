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

-- Incremental checks look at a share of large tables, in turn.
create table if not exists consistency_share (
  one            boolean primary key default true check (one),
  -- Stock rows of products after the one, up to and with the other; null: up to the last.
  products_after int not null default 0,
  products_up_to int,
  -- Lines of reservations likewise.
  lines_after    uuid not null default '00000000-0000-0000-0000-000000000000',
  lines_up_to    uuid,
  -- When a run that had looked at the share before moved on to this one.
  moved_at       timestamptz
);
insert into consistency_share default values on conflict do nothing;
-- Reservations that keep units: the lines of others are history. It serves also what `reservations_live_holds` served.
drop index concurrently if exists reservations_live;
create index concurrently reservations_live on reservations (kind, id) where status in ('pending', 'charging', 'confirmed');
drop index concurrently if exists reservations_live_holds;
-- What an incremental check looks at: transfers that were touched since the last
drop index concurrently if exists transfers_by_update;
create index concurrently transfers_by_update on transfers (updated_at);
