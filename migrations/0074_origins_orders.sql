-- As `audit_log.trace`.
alter table order_events add column trace text;
alter table order_events alter column trace set default nullif(current_setting('holdfast.trace', true), '');
