/**
 * Common table expressions that write entries in a statement that writes something else, where another statement would cost it a round
 * trip.
 *
 * @param rows a table expression with `actor`, `on_behalf_of`, `action`, `subject_type`, `subject_id`, `after` (jsonb) and
 *   `request_id`
 * @param address SQL of the address that asked; where it is null, the one that was kept for the request (`keepOrigin`)
 */
export function entriesOf(rows: string, address: string): string {
  return `audit_entries as (
       insert into audit_log (actor, on_behalf_of, action, subject_type, subject_id, after, request_id)
       select r.actor, r.on_behalf_of, r.action, r.subject_type, r.subject_id, r.after, r.request_id from ${rows} r
       returning id, actor, request_id
     ), audit_asked as (
       insert into audit_personal (audit_id, person, address)
       select e.id, e.actor, coalesce(${address}, o.address)
       from audit_entries e left join audit_origins o on o.request_id = e.request_id and o.person = e.actor
       where coalesce(${address}, o.address) is not null
     )`;
}
