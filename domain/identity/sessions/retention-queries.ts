import { one, type Transaction } from '../../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../../platform/database/retention';

/** Each by itself, before its session: one may have thousands. */
export async function deleteTokens(tx: Transaction, { days, after, limit }: AgedPart): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'refresh_tokens.delete_old',
    `with part as materialized (
       select ctid as place, expires_at as at from refresh_tokens
       where expires_at < now() - make_interval(days => $1) and (expires_at, ctid) > ($2::timestamptz, $3::tid)
       order by expires_at, ctid limit $4
     ), gone as (
       delete from refresh_tokens where ctid = any (array(select place from part)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}

/** Those without tokens, which end at the latest with their session. */
export async function deleteSessions(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'sessions.delete_old',
    `with part as materialized (
       select id as place, expires_at as at, exists (select from refresh_tokens t where t.session_id = s.id) as has_tokens
       from sessions s
       where expires_at < now() - make_interval(days => $1) and (expires_at, id) > ($2::timestamptz, $3::uuid)
       order by expires_at, id limit $4
     ), gone as (
       delete from sessions where id = any (array(select place from part where not has_tokens)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
