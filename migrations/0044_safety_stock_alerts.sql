-- To whom blocked units were promised, and what became of that. The alert itself shows the first of them and how many there are.
create table alert_affected (
  id             bigint generated always as identity primary key,
  alert_id       uuid not null references alerts on delete cascade,
  at             timestamptz not null default clock_timestamp(),
  order_id       uuid,
  reservation_id uuid,
  shipment_id    uuid,
  outcome        text not null check (outcome in ('moved', 'cut', 'parcel_stopped')),
  units          int check (units > 0),
  constraint alert_affected_names_somebody check (num_nonnulls(order_id, reservation_id) > 0)
);
-- GET /inventory/alerts/{id}/affected
create index alert_affected_of_alert on alert_affected (alert_id, id);
-- A parcel is stopped once
create unique index alert_affected_once_per_parcel on alert_affected (alert_id, shipment_id) where outcome = 'parcel_stopped';

insert into alert_affected (alert_id, at, order_id, reservation_id, shipment_id, outcome, units)
select a.id, a.raised_at, (f.one ->> 'orderId')::uuid, (f.one ->> 'reservationId')::uuid, (f.one ->> 'shipmentId')::uuid,
       f.one ->> 'outcome', (f.one ->> 'units')::int
from alerts a cross join lateral jsonb_array_elements(a.details -> 'affected') with ordinality as f (one, place)
where a.kind = 'recall' order by a.id, f.place
on conflict do nothing;
update alerts a
set details = a.details || jsonb_build_object(
  'affected', (select jsonb_agg(f.one order by f.place) from jsonb_array_elements(a.details -> 'affected') with ordinality as f (one, place)
               where f.place <= 20),
  'total', (select count(*) from alert_affected f where f.alert_id = a.id))
where a.kind = 'recall';

-- A reservation without an order that was confirmed and neither ships nor is released: about no product or place.
alter table alerts drop constraint alerts_kind_check;
alter table alerts add constraint alerts_kind_check check (kind in
  ('low_stock', 'out_of_stock', 'overstock', 'transfer_overdue', 'ledger_drift', 'work_failed', 'attention', 'expiry_near', 'recall',
   'count_short', 'ledger_tampered', 'reservation_stopped'));
alter table alerts drop constraint alerts_about_one_thing;
alter table alerts add constraint alerts_about_one_thing check
  (case kind when 'work_failed' then subject is not null and num_nonnulls(product_id, warehouse_id, order_id) = 0
             when 'ledger_tampered' then subject is not null and num_nonnulls(product_id, warehouse_id, order_id) = 0
             when 'reservation_stopped' then subject is not null and num_nonnulls(product_id, warehouse_id, order_id) = 0
             when 'attention' then num_nulls(subject, order_id) = 0 and num_nonnulls(product_id, warehouse_id) = 0
             else num_nonnulls(subject, order_id) = 0 and num_nulls(product_id, warehouse_id) = 0 end);
