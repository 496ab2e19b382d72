import { one, type Transaction } from '../../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../../platform/database/retention';

/**
 * Those whom old alerts concern, each by itself, before its alert: one may have tens of thousands. Every row that is looked at is
 * removed, so the alert at which a part ended is looked at again.
 */
export async function deleteOldAffected(
  tx: Transaction,
  { days, after, limit }: Omit<AgedPart, 'after'> & { after: Pick<AgedPart['after'], 'at'> },
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'alerts.delete_old_affected',
    `with part as materialized (
       select f.place, a.resolved_at as at
       from alerts a cross join lateral (
         select f.ctid as place from alert_affected f where f.alert_id = a.id order by f.id limit $3) f
       where a.status = 'resolved' and a.resolved_at < now() - make_interval(days => $1) and a.resolved_at >= $2::timestamptz
       order by a.resolved_at limit $3
     ), gone as (
       delete from alert_affected where ctid = any (array(select place from part)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, limit],
  );
  return asRemovedPart(removed, limit);
}

/** By when they ended; one that is not over has no such time. One that still concerns somebody stays for the next run. */
export async function deleteOldAlerts(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'alerts.delete_old',
    `with part as materialized (
       select ctid as place, resolved_at as at, exists (select from alert_affected f where f.alert_id = a.id) as has_affected
       from alerts a
       where status = 'resolved' and resolved_at < now() - make_interval(days => $1)
         and (resolved_at, ctid) > ($2::timestamptz, $3::tid)
       order by resolved_at, ctid limit $4
     ), gone as (
       delete from alerts where ctid = any (array(select place from part where not has_affected)) and status = 'resolved' returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
