-- no transaction
-- Made beside those who write. It may be run again.
set lock_timeout = 0;

-- What of a place's units is in parcels that are being stopped: few, of all that the place ever shipped.
drop index concurrently if exists shipments_being_stopped;
create index concurrently shipments_being_stopped on shipments (warehouse_id)
  where status = 'voiding' or status in ('voided', 'failed') and released_at is null;
