-- As `audit_log.trace`. In a transaction of its own: each of these tables is locked for a moment, and no two at once.
alter table inventory_transactions add column trace text;
alter table inventory_transactions alter column trace set default nullif(current_setting('holdfast.trace', true), '');
