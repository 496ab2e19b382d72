import type { Transaction } from '../../platform/database/database';
import { endCancelRequest, openCancelRequest } from './cancel-request-queries';
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
  const opened = await openCancelRequest(tx, orderId, reason);
  if (opened) await appendEvents(tx, [{ orderId, type: 'cancel_requested', data: { reason } }]);
  return opened;
}

/**
 * Ends the request to cancel an order of which a part has left or cannot be stopped: done where anything was ended, else
 * refused and forgotten. An order that has ended is left alone.
 */
export async function concludeCancelRequest(tx: Transaction, orderId: string): Promise<void> {
  const ended = await endCancelRequest(tx, orderId);
  if (!ended) return;
  const { state, units } = ended;
  await appendEvents(tx, [
    state === 'done'
      ? { orderId, type: 'rest_cancelled', data: { units } }
      : { orderId, type: 'cancel_refused' },
  ]);
}
