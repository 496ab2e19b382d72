-- no transaction
-- Puts 0035 in force. Each statement is a transaction of its own and locks one table for a moment; rows are filled beside those who write.
-- It may be run again.

-- Before the trigger: an arrival has the time of its entries.
alter table inventory_transactions alter column at set default ledger_time();
create or replace trigger transfers_arrivals before update of received, lost, returned on transfers for each row
  when (new.received + new.lost + new.returned > old.received + old.lost + old.returned)
  execute function record_transfer_arrival();

-- Costs: the average as exact as a value of 10^9 units needs, and how many units it is about. Units whose cost nobody knows, such as
-- those that were there before, leave first. A row a product is written anew.
alter table product_costs
  alter column average_minor type numeric(48, 18),
  add column if not exists costed_units bigint not null default 0 check (costed_units >= 0);
-- What a table of before has of it is written anew where there are any.
alter table receipt_averages alter column average_before type numeric(48, 18), alter column average_after type numeric(48, 18);

set lock_timeout = 0;

-- How many units a cost is known of, and where it stands now: all that is known of the time before. In parts, each of which commits.
do $$
declare last int := 0; upto int; begin loop
  with part as materialized (select product_id from product_costs where product_id > last order by product_id limit 500 for no key update),
  counted as (
    update product_costs c set costed_units = r.units
    from (select l.product_id, sum(l.quantity) as units from receipt_lines l join part p on p.product_id = l.product_id
          where l.unit_cost_minor is not null group by 1) r
    where r.product_id = c.product_id and c.average_minor is not null
      and not exists (select from product_cost_steps s where s.product_id = c.product_id)
    returning c.product_id, c.costed_units
  ), stepped as (
    insert into product_cost_steps (product_id, at, average_minor, costed_units, owned_units)
    select c.product_id, ledger_time(), c.average_minor, least(coalesce(n.costed_units, c.costed_units), o.units), o.units
    from part p join product_costs c on c.product_id = p.product_id left join counted n on n.product_id = c.product_id
    cross join lateral (
      select coalesce((select sum(s.on_hand) from stock s where s.product_id = c.product_id), 0)
        + coalesce((select sum(t.open) from transfers t where t.product_id = c.product_id and t.status = 'in_transit'), 0) as units) o
    where c.average_minor is not null and not exists (select from product_cost_steps s where s.product_id = c.product_id)
  )
  select max(product_id) into upto from part; commit; exit when upto is null; last := upto; end loop; end
$$;

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
