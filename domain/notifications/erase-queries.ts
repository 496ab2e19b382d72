import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';

export function selectMailIds(on: Queryable, userId: string): Promise<{ id: string }[]> {
  return many<{ id: string }>(on, 'mails.of_user', 'select id from mails where user_id = $1', [userId]);
}

/** What servers answered has addresses. Those that wait are not sent: their reader has no address any more. */
export async function clearMails(tx: Transaction, userId: string): Promise<void> {
  await execute(
    tx,
    'mails.clear',
    `update mails set answer = null, address_hash = null where user_id = $1 and (answer is not null or address_hash is not null)`,
    [userId],
  );
}

export async function deleteMails(tx: Transaction, userId: string): Promise<void> {
  await execute(tx, 'mails.delete_of_user', 'delete from mails where user_id = $1', [userId]);
}

export async function deleteNotifications(tx: Transaction, userId: string): Promise<void> {
  await execute(tx, 'notifications.delete_of_user', 'delete from notifications where user_id = $1', [userId]);
}

export async function deletePreferences(tx: Transaction, userId: string): Promise<void> {
  await execute(
    tx,
    'notification_preferences.delete_of_user',
    'delete from notification_preferences where user_id = $1',
    [userId],
  );
}
