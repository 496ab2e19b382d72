import type { Database } from '../../../platform/database/database';
import {
  raiseAlerts,
  resolveAlerts,
  resolveBrokenPromises,
  SHOWN_IN_DETAILS,
} from '../../stock/alerts/alerts';
import type { StockKey } from '../../stock/ledger/types';
import type { UpkeepLimits } from './blocked-lots';
import { selectNearExpiry, selectNoLongerNear } from './queries';

/** Places of one transaction. */
const BATCH = 200;

/**
 * Tells of lots on sale whose last day comes within so many days, an alert for each place, which shows the first of them and how many
 * there are; and takes back what is over. A place whose alert says what is the case is not looked at again, so the next run goes on
 * where this one stopped.
 */
export async function tellOfNearExpiry(
  db: Database,
  { days, withinMs = Infinity, batch = BATCH }: UpkeepLimits & { days: number },
): Promise<void> {
  const until = performance.now() + withinMs;
  await resolveBrokenPromises(db);
  while (performance.now() < until) {
    const over = await selectNoLongerNear(db, { days, limit: batch });
    await db.retrying((tx) => resolveAlerts(tx, 'expiry_near', over));
    if (over.length < batch) break;
  }
  let after: StockKey = { productId: 0, warehouseId: 0 };
  while (performance.now() < until) {
    const near = await selectNearExpiry(db, { days, after, limit: batch, shown: SHOWN_IN_DETAILS });
    const places = near.map(({ lots, total, ...key }) => ({ ...key, details: { lots, total } }));
    await db.retrying((tx) => raiseAlerts(tx, 'expiry_near', places));
    const last = places.at(-1);
    if (!last || places.length < batch) return;
    after = { productId: last.productId, warehouseId: last.warehouseId };
  }
}
