import type { Transaction } from '../../../platform/database/database';
import { deleteLinks, refuseLinks } from './queries';

/**
 * Forgets who somebody is at another provider. Should they come again, they are somebody new, or refused.
 *
 * @param refuse their account was disabled, and that holds
 */
export async function unlink(
  tx: Transaction,
  userId: string,
  { refuse }: { refuse: boolean },
): Promise<void> {
  if (refuse) await refuseLinks(tx, userId);
  await deleteLinks(tx, userId);
}
