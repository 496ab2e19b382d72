-- What a correction of a receipt changed about the cost of units that were not in stock any more, by product
-- (docs/decisions/0046-cost-corrections-are-costs-of-goods.md). Of corrections of before this nothing is known.
create table cost_corrections (
  change_id    uuid not null references receipt_changes,
  product_id   int not null references products,
  -- That of the ledger's entries of the correction.
  at           timestamptz not null,
  currency     char(3) not null,
  -- Signed.
  amount_minor numeric(24) not null check (amount_minor <> 0),
  primary key (change_id, product_id)
);
create index cost_corrections_by_time on cost_corrections (at);
create trigger cost_corrections_append_only before update or delete on cost_corrections
  for each row execute function refuse_change();
