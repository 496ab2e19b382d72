import { AppError } from '../../../platform/errors';
import { newId } from '../../../platform/ids';
import { networkOf } from '../throttle/rules';
import { beginAttempt, type Guarded } from '../throttle/throttle';
import { askForMail } from './mails';
import { findByEmail, insertUser } from './queries';
import { hashing, type AccountDeps } from './sign-in';
import type { UserRole } from './types';

export interface Registration {
  email: string;
  name: string | null;
  password: string;
  /** Network address of who registers; null: a service or an operator does it for others, which is not counted here. */
  address: string | null;
}

/**
 * Registers a customer. An address that has an account gets a mail instead, and nothing is changed: who registers is told the same.
 * The account, its profile and the request for its mail are one transaction, so that after a crash there are all of them or none, and
 * registering again is right in either case.
 *
 * @throws AppError `TOO_MANY_ATTEMPTS`
 */
export async function register({ db, passwords }: AccountDeps, given: Registration): Promise<void> {
  const guarded: Guarded = given.address === null ? {} : { mail: networkOf(given.address) };
  await beginAttempt(db, guarded);
  const passwordHash = await hashing(db, guarded, () => passwords.hash(given.password));
  const { email, name } = given;
  await db.retrying(async (tx) => {
    const userId = newId();
    const row = { userId, email, name, role: 'customer', passwordHash, isConfirmed: false } as const;
    if (await insertUser(tx, row)) {
      await askForMail(tx, userId, 'confirm_email');
      return;
    }
    const owner = await findByEmail(tx, email);
    if (owner) await askForMail(tx, owner.userId, owner.emailConfirmed ? 'account_exists' : 'confirm_email');
  });
}

/**
 * Adds an account whose address need not be confirmed: by command, of somebody who has the database.
 *
 * @returns its id
 * @throws AppError `EMAIL_TAKEN`
 */
export async function addUser(
  { db, passwords }: AccountDeps,
  given: { email: string; name: string | null; password: string; role: UserRole },
): Promise<string> {
  const { email, name, role } = given;
  const passwordHash = await passwords.hash(given.password);
  const userId = newId();
  const isAdded = await db.retrying((tx) =>
    insertUser(tx, { userId, email, name, role, passwordHash, isConfirmed: true }),
  );
  if (!isAdded) throw new AppError('EMAIL_TAKEN', `${email} has an account already.`);
  return userId;
}

export function mailTokenInvalid(): AppError {
  return new AppError(
    'MAIL_TOKEN_INVALID',
    'This token was used, has expired or was never sent. Ask for a new mail.',
  );
}
