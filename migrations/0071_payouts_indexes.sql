-- no transaction
-- The index by which payouts and statements find what a merchant is owed, and checks of what is there. It may be run again.
set lock_timeout = 0;

drop index concurrently if exists money_ledger_by_merchant;
create index concurrently money_ledger_by_merchant on money_ledger (merchant_id, currency, id)
  where merchant_id is not null;
alter table money_ledger validate constraint money_ledger_kind_check;
alter table money_ledger validate constraint money_ledger_debit_check;
alter table money_ledger validate constraint money_ledger_credit_check;
alter table money_ledger validate constraint money_ledger_of_payment;
