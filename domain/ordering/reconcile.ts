import type { Database } from '../../platform/database/database';
import { ordersInNeed } from '../orders/attention';
import { lookAgain, markChecked, markMoneyClosed } from '../orders/checked';
import type { OrderInput } from '../orders/types';
import { readOrderInput } from '../orders/views';
import { readProgress } from './progress';
import { selectMoneyClosedForUpdate, selectSuspectsForUpdate } from './reconcile-queries';
import { nextStep } from './rules';

/**
 * Takes up to `limit` orders that have something left to do and have not moved for `graceSeconds`: open ones, and ended ones
 * with a charge, capture, void or refund that is not final. The longer one has rested, the less often it is taken again, at least every
 * `recheckSeconds`. Several callers at once get different orders, and a long list is worked off in turns.
 */
export async function claimRestingOrders(
  db: Database,
  limits: { graceSeconds: number; recheckSeconds: number; limit: number },
): Promise<{ id: string }[]> {
  await db.transaction(async (tx) => markMoneyClosed(tx, await selectMoneyClosedForUpdate(tx)));
  return db.transaction(async (tx) => {
    const orderIds = await selectSuspectsForUpdate(tx, limits);
    await markChecked(tx, orderIds);
    return orderIds.map((id) => ({ id }));
  });
}

/** Orders whose saga was found stuck. They are looked at in each run, until it goes on. */
export function findStuckOrders(db: Database): Promise<string[]> {
  return ordersInNeed(db, 'workflow_stuck');
}

/**
 * Lets these orders be looked at in the next run, however seldom it is their turn: something shows that their saga may
 * not go on. Those without rows are left out.
 */
export function lookSoon(db: Database, orderIds: readonly string[]): Promise<void> {
  return lookAgain(db, orderIds);
}

/** What an order's saga is started with, or null when nothing is left to do for the order, or there is none. */
export async function readUnfinishedOrder(db: Database, orderId: string): Promise<OrderInput | null> {
  const progress = await readProgress(db, orderId);
  if (!progress || nextStep(progress).do === 'finish') return null;
  return (await readOrderInput(db, orderId))?.input ?? null;
}
