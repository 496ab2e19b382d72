import type { Database } from '../../platform/database/database';
import { utcMicros } from '../../platform/database/pages';
import type { AuditEntry, AuditFilter } from './types';

/** The address is of who asked; what changed of personal values is of everybody whom the entry is about. */
const ENTRY = `a.id, ${utcMicros('a.at')} as at, a.actor, a.on_behalf_of as "onBehalfOf", a.action,
  json_build_object('type', a.subject_type, 'id', a.subject_id) as subject, a.before, a.after, a.request_id as "requestId",
  (select p.address from audit_personal p where p.audit_id = a.id and p.person = a.actor) as address,
  (select json_build_object('person', p.person, 'before', p.before, 'after', p.after) from audit_personal p
   where p.audit_id = a.id and (p.before is not null or p.after is not null) limit 1) as personal`;

/** Newest first; one more than asked for, to tell whether there are more. */
export function selectEntryPage(db: Database, filter: AuditFilter): Promise<AuditEntry[]> {
  const query = db
    .builder('audit_log as a')
    .select(db.builder.raw(ENTRY))
    .orderBy([
      { column: 'a.at', order: 'desc' },
      { column: 'a.id', order: 'desc' },
    ])
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.actor !== undefined) void query.where('a.actor', filter.actor);
  if (filter.onBehalfOf !== undefined) void query.where('a.on_behalf_of', filter.onBehalfOf);
  if (filter.action !== undefined) void query.where('a.action', filter.action);
  if (filter.requestId !== undefined) void query.where('a.request_id', filter.requestId);
  if (filter.subject !== undefined)
    void query.where({ 'a.subject_type': filter.subject.type, 'a.subject_id': filter.subject.id });
  if (filter.from !== undefined) void query.whereRaw('a.at >= ?::timestamptz', [filter.from]);
  if (filter.to !== undefined) void query.whereRaw('a.at < ?::timestamptz', [filter.to]);
  if (filter.after)
    void query.whereRaw('(a.at, a.id) < (?::timestamptz, ?::bigint)', [
      filter.after.atMicros,
      filter.after.id,
    ]);
  return db.list<AuditEntry>(query);
}
