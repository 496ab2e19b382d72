import type { Database } from '../../../platform/database/database';
import { newId } from '../../../platform/ids';
import { addUnnamedUser } from '../accounts/users';
import { findLinked, insertLink, isRefused } from './queries';

/**
 * The user that somebody of another provider is here, who is made when they come first. By issuer and subject alone: an e-mail address is
 * what their provider says it is.
 *
 * @returns its id; null where the account is disabled, or was before it was erased
 */
export async function linkedUser(
  db: Database,
  identity: { issuer: string; subject: string },
): Promise<string | null> {
  const found = await findLinked(db, identity);
  if (found) return found.status === 'active' ? found.userId : null;
  if (await isRefused(db, identity)) return null;
  const userId = newId();
  try {
    await db.retrying(async (tx) => {
      await addUnnamedUser(tx, userId);
      if (!(await insertLink(tx, { ...identity, userId }))) throw new LinkedMeanwhile();
    });
  } catch (error) {
    if (!(error instanceof LinkedMeanwhile)) throw error;
    return linkedUser(db, identity);
  }
  return userId;
}

/** Rolls back: the account that another request has made is theirs. */
class LinkedMeanwhile extends Error {}
