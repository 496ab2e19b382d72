-- From where somebody asks for something that a workflow does: the workflow carries the request's id alone, and the entry of the audit log
-- is written with the address that is found here. Apart and in no hash, as `audit_personal`.
create table audit_origins (
  request_id text primary key,
  -- Who asked, as a caller
  person     text not null check (person <> ''),
  address    text not null,
  at         timestamptz not null default now()
);
-- Erasing somebody
create index audit_origins_by_person on audit_origins (person);
-- The retention of addresses
create index audit_origins_by_age on audit_origins (at);

-- W3C traceparent of the work that has written an entry, as its transaction says it (`set local holdfast.trace`), so that no statement names
-- it; null: it was not traced. In no hash.
alter table audit_log add column trace text;
alter table audit_log alter column trace set default nullif(current_setting('holdfast.trace', true), '');
