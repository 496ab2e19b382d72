import type { OrderView } from '../../domain/ordering/types';
import { isInFlight } from '../../domain/payments/rules';
import { OPEN_REFUND_STATUSES, type RefundStatus } from '../../domain/payments/types';
import type { RefundView } from '../../domain/payments/view-types';
import { hasEnded } from '../../domain/orders/rules';
import { readOrder } from '../../domain/ordering/views';
import { orderPath } from '../http/paths';
import { problem } from '../http/problems';
import { ok, type ApiResponse } from '../http/response';
import type { ApiContext } from '../services/context';
import type { Asked } from './asked';
import { updateSaga, orderNotFound } from './saga-update';

export interface CancelOrder extends Asked {
  orderId: string;
  reason: string | null;
}

/**
 * Cancels whatever of an order has not left, and waits up to 10 s until its money and its stock are back. On an order that was
 * cancelled it returns the same response again.
 *
 * @throws AppError `NOT_FOUND`, `NOT_CANCELLABLE`, `ENGINE_UNAVAILABLE`.
 */
export async function cancelOrder(
  context: ApiContext,
  { orderId, reason, actor, httpRequestId, traceparent }: CancelOrder,
): Promise<ApiResponse> {
  const before = await readView(context, orderId);
  if (isCancelled(before) && !isUnderWay(before)) return ok(before);
  const asked = await updateSaga(context, { id: orderId, traceparent, actor }, () =>
    context.engine.cancel(orderId, { reason, actor, httpRequestId }),
  );
  if (asked.kind === 'result' && asked.result.outcome === 'refused') throw notCancellable();
  const after = await readView(context, orderId);
  if (asked.kind === 'ended' && !isCancelled(after)) throw notCancellable();
  const isDecided =
    asked.kind === 'ended' || (asked.kind === 'result' && asked.result.outcome === 'cancelled');
  return afterCancelling(orderId, after, isDecided);
}

/** The order, once it is decided what is cancelled and nothing of that is under way; before that 202. */
export function afterCancelling(orderId: string, order: OrderView, isDecided: boolean): ApiResponse {
  if (isDecided && !isUnderWay(order)) return ok(order);
  return { status: 202, body: order, headers: { location: orderPath(orderId), 'retry-after': '1' } };
}

export async function readView(context: ApiContext, orderId: string): Promise<OrderView> {
  const record = await readOrder(context.db, orderId);
  if (!record) throw orderNotFound();
  return record.view;
}

/** It has ended and somebody's request to cancel has ended all or the rest of it: the reason of one that could not is removed. */
function isCancelled({ status, cancelReason }: OrderView): boolean {
  return status === 'cancelled' || (hasEnded(status) && cancelReason !== undefined);
}

/** Something of it is still on its way back: a charge, a refund, an authorisation to void or a parcel that is being stopped is unresolved. */
function isUnderWay({ status, payments, refunds, shipments }: OrderView): boolean {
  // What waits for a person because a capture failed is not under way.
  const isReleasing =
    hasEnded(status) &&
    payments.some(
      (one) => one.status === 'authorized' && !one.captures.some((each) => each.status === 'failed'),
    );
  return (
    isReleasing ||
    payments.some(isInFlight) ||
    refunds.some(isOpen) ||
    shipments.some((shipment) => shipment.status === 'voiding')
  );
}

function isOpen({ status }: RefundView): boolean {
  return (OPEN_REFUND_STATUSES as readonly RefundStatus[]).includes(status);
}

export function notCancellable(): Error {
  return problem(
    'NOT_CANCELLABLE',
    'The order has ended, or all that is left of it has left or cannot be stopped.',
  );
}
