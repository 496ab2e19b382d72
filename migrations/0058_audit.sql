-- Who changed what: append-only, sealed as the ledger is (docs/audit.md). Orders and stock have their own record of it, their events
-- and the ledger.

create table audit_log (
  id            bigint generated always as identity primary key,
  at            timestamptz not null default clock_timestamp(),
  -- A caller, 'user:<id>', 'service:<id>' or 'anonymous'; of a command the account of the operating system that ran it.
  actor         text not null check (actor <> ''),
  -- Id of the customer for whom the actor did it.
  on_behalf_of  text,
  action        text not null check (action ~ '^[a-z_]+\.[a-z_]+$'),
  subject_type  text not null check (subject_type ~ '^[a-z_]+$'),
  subject_id    text not null check (subject_id <> ''),
  -- What changed, as members of an object; null: there was, or is, nothing. Never a secret, never a personal value.
  before        jsonb check (jsonb_typeof(before) = 'object'),
  after         jsonb check (jsonb_typeof(after) = 'object'),
  -- Of the HTTP request; null: of a command.
  request_id    text,
  -- Sealing takes rows in the order of transactions that can no longer be running.
  xid           xid8 not null default pg_current_xact_id()
);

-- GET /admin/audit, newest first, by each of its filters
create index audit_log_newest on audit_log (at desc, id desc);
create index audit_log_by_actor on audit_log (actor, at desc, id desc);
create index audit_log_by_customer on audit_log (on_behalf_of, at desc, id desc) where on_behalf_of is not null;
create index audit_log_by_subject on audit_log (subject_type, subject_id, at desc, id desc);
create index audit_log_by_action on audit_log (action, at desc, id desc);
create index audit_log_by_request on audit_log (request_id, at desc, id desc) where request_id is not null;
-- Sealing and verifying
create index audit_log_by_xid on audit_log ((xid::text::bigint), id);

-- Personal values of entries, apart and in no hash: erasing somebody is deleting these rows by their person.
create table audit_personal (
  audit_id bigint not null references audit_log,
  -- Whose values they are, as a caller: 'user:<id>'
  person   text not null check (person <> ''),
  -- From where the person asked
  address  text,
  -- Members of what changed that are personal, such as name and e-mail address
  before   jsonb check (jsonb_typeof(before) = 'object'),
  after    jsonb check (jsonb_typeof(after) = 'object'),
  primary key (audit_id, person)
);
create index audit_personal_by_person on audit_personal (person, audit_id);
-- The retention of addresses
create index audit_personal_addresses on audit_personal (audit_id) where address is not null;

create trigger audit_log_append_only before update or delete on audit_log for each row execute function refuse_change();
create trigger audit_log_no_truncate before truncate on audit_log for each statement execute function refuse_change();

-- For whom somebody caused it: the id of the customer.
alter table order_events add column on_behalf_of text;

-- Seals

-- SHA-256 of an entry as a JSON array: the same whatever a session's time zone or date style is.
create function audit_row_hash(t audit_log) returns bytea language sql stable parallel safe as $$
  select sha256(convert_to(json_build_array(t.id, t.at at time zone 'UTC', t.actor, t.on_behalf_of, t.action, t.subject_type,
    t.subject_id, t.before, t.after, t.request_id, t.xid)::text, 'UTF8'))
$$;

-- As `ledger_seals`, of one part each: the log has no months.
create table audit_seals (
  seq           bigint primary key check (seq >= 1),
  from_xid      bigint not null,
  from_id       bigint not null,
  to_xid        bigint not null,
  to_id         bigint not null,
  row_count     bigint not null check (row_count > 0),
  -- SHA-256 over each row's id and hash, in order.
  rows_hash     bytea not null,
  -- To name what was changed: ids, and the first 8 bytes of each row's hash, in the same order.
  row_ids       bigint[] not null,
  row_hashes    bytea not null,
  made_at       timestamptz not null,
  previous_hash bytea not null,
  -- `ledger_seal_hash` with the hexadecimal `rows_hash` as its parts.
  hash          bytea not null
);
create trigger audit_seals_append_only before update or delete on audit_seals for each row execute function refuse_change();
create trigger audit_seals_no_truncate before truncate on audit_seals for each statement execute function refuse_change();

create table audit_verified (
  one        boolean primary key default true check (one),
  -- Up to this seal the entries were found as they were sealed; its hash, so that it cannot vanish with those after it.
  seals_seq  bigint not null default 0,
  seals_hash bytea,
  -- The last seal that an incremental check read again: each reads another share.
  reread_seq bigint not null default 0
);
insert into audit_verified default values;
