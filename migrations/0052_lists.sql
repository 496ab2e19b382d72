-- Functions that every batch calls, doing the same with less.

-- Entries of a batch share one effect: its key is made of it once, not for each entry.
create or replace function record_ledger_keys() returns trigger language plpgsql as $$
begin
  insert into ledger_keys (key) select kind || ':' || effect_id from (select distinct kind, effect_id from added) effect;
  return null;
end $$;

-- The lot that a code means: the very code goes before one that looks like it. Null: the product has none. Each by its own unique
-- index: with `or` between them all lots of the product are compared one by one while PostgreSQL does not know how many there are, which
-- is so after each that is new; of 2,000 that took 2 ms for each call.
create or replace function find_lot(product int, given text) returns bigint language sql stable as $$
  select coalesce(
    (select l.id from product_lots l where l.product_id = product and l.code = given),
    (select l.id from product_lots l where l.product_id = product and l.code_key = code_key(given)))
$$;
