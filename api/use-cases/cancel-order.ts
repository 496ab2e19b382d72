import type { OrderView } from '../../domain/ordering/types';
import { readOrder } from '../../domain/ordering/views';
import { orderPath } from '../http/paths';
import { problem } from '../http/problems';
import { ok, type ApiResponse } from '../http/response';
import type { ApiContext } from '../services/context';
import { updateSaga, orderNotFound } from './saga-update';

export interface CancelOrder {
  orderId: string;
  reason: string | null;
  updateId: string;
  traceparent: string;
}

/**
 * Cancels an order and waits up to 10 s until its money and its stock are back. On a cancelled order it returns the same response again.
 *
 * @throws AppError `NOT_FOUND`, `NOT_CANCELLABLE`, `ENGINE_UNAVAILABLE`.
 */
export async function cancelOrder(
  context: ApiContext,
  { orderId, reason, updateId, traceparent }: CancelOrder,
): Promise<ApiResponse> {
  const before = await readView(context, orderId);
  if (isUndone(before)) return ok(before);
  const asked = await updateSaga(context, { id: orderId, traceparent }, () =>
    context.engine.cancel(orderId, updateId, { reason }),
  );
  if (asked.kind === 'refused' || (asked.kind === 'result' && asked.result.outcome === 'refused'))
    throw notCancellable();
  const after = await readView(context, orderId);
  if (isUndone(after)) return ok(after);
  if (asked.kind === 'ended' && after.status !== 'cancelled') throw notCancellable();
  return { status: 202, body: after, headers: { location: orderPath(orderId), 'retry-after': '1' } };
}

async function readView(context: ApiContext, orderId: string): Promise<OrderView> {
  const record = await readOrder(context.db, orderId);
  if (!record) throw orderNotFound();
  return record.view;
}

/** Cancelled, and nothing of it is still on its way back. */
function isUndone(order: OrderView): boolean {
  return order.status === 'cancelled' && !hasOpenMoney(order);
}

function hasOpenMoney({ payments, refunds }: OrderView): boolean {
  return (
    payments.some((payment) => payment.status === 'pending' || payment.status === 'unknown') ||
    refunds.some((refund) => refund.status === 'pending')
  );
}

function notCancellable(): Error {
  return problem('NOT_CANCELLABLE', 'The order has ended, or its goods have left.');
}
