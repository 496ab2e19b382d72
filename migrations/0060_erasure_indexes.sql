-- no transaction
-- The index by which an erasure finds stored responses about an order. It may be run again.
set lock_timeout = 0;

drop index concurrently if exists idempotency_keys_about;
create index concurrently idempotency_keys_about on idempotency_keys ((coalesce(body ->> 'orderId', body ->> 'id')))
  where coalesce(body ->> 'orderId', body ->> 'id') is not null;
