-- Alerts in the stream of events. Apart from the table of order events: who writes an alert and then an event would wait for both locks.

-- Alerts are raised and resolved by triggers and by many statements: whatever changes their status says so.
create function record_alert_event() returns trigger language plpgsql as $$
declare
  verb text := case new.status when 'open' then 'raised' else new.status end;
begin
  insert into event_entries (type, subject_type, subject_id, actor, data)
  select 'alert.' || verb, 'alert', new.id::text,
    coalesce(case verb when 'acknowledged' then new.acknowledged_by when 'resolved' then new.resolved_by end, 'system'),
    jsonb_build_object('kind', new.kind, 'sku', (select p.sku from products p where p.id = new.product_id),
      'warehouse', (select w.code from warehouses w where w.id = new.warehouse_id), 'orderId', new.order_id);
  return null;
end $$;
create trigger alerts_raised after insert on alerts for each row execute function record_alert_event();
create trigger alerts_changed after update of status on alerts for each row
  when (old.status is distinct from new.status) execute function record_alert_event();
