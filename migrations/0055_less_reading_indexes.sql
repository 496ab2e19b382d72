-- no transaction
-- Made beside those who write. It may be run again.
set lock_timeout = 0;

-- What of a place's units is in parcels that are being stopped: few, of all that the place ever shipped.
drop index concurrently if exists shipments_being_stopped;
create index concurrently shipments_being_stopped on shipments (warehouse_id)
  where status = 'voiding' or status in ('voided', 'failed') and released_at is null;

-- GET /reservations?sku=. Costs an entry a line; without it a product that is hardly reserved is looked for in all reservations.
drop index concurrently if exists reservation_lines_by_product;
create index concurrently reservation_lines_by_product on reservation_lines (product_id, reservation_id);
