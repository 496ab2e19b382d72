import { one, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../platform/database/retention';
import { OPEN_ORDER_STATUSES } from '../orders/types';

/** Read or not. */
export async function deleteOldNotifications(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'notifications.delete_old',
    `with part as materialized (
       select ctid as place, created_at as at from notifications
       where created_at < now() - make_interval(days => $1) and (created_at, ctid) > ($2::timestamptz, $3::tid)
       order by created_at, ctid limit $4
     ), gone as (
       delete from notifications where ctid = any (array(select place from part)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}

/** Not those that wait for their next try. */
export async function deleteOldMails(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'mails.delete_old',
    `with part as materialized (
       select ctid as place, created_at as at, status from mails
       where created_at < now() - make_interval(days => $1) and (created_at, ctid) > ($2::timestamptz, $3::tid)
       order by created_at, ctid limit $4
     ), gone as (
       delete from mails where ctid = any (array(select place from part where status <> 'pending')) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}

/** Contacts of orders that have ended, or never came to be. */
export async function deleteOldContacts(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'order_contacts.delete_old',
    `with part as materialized (
       select ctid as place, created_at as at, order_id from order_contacts
       where created_at < now() - make_interval(days => $1) and (created_at, ctid) > ($2::timestamptz, $3::tid)
       order by created_at, ctid limit $4
     ), gone as (
       delete from order_contacts where ctid = any (array(
         select place from part where not exists (
           select from orders o where o.id = part.order_id and o.status in ${literals(OPEN_ORDER_STATUSES)}))) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
