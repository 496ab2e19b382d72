import type { Transaction } from '../../platform/database/database';
import { clearCancelReason, setCancelReason } from './cancel-request-queries';
import { appendEvents } from './events';

/**
 * Records that an open order is to be cancelled, so that a saga that is started again knows.
 *
 * @returns false where that was recorded before, or the order is not open
 */
export async function recordCancelRequest(
  tx: Transaction,
  orderId: string,
  reason: string,
): Promise<boolean> {
  const recorded = await setCancelReason(tx, orderId, reason);
  if (recorded) await appendEvents(tx, [{ orderId, type: 'cancel_requested', data: { reason } }]);
  return recorded;
}

/** Forgets the request to cancel an open order: it could not be cancelled. */
export async function refuseCancelRequest(tx: Transaction, orderId: string): Promise<void> {
  if (await clearCancelReason(tx, orderId)) await appendEvents(tx, [{ orderId, type: 'cancel_refused' }]);
}
