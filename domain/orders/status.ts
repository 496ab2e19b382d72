import type { Transaction } from '../../platform/database/database';
import { appendEvents } from './events';
import { endSettledOrders, updateStatus } from './queries';
import { resolveReviewAttention } from './review';
import { mayBecome } from './rules';
import { OPEN_ORDER_STATUSES, type OrderStatus } from './types';

/**
 * Ends the orders among these that have no unit left to reserve, ship or wait for: `fulfilled` if any unit was picked up,
 * else `endAs`, or `cancelled` where the table does not allow that (a paid order whose last part expired). The others are
 * left alone. Returns the ids that ended.
 */
export async function settleStatus(
  tx: Transaction,
  orderIds: readonly string[],
  endAs: 'fulfilled' | 'expired' | 'cancelled' | 'failed',
  failure: { code: string; detail: string } | null = null,
): Promise<string[]> {
  if (orderIds.length === 0) return [];
  const from = OPEN_ORDER_STATUSES.filter((status) => mayBecome(status, endAs));
  const ended = await endSettledOrders(tx, orderIds, { endAs, from, otherwise: 'cancelled' }, failure);
  await appendEvents(
    tx,
    ended.map(({ orderId, status }) => ({
      orderId,
      type: `order_${status}`,
      data: status === endAs && failure ? { code: failure.code, detail: failure.detail } : {},
    })),
  );
  await resolveReviewAttention(
    tx,
    ended.filter(({ endedReview }) => endedReview).map(({ orderId }) => orderId),
  );
  return ended.map((order) => order.orderId);
}

/** Moves orders forward to `to` where the table of transitions allows it; the others are left alone. */
export async function advanceStatus(
  tx: Transaction,
  orderIds: readonly string[],
  to: OrderStatus,
): Promise<string[]> {
  if (orderIds.length === 0) return [];
  return updateStatus(
    tx,
    orderIds,
    OPEN_ORDER_STATUSES.filter((from) => mayBecome(from, to)),
    to,
  );
}
