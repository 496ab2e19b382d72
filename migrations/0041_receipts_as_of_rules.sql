-- The version before writes receipts and transfers with the time of their row. That is before the time of their entries in the
-- ledger, so an answer about a time between the two would change. At the end of its transaction, when that time is known.
create function align_receipt_time() returns trigger language plpgsql as $$
declare
  entered timestamptz := ledger_time();
begin
  update receipts set received_at = entered where id = new.id and received_at <> entered;
  return null;
end $$;
create constraint trigger receipts_ledger_time after insert on receipts deferrable initially deferred
  for each row execute function align_receipt_time();

create function align_transfer_time() returns trigger language plpgsql as $$
declare
  entered timestamptz := ledger_time();
begin
  update transfers set created_at = entered where id = new.id and created_at <> entered;
  return null;
end $$;
create constraint trigger transfers_ledger_time after insert on transfers deferrable initially deferred
  for each row execute function align_transfer_time();

-- The version before knows neither how many units an average is about nor its steps, and averages over units whose cost nobody
-- knows. Its receipts are told by the step that is missing; what this version would have written is worked out from their lines.
create function note_costs_of_receipt() returns trigger language plpgsql as $$
declare
  entered timestamptz := ledger_time();
  kept product_costs;
  prior product_cost_steps;
  came record;
  owned bigint;
  base bigint;
begin
  if exists (select from product_cost_steps where product_id = new.product_id and at = entered) then return null; end if;
  select * into kept from product_costs where product_id = new.product_id for no key update;
  if not found then return null; end if;
  select coalesce(sum(l.quantity), 0) as units,
         coalesce(sum(l.quantity) filter (where l.unit_cost_minor is not null), 0) as costed,
         coalesce(sum(l.quantity * l.unit_cost_minor::numeric), 0) as value
    into came
    from receipt_lines l where l.receipt_id = new.receipt_id and l.product_id = new.product_id;
  select coalesce((select sum(s.on_hand) from stock s where s.product_id = new.product_id), 0)
       + coalesce((select sum(t.open) from transfers t where t.product_id = new.product_id and t.status = 'in_transit'), 0)
    into owned;
  select * into prior from product_cost_steps where product_id = new.product_id and at < entered order by at desc limit 1;
  base := greatest(0, least(coalesce(kept.costed_units, 0), owned - came.units));
  update product_costs
  set costed_units = base + came.costed,
      average_minor = case when came.costed > 0
        then (base * coalesce(prior.average_minor, 0) + came.value) / (base + came.costed) else average_minor end
  where product_id = new.product_id
  returning * into kept;
  insert into product_cost_steps (product_id, at, average_minor, costed_units, owned_units, currency)
  values (new.product_id, entered, kept.average_minor, kept.costed_units, greatest(owned, kept.costed_units), kept.currency);
  insert into receipt_averages (receipt_id, product_id, average_before, average_after, base_units)
  values (new.receipt_id, new.product_id, case when prior.costed_units > 0 then prior.average_minor end, kept.average_minor, base)
  on conflict do nothing;
  return null;
end $$;
create constraint trigger receipt_lines_costs after insert on receipt_lines deferrable initially deferred
  for each row execute function note_costs_of_receipt();

-- The version before puts a lot that has expired on hold without saying that this is why.
create function note_cause_of_hold() returns trigger language plpgsql as $$
begin
  new.cause := 'expired';
  return new;
end $$;
create trigger quality_holds_cause before insert on quality_holds for each row
  when (new.cause = 'person' and new.lot_id is not null and new.actor = 'system' and new.reason like 'lot % expired on %')
  execute function note_cause_of_hold();

-- A count of the version before has no time: it corrects what is on hand as of when it is written, so that numbers as of before leave it
-- applied and newer ones supersede it.
create function note_time_of_count() returns trigger language plpgsql as $$
begin
  new.as_of := new.at;
  return new;
end $$;
create trigger inventory_transactions_count_time before insert on inventory_transactions for each row
  when (new.kind = 'count' and new.as_of is null)
  execute function note_time_of_count();
