-- no transaction
-- The index of what left for customers, of each month of the ledger. It may be run again.
set lock_timeout = 0;

select format('drop index concurrently if exists %I', c.relname || '_sold') as run
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'inventory_transactions'::regclass and not exists (
  select from pg_index x join pg_inherits p on p.inhrelid = x.indexrelid
  where x.indrelid = c.oid and p.inhparent = 'inventory_transactions_sold'::regclass)
order by c.relname;

select format('create index concurrently %I on %I (at, id) where kind in (''ship'', ''ship_late'')', c.relname || '_sold', c.relname) as run
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'inventory_transactions'::regclass and not exists (
  select from pg_index x join pg_inherits p on p.inhrelid = x.indexrelid
  where x.indrelid = c.oid and p.inhparent = 'inventory_transactions_sold'::regclass)
order by c.relname;

-- Whoever plans a statement on the ledger waits for it.
set lock_timeout = '2s';

select format('alter index inventory_transactions_sold attach partition %I', c.relname || '_sold') as run
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'inventory_transactions'::regclass and not exists (
  select from pg_index x join pg_inherits p on p.inhrelid = x.indexrelid
  where x.indrelid = c.oid and p.inhparent = 'inventory_transactions_sold'::regclass)
order by c.relname;
