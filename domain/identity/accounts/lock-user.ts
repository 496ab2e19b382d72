import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { lockRights, type RightsRow } from './queries';
import { isActiveAdmin } from './rules';

/**
 * Locks a user whose rights are to change, with all admins that could remain.
 *
 * @returns the user, and whether nobody else can administer
 * @throws AppError `UNKNOWN_USER`
 */
export async function lockUser(
  tx: Transaction,
  userId: string,
): Promise<{ user: RightsRow; isLastAdmin: boolean }> {
  const rows = await lockRights(tx, userId);
  const user = rows.find((row) => row.userId === userId);
  if (!user) throw new AppError('UNKNOWN_USER', 'There is no such user.');
  return {
    user,
    isLastAdmin: isActiveAdmin(user) && !rows.some((row) => row !== user && isActiveAdmin(row)),
  };
}

export function lastAdmin(): AppError {
  return new AppError('LAST_ADMIN', 'This is the only admin: make another one first.');
}
