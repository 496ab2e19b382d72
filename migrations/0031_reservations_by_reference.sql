-- What the caller of a reservation without an order calls it: a request that names it again gets the same reservation.
-- The reservation's id is derived from it, so it needs no index.
alter table reservations add column own_reference text;
-- Of the request that made it: another one under the same reference is refused.
alter table reservations add column fingerprint text;

-- Reservations without an order that were confirmed and neither shipped nor released, oldest first.
create index reservations_confirmed on reservations (updated_at) where kind = 'hold' and status = 'confirmed';
