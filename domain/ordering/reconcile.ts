import type { Database } from '../../platform/database/database';
import { nextStep } from '../orders/rules';
import type { OrderInput } from '../orders/types';
import { readProgress } from './progress';
import { claimResting } from './reconcile-queries';
import { readOrderInput } from './views';

/**
 * Takes up to `limit` orders that have something left to do and have not moved for `graceSeconds`; each again after
 * `recheckSeconds` at the latest. Several callers share them.
 */
export function claimRestingOrders(
  db: Database,
  limits: { graceSeconds: number; recheckSeconds: number; limit: number },
): Promise<{ id: string }[]> {
  return claimResting(db, limits);
}

/** What an order's saga is started with, or null when nothing is left to do for the order, or there is none. */
export async function readUnfinishedOrder(db: Database, orderId: string): Promise<OrderInput | null> {
  const progress = await readProgress(db, orderId);
  if (!progress || nextStep(progress).do === 'finish') return null;
  return (await readOrderInput(db, orderId))?.input ?? null;
}
