import type { Transaction } from '../../platform/database/database';
import { endCancelRequest, openCancelRequest } from './cancel-request-queries';
import { appendEvents } from './events';
import { resolveReviewAttention } from './review';

/**
 * Records that an open order is to be cancelled, so that a saga that is started again knows. A review of it that is open ends.
 *
 * @returns false where that was recorded before, or the order is not open
 */
export async function recordCancelRequest(
  tx: Transaction,
  { orderId, reason, actor }: { orderId: string; reason: string; actor?: string | undefined },
): Promise<boolean> {
  const opened = await openCancelRequest(tx, orderId, reason);
  if (!opened) return false;
  await appendEvents(tx, [{ orderId, type: 'cancel_requested', actor, data: { reason } }]);
  if (opened.endedReview) await resolveReviewAttention(tx, [orderId]);
  return true;
}

/** Ends the request to cancel an order of which nothing more can be ended: done where anything was, else refused. */
export async function concludeCancelRequest(tx: Transaction, orderId: string): Promise<void> {
  const ended = await endCancelRequest(tx, orderId);
  // That all of it is cancelled is told by the order's end.
  if (!ended || ended.status === 'cancelled') return;
  const { state, units } = ended;
  await appendEvents(tx, [
    state === 'done'
      ? { orderId, type: 'rest_cancelled', data: { units } }
      : { orderId, type: 'cancel_refused' },
  ]);
}
