import { one, type Transaction } from '../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../platform/database/retention';

/** With the requests that were made; not those that wait for their next try. */
export async function deleteOldDeliveries(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'webhooks.delete_old_deliveries',
    `with part as materialized (
       select ctid as place, created_at as at, status from webhook_deliveries
       where created_at < now() - make_interval(days => $1) and (created_at, ctid) > ($2::timestamptz, $3::tid)
       order by created_at, ctid limit $4
     ), gone as (
       delete from webhook_deliveries where ctid = any (array(select place from part where status <> 'pending')) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
