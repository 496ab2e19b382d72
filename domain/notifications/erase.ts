import type { Database, Transaction } from '../../platform/database/database';
import type { Mailer } from '../identity/accounts/types';
import {
  clearMails,
  deleteMails,
  deleteNotifications,
  deletePreferences,
  selectMailIds,
} from './erase-queries';

/** Removes mails about events from where they lie. @param mailer null: none are anywhere */
export async function withdrawNotifications(
  db: Database,
  mailer: Mailer | null,
  userId: string,
): Promise<void> {
  for (const { id } of await selectMailIds(db, userId)) await mailer?.withdraw(id);
}

/** Forgets what somebody was told and wanted to be told, and what was said of their address. Which mails they got is kept. */
export async function forgetNotifications(tx: Transaction, userId: string): Promise<void> {
  await clearMails(tx, userId);
  await deleteNotifications(tx, userId);
  await deletePreferences(tx, userId);
}

/** Forgets that somebody was sent mails. */
export function forgetSentMails(tx: Transaction, userId: string): Promise<void> {
  return deleteMails(tx, userId);
}
