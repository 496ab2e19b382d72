import { one, type Transaction } from '../../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../../platform/database/retention';

export async function deleteAttempts(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'sign_in_attempts.delete_old',
    `with part as materialized (
       select ctid as place, last_at as at from sign_in_attempts
       where last_at < now() - make_interval(days => $1) and (last_at, ctid) > ($2::timestamptz, $3::tid)
       order by last_at, ctid limit $4
     ), gone as (
       delete from sign_in_attempts where ctid = any (array(select place from part)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
