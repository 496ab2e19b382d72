import { one, type Transaction } from '../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../platform/database/retention';

/** By the ids of entries, which rise with their time: a row whose address is gone is in the index no more. */
export async function clearAddresses(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const cleared = await one<RemovedRow>(
    tx,
    'audit_personal.clear_old_addresses',
    `with part as materialized (
       select p.audit_id as place, a.at from audit_personal p join audit_log a on a.id = p.audit_id
       where p.address is not null and p.audit_id > $2::bigint and a.at < now() - make_interval(days => $1)
       order by p.audit_id limit $3
     ), gone as (
       update audit_personal set address = null
       where audit_id = any (array(select place from part)) and address is not null returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.row, limit],
  );
  return asRemovedPart(cleared, limit);
}

/** What was kept for entries that a workflow writes. */
export async function deleteOrigins(tx: Transaction, { days, after, limit }: AgedPart): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'audit_origins.delete_old',
    `with part as materialized (
       select ctid as place, at from audit_origins
       where at < now() - make_interval(days => $1) and (at, ctid) > ($2::timestamptz, $3::tid)
       order by at, ctid limit $4
     ), gone as (
       delete from audit_origins where ctid = any (array(select place from part)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
