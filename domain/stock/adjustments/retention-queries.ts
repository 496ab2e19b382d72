import { one, type Transaction } from '../../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../../platform/database/retention';

/** The ledger keeps that a batch was applied: sent again after this, it is refused. */
export async function deleteOldChunks(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'adjustments.delete_old_chunks',
    `with part as materialized (
       select ctid as place, created_at as at from batch_chunks
       where created_at < now() - make_interval(days => $1) and (created_at, ctid) > ($2::timestamptz, $3::tid)
       order by created_at, ctid limit $4
     ), gone as (
       delete from batch_chunks where ctid = any (array(select place from part)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
