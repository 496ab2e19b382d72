-- What an event is about, so that what receivers have answered to events of an order is erased with it; null: planned before.
alter table webhook_deliveries add column subject_id text;
