import { one, type Database, type Transaction } from './database';
import {
  asRemovedPart,
  FIRST_PLACE,
  REMOVED_OF_PART,
  removeAged,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
  type RetentionRun,
} from './retention';

/** Removes keys that nobody has used for so long. The same request, sent again after that, is decided anew. */
export function removeOldKeys(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteKeys);
}

async function deleteKeys(tx: Transaction, { days, after, limit }: AgedPart): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'idempotency.delete_old',
    `with part as materialized (
       select ctid as place, created_at as at, updated_at < now() - make_interval(days => $1) as unused
       from idempotency_keys
       where created_at < now() - make_interval(days => $1) and (created_at, ctid) > ($2::timestamptz, $3::tid)
       order by created_at, ctid limit $4
     ), gone as (
       delete from idempotency_keys where ctid = any (array(select place from part where unused)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
