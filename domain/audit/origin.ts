import type { Database } from '../../platform/database/database';
import { insertOrigin } from './queries';

/**
 * Keeps from where the request that runs (`Database.runFor`) comes, for entries that a workflow writes for it: the workflow carries the
 * request's id alone. Erased and removed with the addresses of entries. Again it changes nothing.
 *
 * @param actor who asks, as a caller
 */
export async function keepOrigin(db: Database, actor: string): Promise<void> {
  await db.retrying(async (tx) => {
    const { requestId, address } = tx.origin ?? { requestId: '', address: null };
    if (address !== null) await insertOrigin(tx, { requestId, person: actor, address });
  });
}
