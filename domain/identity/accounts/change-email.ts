import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { newId } from '../../../platform/ids';
import { recordChange } from '../../audit/record';
import { networkOf } from '../throttle/rules';
import { beginAttempt } from '../throttle/throttle';
import { expectPassword } from './change-password';
import { takePending, setPending } from './email-queries';
import { useOthers } from './mail-queries';
import { APART_SECONDS, askForMail } from './mails';
import { findByEmail, setConfirmed } from './queries';
import type { AccountDeps } from './sign-in';

/**
 * Asks for another e-mail address, by who knows the password: it counts once its token is confirmed (`confirmEmail`). Asking again takes
 * the place of what was asked before; for the address that one has, it calls that off. Says and writes the same for an address that has
 * an account, whose owner gets a mail.
 *
 * @throws AppError `PASSWORD_NOT_RIGHT`, `TOO_MANY_ATTEMPTS`, also where one was asked for within the last minute
 */
export async function askForEmailChange(
  deps: AccountDeps,
  userId: string,
  given: { email: string; password: string; address: string },
): Promise<void> {
  const { db } = deps;
  const { email, password, address } = given;
  await expectPassword(deps, userId, { password, address });
  // The mail goes to whatever address is named.
  await beginAttempt(db, { mail: networkOf(address) });
  await db.retrying(async (tx) => {
    const owner = await findByEmail(tx, email);
    if (owner?.userId === userId) await setPending(tx, userId, null);
    else await askAnew(tx, { userId, email, ownerId: owner?.userId ?? null });
  });
}

async function askAnew(
  tx: Transaction,
  { userId, email, ownerId }: { userId: string; email: string; ownerId: string | null },
): Promise<void> {
  const mailId = newId();
  const pending = { email, mailId, apartSeconds: APART_SECONDS };
  if (!(await setPending(tx, userId, pending)))
    throw new AppError(
      'TOO_MANY_ATTEMPTS',
      `Another address was asked for just now. Try again in ${APART_SECONDS} s.`,
      { retryAfter: APART_SECONDS },
    );
  if (ownerId === null) await askForMail(tx, userId, 'change_email', { id: mailId, apartSeconds: 0 });
  else await askForMail(tx, ownerId, 'account_exists');
}

/**
 * Lets a new address count whose mail was confirmed. A note goes to the one before, and what was sent there to choose a new password is
 * good no more.
 *
 * @returns false where another address was asked for since
 * @throws AppError `EMAIL_TAKEN` where it has an account by now
 */
export async function changeEmail(
  tx: Transaction,
  { userId, mailId }: { userId: string; mailId: string },
): Promise<boolean> {
  const taken = await takePending(tx, userId, mailId).catch((error: unknown) => {
    throw translateDatabaseError(error);
  });
  if (!taken) return false;
  await setConfirmed(tx, userId);
  await useOthers(tx, userId, 'reset_password');
  await askForMail(tx, userId, 'email_changed');
  const person = `user:${userId}`;
  await recordChange(tx, {
    actor: person,
    action: 'user.email_changed',
    subject: { type: 'user', id: userId },
    personal: { person, before: { email: taken.former }, after: { email: taken.email } },
  });
  return true;
}
