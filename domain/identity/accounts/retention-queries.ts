import { one, type Transaction } from '../../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../../platform/database/retention';

/** With their tokens, which are few. One that was not sent, nor given up, waits for a mailer, unless nobody would get it. */
export async function deleteMails(tx: Transaction, { days, after, limit }: AgedPart): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'account_mails.delete_old',
    `with part as materialized (
       select ctid as place, created_at as at, sent_at is not null or given_up_at is not null or user_id is null as is_over from account_mails
       where created_at < now() - make_interval(days => $1) and (created_at, ctid) > ($2::timestamptz, $3::tid)
       order by created_at, ctid limit $4
     ), gone as (
       delete from account_mails where ctid = any (array(select place from part where is_over)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
