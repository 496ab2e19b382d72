import type { Database } from '../../platform/database/database';
import { markChecked, type CheckedOrder } from '../orders/checked';
import { selectSuspectsForUpdate } from './reconcile-queries';

/**
 * Takes up to `limit` orders that have something left to do and have not moved for `graceSeconds`, to be looked at: open ones,
 * and ended ones with a charge or refund that is not final. The longer one has rested, the less often it is taken again, at
 * least every `recheckSeconds`. Several callers at once get different orders, and a long list is gone through in turn.
 */
export function claimSuspects(
  db: Database,
  limits: { graceSeconds: number; recheckSeconds: number; limit: number },
): Promise<CheckedOrder[]> {
  return db.transaction(async (tx) => markChecked(tx, await selectSuspectsForUpdate(tx, limits)));
}
