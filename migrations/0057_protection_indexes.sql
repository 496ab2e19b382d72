-- no transaction
-- Orders of a customer that are not paid for: they are counted when the customer places another one. It may be run again.

set lock_timeout = 0;
drop index concurrently if exists orders_unpaid_by_customer;
create index concurrently orders_unpaid_by_customer on orders (customer_id) where status = 'reserved';

alter table account_mails validate constraint account_mails_kind_check;
alter table order_amendments validate constraint order_amendments_code_check;
