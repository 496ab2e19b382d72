-- Bookings that failed go behind those that were not tried since.

-- The dispatcher's queue: a shipment that a failed call gives back has its place by when that was, any other by when it was made.
create index shipments_booking_queue on shipments (coalesce(lease_until, created_at)) where status in ('pending', 'booking');
drop index shipments_to_book;
