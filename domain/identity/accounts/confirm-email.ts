import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { hashOfToken } from '../secret-token';
import { changeEmail } from './change-email';
import { expectPassword } from './change-password';
import { findConfirmation } from './email-queries';
import { useToken } from './mail-queries';
import { setConfirmed } from './queries';
import { mailTokenInvalid } from './register';
import type { AccountDeps } from './sign-in';

/** What shows that the account of a token is theirs: it is theirs who are signed in, or they know its password. */
export interface Confirmation {
  token: string;
  /** Of the user who is signed in; null: nobody is. */
  signedIn: string | null;
  password: string | undefined;
  /** Network address of who confirms. */
  address: string;
}

/**
 * Confirms an address by the token of its mail, by who has the account: whoever reads the mail may be another than who registered, and
 * must not confirm the password of a stranger. Again with the same token changes nothing.
 *
 * @throws AppError `MAIL_TOKEN_INVALID`, `CONFIRMATION_UNPROVEN`, `PASSWORD_NOT_RIGHT`, `TOO_MANY_ATTEMPTS`, and `EMAIL_TAKEN` for a new
 *   address that has an account by now
 */
export async function confirmEmail(deps: AccountDeps, given: Confirmation): Promise<void> {
  const { token, signedIn, password, address } = given;
  const hash = hashOfToken(token);
  const found = hash && (await findConfirmation(deps.db, hash));
  if (!hash || !found) throw mailTokenInvalid();
  const { userId, kind, mailId } = found;
  if (password !== undefined) await expectPassword(deps, userId, { password, address });
  else if (signedIn !== userId) throw unproven();
  await deps.db.retrying(async (tx) => {
    if ((await useToken(tx, hash, kind)) === undefined) {
      const known = await findConfirmation(tx, hash);
      // A token that was used, of an account whose address is confirmed, has done what it is for.
      if (!known?.emailConfirmed) throw mailTokenInvalid();
      return;
    }
    if (kind === 'change_email') {
      if (!(await changeEmail(tx, { userId, mailId }))) throw mailTokenInvalid();
      return;
    }
    await setConfirmed(tx, userId);
    await recordChange(tx, {
      actor: `user:${userId}`,
      action: 'user.email_confirmed',
      subject: { type: 'user', id: userId },
    });
  });
}

function unproven(): AppError {
  return new AppError(
    'CONFIRMATION_UNPROVEN',
    'Sign in to the account, or send its password too. If you do not know it, ask for a new password: choosing one confirms the address.',
  );
}
