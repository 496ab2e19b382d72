import type { Database, Transaction } from '../../../platform/database/database';
import { forgetFailures } from '../throttle/throttle';
import { deleteMailsOf, deleteProfile, deleteTokens, selectMails, setErased } from './erase-queries';
import { lastAdmin, lockUser } from './lock-user';
import type { Mailer } from './types';

/**
 * Forgets e-mail address, name, password, tokens of mails and failed attempts of an account, and disables it. Its row stays, by whose id
 * it is known who did what. Again it changes nothing.
 *
 * @returns whether it was disabled before
 * @throws AppError `UNKNOWN_USER`, `LAST_ADMIN` where nobody would be left who can administer
 */
export async function eraseAccount(tx: Transaction, userId: string): Promise<{ wasDisabled: boolean }> {
  const { user, isLastAdmin } = await lockUser(tx, userId);
  if (isLastAdmin) throw lastAdmin();
  const email = await deleteProfile(tx, userId);
  await setErased(tx, userId);
  await deleteTokens(tx, userId);
  if (email !== null) await forgetFailures(tx, { account: email.toLowerCase() });
  return { wasDisabled: user.status === 'disabled' };
}

/** Removes the mails that somebody was sent from where they lie. @param mailer null: none are anywhere */
export async function withdrawMails(db: Database, mailer: Mailer | null, userId: string): Promise<void> {
  for (const { id } of await selectMails(db, userId)) await mailer?.withdraw(id);
}

/** Forgets that somebody was sent mails. */
export function forgetMails(tx: Transaction, userId: string): Promise<void> {
  return deleteMailsOf(tx, userId);
}
