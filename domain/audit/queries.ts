import { execute, type Transaction } from '../../platform/database/database';
import type { AuditSubject, AuditValues } from './types';

export interface PersonalRow {
  person: string;
  address: string | null;
  before: AuditValues | null;
  after: AuditValues | null;
}

export interface EntryRow {
  actor: string;
  onBehalfOf: string | null;
  action: string;
  subject: { type: AuditSubject; id: string };
  before: AuditValues | null;
  after: AuditValues | null;
  requestId: string | null;
  personal: readonly PersonalRow[];
}

export function insertEntry(tx: Transaction, entry: EntryRow): Promise<number> {
  return execute(
    tx,
    'audit.insert_entry',
    `with entry as (
       insert into audit_log (actor, on_behalf_of, action, subject_type, subject_id, before, after, request_id)
       values ($1, $2, $3, $4, $5, $6, $7, $8) returning id
     ), personal as (
       insert into audit_personal (audit_id, person, address, before, after)
       select e.id, p.person, p.address, p.before, p.after
       from entry e cross join jsonb_to_recordset($9::jsonb) as p (person text, address text, before jsonb, after jsonb)
     )
     select from entry`,
    [
      entry.actor,
      entry.onBehalfOf,
      entry.action,
      entry.subject.type,
      entry.subject.id,
      textOf(entry.before),
      textOf(entry.after),
      entry.requestId,
      JSON.stringify(entry.personal),
    ],
  );
}

/** Entries of one action on many subjects, without values. */
export function insertEntries(
  tx: Transaction,
  entries: {
    actor: string;
    action: string;
    type: AuditSubject;
    ids: readonly string[];
    requestId: string | null;
    address: string | null;
  },
): Promise<number> {
  return execute(
    tx,
    'audit.insert_entries',
    `with entry as (
       insert into audit_log (actor, action, subject_type, subject_id, request_id)
       select $1, $2, $3, subject_id, $5 from unnest($4::text[]) as s (subject_id) returning id
     ), personal as (
       insert into audit_personal (audit_id, person, address)
       select id, $1, $6 from entry where $6::text is not null
     )
     select from entry`,
    [entries.actor, entries.action, entries.type, entries.ids, entries.requestId, entries.address],
  );
}

function textOf(values: AuditValues | null): string | null {
  return values === null ? null : JSON.stringify(values);
}

export function insertOrigin(
  tx: Transaction,
  { requestId, person, address }: { requestId: string; person: string; address: string },
): Promise<number> {
  return execute(
    tx,
    'audit.insert_origin',
    `insert into audit_origins (request_id, person, address) values ($1, $2, $3) on conflict (request_id) do nothing`,
    [requestId, person, address],
  );
}
