import type { Queryable } from '../../../platform/database/database';
import { waitUntilEnded } from '../../../platform/database/wait-for-writers';
import { selectStockWriters } from './queries';

/**
 * Waits until every transaction that may have read the state of a warehouse before now, and may still allocate by it, has ended.
 *
 * @returns false where some were still running after `withinMs`
 */
export function waitForStockWriters(on: Queryable, withinMs: number): Promise<boolean> {
  return waitUntilEnded(() => selectStockWriters(on), withinMs);
}
