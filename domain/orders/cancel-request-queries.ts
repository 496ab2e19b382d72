import { execute, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from './types';

/** Records why an open order is to be cancelled; false where that was recorded before, or the order is not open. */
export async function setCancelReason(tx: Transaction, orderId: string, reason: string): Promise<boolean> {
  const recorded = await execute(
    tx,
    'orders.set_cancel_reason',
    `update orders set cancel_reason = $2, updated_at = clock_timestamp()
     where id = $1 and cancel_reason is null and status in ${literals(OPEN_ORDER_STATUSES)}`,
    [orderId, reason],
  );
  return recorded > 0;
}

/** Removes why an open order was to be cancelled; false where nothing was recorded, or the order is not open. */
export async function clearCancelReason(tx: Transaction, orderId: string): Promise<boolean> {
  const cleared = await execute(
    tx,
    'orders.clear_cancel_reason',
    `update orders set cancel_reason = null, updated_at = clock_timestamp()
     where id = $1 and cancel_reason is not null and status in ${literals(OPEN_ORDER_STATUSES)}`,
    [orderId],
  );
  return cleared > 0;
}
