-- no transaction
-- Indexes of large tables, made beside those who write them, and arrivals of transfers of before 0035. It may be run again.
set lock_timeout = 0;

-- Units that came in have one time with their entries of the ledger. In parts, each of which commits.
do $$
declare last uuid := '00000000-0000-0000-0000-000000000000'; upto uuid; begin loop
  with part as materialized (
    select id, product_id, source_id, target_id, created_at, updated_at, mode = 'in_transit' and received + lost + returned > 0 as arrived
    from transfers where id > last order by id limit 1000
  ), found as (
    insert into transfer_arrivals (transfer_id, at, units)
    select x.id, t.at, sum(t.on_hand_delta)
    from part x join inventory_transactions t
      on t.product_id = x.product_id and t.warehouse_id in (x.source_id, x.target_id)
        and t.at between x.created_at and x.updated_at + interval '1 minute'
        and t.kind = 'transfer_in' and t.reference = 'transfer:' || x.id
    where x.arrived
    group by x.id, t.at having sum(t.on_hand_delta) > 0
    on conflict do nothing
  )
  select (select id from part order by id desc limit 1) into upto; commit; exit when upto is null; last := upto; end loop; end
$$;

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
