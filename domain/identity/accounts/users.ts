import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { pageIn, withoutMicros, type Page } from '../../../platform/database/pages';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { logOutEverywhere } from '../sessions/sessions';
import { lastAdmin, lockUser } from './lock-user';
import {
  findByEmail,
  findUser,
  insertUnnamed,
  selectAdmin,
  selectUserPage,
  selectUsers,
  setLocale,
  setName,
  setRights,
  type UserFilter,
} from './queries';
import { isActiveAdmin } from './rules';
import type { Locale, User, UserRole, UserStatus } from './types';

export { selectActiveUsers as activeUsers } from './queries';

/** A user; undefined: there is none. */
export function readUser(on: Queryable, userId: string): Promise<User | undefined> {
  return findUser(on, userId);
}

/**
 * Whether somebody whose token says that they are an admin is one still: a token outlives a change of rights by some minutes, and must
 * not undo it. People of a provider have their roles from it, and need only be active.
 */
export async function isAdminStill(on: Queryable, userId: string): Promise<boolean> {
  return (await selectAdmin(on, userId)) !== undefined;
}

/** The newest users. */
export function listUsers(on: Queryable, limit: number): Promise<User[]> {
  return selectUsers(on, limit);
}

/** A page of users, newest first. */
export async function findUsers(db: Database, filter: UserFilter): Promise<Page<User>> {
  return pageIn(await selectUserPage(db, filter), filter.limit, withoutMicros);
}

/** Id of the user with an e-mail address. @throws AppError `UNKNOWN_USER` */
export async function userOfEmail(on: Queryable, email: string): Promise<string> {
  const found = await findByEmail(on, email);
  if (!found) throw new AppError('UNKNOWN_USER', `Nobody has the e-mail address ${email}.`);
  return found.userId;
}

/** Adds a customer without password or personal values, who signs in elsewhere. */
export function addUnnamedUser(tx: Transaction, userId: string): Promise<void> {
  return insertUnnamed(tx, userId);
}

/** Somebody changes their own name so many seconds after the last change at the earliest: each is recorded for ever. */
const RENAMED_APART_SECONDS = 60;

/**
 * Changes what a user is called.
 *
 * @throws AppError `TOO_MANY_ATTEMPTS` with `retryAfter`, where they change it themselves and it was changed within the last minute
 */
export async function rename(
  db: Database,
  { userId, name, actor }: { userId: string; name: string | null; actor: string },
): Promise<void> {
  await db.retrying(async (tx) => {
    const before = await setName(tx, userId, name);
    // Without a profile there is nothing to rename: erased, or of another provider.
    if (before === undefined || before.name === name) return;
    const { secondsAgo } = before;
    if (actor === `user:${userId}` && secondsAgo !== null && secondsAgo < RENAMED_APART_SECONDS) {
      const retryAfter = Math.max(1, Math.ceil(RENAMED_APART_SECONDS - secondsAgo));
      throw new AppError(
        'TOO_MANY_ATTEMPTS',
        `The name was changed just now. Try again in ${retryAfter} s.`,
        {
          retryAfter,
        },
      );
    }
    await recordChange(tx, {
      actor,
      action: 'user.renamed',
      subject: { type: 'user', id: userId },
      personal: { person: `user:${userId}`, before: { name: before.name }, after: { name } },
    });
  });
}

/**
 * Changes in which language a user is written to. Of one without a profile it does nothing. What is changed for somebody else is recorded;
 * one's own language is a preference of one's own.
 */
export async function changeLocale(
  db: Database,
  { userId, locale, actor }: { userId: string; locale: Locale; actor: string },
): Promise<void> {
  await db.retrying(async (tx) => {
    const before = await setLocale(tx, userId, locale);
    if (before === undefined || actor === `user:${userId}`) return;
    await recordChange(tx, {
      actor,
      action: 'user.language_changed',
      subject: { type: 'user', id: userId },
      personal: { person: `user:${userId}`, before, after: { locale } },
    });
  });
}

/**
 * Changes what a user may do. What changes ends the user's sessions; access tokens end within their minutes. Again it changes nothing.
 *
 * @throws AppError `UNKNOWN_USER`, `LAST_ADMIN` where nobody would be left who can undo it
 */
export async function changeRights(
  db: Database,
  userId: string,
  given: { role?: UserRole | undefined; status?: UserStatus | undefined; actor: string },
): Promise<void> {
  await db.retrying(async (tx) => {
    const { user, isLastAdmin } = await lockUser(tx, userId);
    const { role = user.role, status = user.status } = given;
    if (role === user.role && status === user.status) return;
    if (isLastAdmin && !isActiveAdmin({ role, status })) throw lastAdmin();
    await setRights(tx, userId, { role, status });
    await logOutEverywhere(tx, userId, status === 'disabled' ? 'disabled' : 'role');
    await recordChange(tx, {
      actor: given.actor,
      action: 'user.rights_changed',
      subject: { type: 'user', id: userId },
      before: { role: user.role, status: user.status },
      after: { role, status },
    });
  });
}
