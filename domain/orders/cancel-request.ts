import type { Transaction } from '../../platform/database/database';
import { clearCancelReason, setCancelReason } from './cancel-request-queries';
import { appendEvents } from './events';

/**
 * Notes with an open order that somebody asked to cancel it, so that whoever carries on with it knows.
 *
 * @returns false where that was noted before, or the order is not open
 */
export async function noteCancelRequest(tx: Transaction, orderId: string, reason: string): Promise<boolean> {
  const noted = await setCancelReason(tx, orderId, reason);
  if (noted) await appendEvents(tx, [{ orderId, type: 'cancel_requested', data: { reason } }]);
  return noted;
}

/** Forgets the request to cancel an open order: it could not be cancelled. */
export async function refuseCancelRequest(tx: Transaction, orderId: string): Promise<void> {
  if (await clearCancelReason(tx, orderId)) await appendEvents(tx, [{ orderId, type: 'cancel_refused' }]);
}
