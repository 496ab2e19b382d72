import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { beginSession, type RefreshedSession } from '../sessions/sessions';
import { networkOf } from '../throttle/rules';
import { attemptSucceeded, beginAttempt, withdrawAttempt, type Guarded } from '../throttle/throttle';
import { findByEmail } from './queries';
import type { Passwords } from './types';

/** What accounts work with. */
export interface AccountDeps {
  db: Database;
  passwords: Passwords;
}

export interface Credentials {
  email: string;
  password: string;
  /** Network address of who tries. */
  address: string;
}

/**
 * Signs in with a password and begins a session. Says and takes the same whether there is no such account, the password is another or the
 * account is disabled.
 *
 * @throws AppError `SIGN_IN_FAILED`, `TOO_MANY_ATTEMPTS`
 */
export async function logIn(deps: AccountDeps, credentials: Credentials): Promise<RefreshedSession> {
  const { email, password, address } = credentials;
  const account = await findByEmail(deps.db, email);
  const isRight = await tryPassword(deps, { email, address }, account?.passwordHash ?? null, password);
  const isOpen = isRight && account?.status === 'active' && account.passwordHash !== null;
  const { userId, passwordHash } = account ?? {};
  const session =
    isOpen && userId && passwordHash ? await beginSession(deps.db, { userId, passwordHash }) : null;
  if (session === null)
    throw new AppError('SIGN_IN_FAILED', 'The e-mail address or the password is not right.');
  return session;
}

/**
 * Checks a password as one attempt among those that are counted, by account and by network.
 *
 * @throws AppError `TOO_MANY_ATTEMPTS`
 */
export async function tryPassword(
  { db, passwords }: AccountDeps,
  { email, address }: { email: string; address: string },
  hash: string | null,
  password: string,
): Promise<boolean> {
  const guarded: Guarded = { account: email.toLowerCase(), address: networkOf(address) };
  await beginAttempt(db, guarded);
  const isRight = await hashing(db, guarded, () => passwords.verify(hash, password));
  if (isRight) await attemptSucceeded(db, guarded);
  return isRight;
}

/** An attempt whose turn to be hashed did not come was none. */
export async function hashing<T>(db: Database, guarded: Guarded, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await withdrawAttempt(db, guarded);
    throw error;
  }
}
