import type { Transaction } from '../../../platform/database/database';
import { deleteLinks } from './queries';

/** Forgets who somebody is at another provider. Should they come again, they are somebody new. */
export function unlink(tx: Transaction, userId: string): Promise<void> {
  return deleteLinks(tx, userId);
}
