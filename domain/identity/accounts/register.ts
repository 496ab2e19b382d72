import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { newId } from '../../../platform/ids';
import { recordChange } from '../../audit/record';
import { networkOf } from '../throttle/rules';
import { beginAttempt, type Guarded } from '../throttle/throttle';
import { askForMail } from './mails';
import { findByEmail, insertUser, type NewUserRow } from './queries';
import { hashing, type AccountDeps } from './sign-in';
import type { Locale, UserRole } from './types';

export interface Registration {
  email: string;
  name: string | null;
  /** In which they are written to; English unless given. */
  locale?: Locale | undefined;
  password: string;
  /** Network address of who registers; null: a service or an operator does it for others, which is not counted here. */
  address: string | null;
  /** The caller who does it for others; null: it is somebody's own registration. */
  actor: string | null;
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
  const { email, name, locale = 'en' } = given;
  await db.retrying(async (tx) => {
    const userId = newId();
    const row = { userId, email, name, locale, role: 'customer', passwordHash, isConfirmed: false } as const;
    if (await insertUser(tx, row)) {
      await recordAdded(tx, given.actor ?? `user:${userId}`, row);
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
  given: {
    email: string;
    name: string | null;
    locale?: Locale;
    password: string;
    role: UserRole;
    actor: string;
  },
): Promise<string> {
  const { email, name, locale = 'en', role, actor } = given;
  const passwordHash = await passwords.hash(given.password);
  const userId = newId();
  const row = { userId, email, name, locale, role, passwordHash, isConfirmed: true };
  const isAdded = await db.retrying(async (tx) => {
    if (!(await insertUser(tx, row))) return false;
    await recordAdded(tx, actor, row);
    return true;
  });
  if (!isAdded) throw new AppError('EMAIL_TAKEN', `${email} has an account already.`);
  return userId;
}

async function recordAdded(tx: Transaction, actor: string, added: NewUserRow): Promise<void> {
  const { userId, email, name, role } = added;
  await recordChange(tx, {
    actor,
    action: 'user.added',
    subject: { type: 'user', id: userId },
    after: { role, status: 'active' },
    personal: { person: `user:${userId}`, after: { email, name } },
  });
}

export function mailTokenInvalid(): AppError {
  return new AppError(
    'MAIL_TOKEN_INVALID',
    'This token was used, has expired or was never sent. Ask for a new mail.',
  );
}
