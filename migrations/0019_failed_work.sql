-- Work on one subject that failed by an error of its data, although the rest of its batch was done. Until `retry_at` the work
-- leaves the subject out, so that one subject neither stops the others nor is tried without a pause.
create table failed_work (
  -- expire_hold, hold_expired_lot, ...
  work     text not null,
  -- Id of what the work is about.
  subject  text not null,
  attempts int not null default 1,
  retry_at timestamptz not null,
  primary key (work, subject)
);

-- An alert of kind `work_failed` is about a subject and not about a product at a location.
alter table alerts
  alter column product_id drop not null,
  alter column warehouse_id drop not null,
  add column subject text,
  drop constraint alerts_kind_check,
  add constraint alerts_kind_check check (kind in
    ('low_stock', 'out_of_stock', 'overstock', 'transfer_overdue', 'ledger_drift', 'work_failed')),
  add constraint alerts_about_one_thing check
    (case kind when 'work_failed' then subject is not null and num_nonnulls(product_id, warehouse_id) = 0
               else subject is null and num_nulls(product_id, warehouse_id) = 0 end);
create unique index alerts_one_open_per_subject on alerts (subject) where status <> 'resolved' and subject is not null;
