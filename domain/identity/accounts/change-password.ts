import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { hashOfToken } from '../secret-token';
import { logOutEverywhere } from '../sessions/sessions';
import { networkOf } from '../throttle/rules';
import { beginAttempt, forgetFailures } from '../throttle/throttle';
import { setPending } from './email-queries';
import { findToken, useToken } from './mail-queries';
import { askForMail } from './mails';
import { findByEmail, findPassword, setConfirmed, setPassword } from './queries';
import { mailTokenInvalid } from './register';
import { tryPassword, type AccountDeps } from './sign-in';

/**
 * Asks for the mail with which a new password is chosen. Says and takes the same for an address without an account.
 *
 * @throws AppError `TOO_MANY_ATTEMPTS`
 */
export async function askForNewPassword(
  db: Database,
  { email, address }: { email: string; address: string },
): Promise<void> {
  await beginAttempt(db, { mail: networkOf(address) });
  await db.retrying(async (tx) => {
    const account = await findByEmail(tx, email);
    await askForMail(tx, account?.status === 'active' ? account.userId : null, 'reset_password');
  });
}

/**
 * Sets a new password by the token of a mail, which also confirms the address. All sessions end, and the account's failed attempts are
 * forgotten.
 *
 * @throws AppError `MAIL_TOKEN_INVALID`
 */
export async function resetPassword(
  { db, passwords }: AccountDeps,
  { token, password }: { token: string; password: string },
): Promise<void> {
  const hash = hashOfToken(token);
  // Before anything is spent on a hash.
  if (hash === null || !(await findToken(db, hash, 'reset_password'))?.isGood) throw mailTokenInvalid();
  const passwordHash = await passwords.hash(password);
  await db.retrying(async (tx) => {
    const userId = await useToken(tx, hash, 'reset_password');
    if (userId === undefined) throw mailTokenInvalid();
    await setConfirmed(tx, userId);
    await storePassword(tx, { userId, passwordHash, actor: `user:${userId}` });
    const email = (await findPassword(tx, userId))?.email;
    if (email) await forgetFailures(tx, { account: email.toLowerCase() });
  });
}

/**
 * Changes a password by who knows the present one. All sessions end.
 *
 * @throws AppError `PASSWORD_NOT_RIGHT`, `TOO_MANY_ATTEMPTS`
 */
export async function changePassword(
  deps: AccountDeps,
  userId: string,
  given: { current: string; password: string; address: string },
): Promise<void> {
  const { db, passwords } = deps;
  const hash = await expectPassword(deps, userId, { password: given.current, address: given.address });
  const passwordHash = await passwords.hash(given.password);
  await db.retrying((tx) =>
    storePassword(tx, { userId, passwordHash, instead: hash, actor: `user:${userId}` }),
  );
}

/**
 * Checks the password of somebody who is signed in, as one attempt among those that are counted.
 *
 * @returns its hash
 * @throws AppError `PASSWORD_NOT_RIGHT`, also where they have none; `TOO_MANY_ATTEMPTS`
 */
export async function expectPassword(
  deps: AccountDeps,
  userId: string,
  { password, address }: { password: string; address: string },
): Promise<string> {
  const { passwordHash = null, email = null } = (await findPassword(deps.db, userId)) ?? {};
  const isRight = await tryPassword(deps, { email: email ?? userId, address }, passwordHash, password);
  if (!isRight || passwordHash === null) throw notRight();
  return passwordHash;
}

/** Whether somebody signs in here with a password, and not with another provider only. */
export async function hasPassword(on: Queryable, userId: string): Promise<boolean> {
  return typeof (await findPassword(on, userId))?.passwordHash === 'string';
}

/**
 * Makes sure that a password is the one of an account: by command, of somebody who has the database. Where it is already, nothing ends.
 *
 * @throws AppError `UNKNOWN_USER`
 */
export async function ensurePassword(
  { db, passwords }: AccountDeps,
  { email, password, actor }: { email: string; password: string; actor: string },
): Promise<void> {
  const account = await findByEmail(db, email);
  if (!account) throw new AppError('UNKNOWN_USER', `Nobody has the e-mail address ${email}.`);
  if (await passwords.verify(account.passwordHash, password)) return;
  const passwordHash = await passwords.hash(password);
  await db.retrying((tx) => storePassword(tx, { userId: account.userId, passwordHash, actor }));
}

/** `instead`: of this hash only, since somebody else may have changed it meanwhile. */
async function storePassword(
  tx: Transaction,
  {
    userId,
    passwordHash,
    instead,
    actor,
  }: { userId: string; passwordHash: string; instead?: string | undefined; actor: string },
): Promise<void> {
  if (!(await setPassword(tx, userId, passwordHash, instead ?? null))) throw notRight();
  await logOutEverywhere(tx, userId, 'password');
  // Somebody else may have asked for it who knew the password before.
  await setPending(tx, userId, null);
  await askForMail(tx, userId, 'password_changed');
  await recordChange(tx, { actor, action: 'user.password_changed', subject: { type: 'user', id: userId } });
}

function notRight(): AppError {
  return new AppError('PASSWORD_NOT_RIGHT', 'The present password is another one.');
}
