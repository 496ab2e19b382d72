-- An order that cannot go on by itself raises an alert that names it.

alter table alerts add column order_id uuid;
alter table alerts drop constraint alerts_kind_check;
alter table alerts add constraint alerts_kind_check check (kind in
  ('low_stock', 'out_of_stock', 'overstock', 'transfer_overdue', 'ledger_drift', 'work_failed', 'attention'));
alter table alerts drop constraint alerts_about_one_thing;
alter table alerts add constraint alerts_about_one_thing check
  (case kind when 'work_failed' then subject is not null and num_nonnulls(product_id, warehouse_id, order_id) = 0
             when 'attention' then num_nulls(subject, order_id) = 0 and num_nonnulls(product_id, warehouse_id) = 0
             else num_nonnulls(subject, order_id) = 0 and num_nulls(product_id, warehouse_id) = 0 end);
-- What an order needs a person for
create index alerts_of_order on alerts (order_id) where order_id is not null and status <> 'resolved';
