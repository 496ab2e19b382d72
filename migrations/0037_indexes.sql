-- no transaction
-- Indexes of large tables, made beside those who write them. It may be run again.
set lock_timeout = 0;

-- Reservations without an order that were confirmed and neither shipped nor released, oldest first
drop index concurrently if exists reservations_confirmed;
create index concurrently reservations_confirmed on reservations (updated_at) where kind = 'hold' and status = 'confirmed';
-- Whose units may be taken for a hold that awaits them: reservations without an order
drop index concurrently if exists reservations_live_holds;
create index concurrently reservations_live_holds on reservations (id) where kind = 'hold' and status in ('pending', 'confirmed');

-- GET /products?q=: parts of SKUs and names, in any case. Where the server has no pg_trgm, or nobody may make it, the search reads
-- the products one by one.
do $$ begin
  create extension if not exists pg_trgm; create index if not exists products_by_text on products using gin (sku gin_trgm_ops, name gin_trgm_ops); exception
  when insufficient_privilege or undefined_file or feature_not_supported or undefined_object then
  raise notice 'pg_trgm cannot be used: products are searched without an index'; end
$$;
