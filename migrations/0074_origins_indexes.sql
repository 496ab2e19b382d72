-- no transaction
-- The index by which an erasure finds what receivers have answered. It may be run again.
set lock_timeout = 0;

drop index concurrently if exists webhook_deliveries_by_subject;
create index concurrently webhook_deliveries_by_subject on webhook_deliveries (subject_id) where subject_id is not null;
