-- Costs as they were known at a time, and what the version before writes while both run
-- (docs/decisions/0041-costs-as-they-were-known.md).

-- In which currency the average is: a product whose only costed receipt was taken back may get another one.
alter table product_cost_steps add column currency char(3);
-- Null: nothing has a cost any more, since the receipt that brought it was taken back.
alter table product_cost_steps alter column average_minor drop not null;
