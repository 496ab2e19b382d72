-- no transaction
-- What 0034 leaves open: tables get columns, rows of before are filled and checked, and indexes made. Each statement is a transaction of its
-- own and locks one table for a moment: who writes to several in another order waits for none that is kept. It may be run again.

alter table lots add column if not exists master_id bigint references product_lots;
create or replace trigger lots_master before insert on lots for each row when (new.master_id is null) execute function set_lot_master();
alter table lot_movements add column if not exists blocked boolean not null default false;
alter table serials
  add column if not exists serial_key text,
  -- The quality hold that it is on.
  add column if not exists hold_id uuid references quality_holds;
create or replace trigger serials_key before insert on serials for each row when (new.serial_key is null) execute function set_serial_key();
alter table serial_movements add column if not exists blocked boolean not null default false;

-- Quality holds of units that are promised. There are few: the rows are written anew.
alter table quality_holds
  -- Of `open`: promised to somebody, and taken as soon as they are free.
  add column if not exists awaited int not null default 0,
  -- Left with a parcel all the same.
  add column if not exists gone int not null default 0 check (gone >= 0),
  -- person: somebody asked for it; expired, recalled: because of its lot.
  add column if not exists cause text not null default 'person' check (cause in ('person', 'expired', 'recalled'));
alter table quality_holds
  alter column open set expression as (quantity - released - written_off - gone),
  drop constraint quality_holds_every_unit_accounted,
  add constraint quality_holds_every_unit_accounted check
    (released + written_off + gone <= quantity and awaited between 0 and quantity - released - written_off - gone);
update quality_holds set cause = 'expired' where actor = 'system' and reason like 'lot % expired on %' and open > 0;

alter table alerts drop constraint alerts_kind_check, add constraint alerts_kind_check check (kind in
  ('low_stock', 'out_of_stock', 'overstock', 'transfer_overdue', 'ledger_drift', 'work_failed', 'attention', 'expiry_near', 'recall'))
  not valid;
-- Receipts that were wrong.
alter table receipts add column if not exists reversed_at timestamptz;
-- What a line counts now: 0 where it was taken back.
alter table receipt_lines
  drop constraint receipt_lines_quantity_check, add constraint receipt_lines_quantity_check check (quantity >= 0) not valid;

set lock_timeout = 0;

drop index concurrently if exists quality_holds_awaited;
create index concurrently quality_holds_awaited on quality_holds (product_id, warehouse_id) where awaited > 0;
drop index concurrently if exists quality_holds_open_of_lot;
create index concurrently quality_holds_open_of_lot on quality_holds (lot_id) where lot_id is not null and released + written_off + gone < quantity;

-- Masters of the lots that were there, some products at a time, each part in a transaction of its own. Rows of lots are changed under the
-- lock of their stock rows only.
do $$
declare last int := 0; upto int; begin loop
  select max(product_id) into upto
  from (select distinct product_id from lots where product_id > last and master_id is null order by product_id limit 50) picked; exit when upto is null; -- done
  perform from stock s where s.product_id > last and s.product_id <= upto
      and s.product_id in (select l.product_id from lots l where l.product_id > last and l.product_id <= upto and l.master_id is null)
    order by s.product_id, s.warehouse_id for no key update; -- then the masters
  insert into product_lots (product_id, code, code_key, expires_on)
  select product_id, code,
    case when n = 1 and not exists (select from product_lots m where m.product_id = known.product_id and m.code_key = known.key)
         then key else key || ' #' || first_id end, expires_on
  from (select product_id, code, min(expires_on) as expires_on, min(id) as first_id, code_key(code) as key,
          row_number() over (partition by product_id, code_key(code) order by min(id)) as n
        from lots where product_id > last and product_id <= upto group by product_id, code) known
  where not exists (select from product_lots m where m.product_id = known.product_id and m.code = known.code)
  order by first_id; -- and who has them
  update lots l set master_id = m.id from product_lots m
  where l.product_id > last and l.product_id <= upto and l.master_id is null and m.product_id = l.product_id and m.code = l.code
  ; commit; last := upto; end loop; end
$$;
alter table lots add constraint lots_master_id_not_null not null master_id not valid;
alter table lots validate constraint lots_master_id_not_null;
drop index concurrently if exists lots_one_per_master;
create unique index concurrently lots_one_per_master on lots (master_id, warehouse_id);
-- Units past their last day that are not blocked yet
drop index concurrently if exists lots_to_block;
create index concurrently lots_to_block on lots (expires_on) where expires_on is not null and quantity > held;

-- Keys of the serial numbers that were there. A row that somebody works on comes in the next round: whoever holds some waits for none.
drop index concurrently if exists serials_unique_per_product_new;
create unique index concurrently serials_unique_per_product_new on serials (product_id, serial_key);
do $$
declare last bigint; upto bigint; begin loop exit when not exists (select from serials where serial_key is null); last := 0; loop
  with part as materialized (
    select id, product_id, code_key(serial) as key from serials where id > last and serial_key is null
    order by id limit 2000 for no key update skip locked
  ), filled as (
    update serials s set serial_key = case when n = 1
        and not exists (select from serials o where o.product_id = k.product_id and o.serial_key = k.key) then key else key || ' #' || s.id end
    from (select p.*, row_number() over (partition by product_id, key order by id) as n from part p) k
    where s.id = k.id returning s.id
  )
  select max(id) into upto from filled; commit; exit when upto is null; last := upto; end loop; perform pg_sleep(0.05); end loop; end
$$;
alter table serials add constraint serials_serial_key_not_null not null serial_key not valid;
alter table serials validate constraint serials_serial_key_not_null;
alter table serials
  drop constraint serials_unique_per_product,
  add constraint serials_unique_per_product unique using index serials_unique_per_product_new;
drop index concurrently if exists serials_by_text;
create unique index concurrently serials_by_text on serials (product_id, serial);
drop index concurrently if exists serials_by_key;
create index concurrently serials_by_key on serials (serial_key);
drop index concurrently if exists serials_on_hold;
create index concurrently serials_on_hold on serials (hold_id) where hold_id is not null;

drop index concurrently if exists receipts_once_per_reference_new;
create unique index concurrently receipts_once_per_reference_new on receipts (supplier, supplier_reference) nulls not distinct
  where reversed_at is null;
alter table receipts drop constraint if exists receipts_once_per_reference;
drop index concurrently if exists receipts_once_per_reference;
alter index receipts_once_per_reference_new rename to receipts_once_per_reference;

alter table alerts validate constraint alerts_kind_check;
alter table receipt_lines validate constraint receipt_lines_quantity_check;
alter table count_lines validate constraint count_lines_status_check;
