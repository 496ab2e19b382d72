import { one, type Transaction } from '../../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../../platform/database/retention';

/** By when they ended; one that is not over has no such time. */
export async function deleteOldAlerts(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'alerts.delete_old',
    `with part as materialized (
       select ctid as place, resolved_at as at from alerts
       where status = 'resolved' and resolved_at < now() - make_interval(days => $1)
         and (resolved_at, ctid) > ($2::timestamptz, $3::tid)
       order by resolved_at, ctid limit $4
     ), gone as (
       delete from alerts where ctid = any (array(select place from part)) and status = 'resolved' returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
