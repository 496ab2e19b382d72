import { allowedByHand, STATUS_BY_HAND } from '../../domain/administration/rules';
import { readOrderStatus } from '../../domain/orders/views';
import type { OrderStatus, PaymentMethod } from '../../domain/orders/types';
import { invalid, problem } from '../http/problems';
import { ok, type ApiResponse } from '../http/response';
import type { ApiContext } from '../services/context';
import type { Asked } from './asked';
import { cancelOrder, readView } from './cancel-order';
import { payOrder } from './pay-order';
import { orderNotFound } from './saga-update';

export interface SetOrderStatus extends Asked {
  orderId: string;
  status: OrderStatus;
  reason: string | null;
  /** For `paid`. */
  payment: PaymentMethod | null;
  /** The same id is the same charge. */
  updateId: string;
}

/**
 * Asks an order's saga for what brings the order to a status, and waits up to 10 s for it. An order that has it already is returned as it is.
 *
 * @throws AppError `NOT_FOUND`; `STATUS_NOT_ALLOWED` with the `allowed` ones and `how` the order comes to this one; what `cancelOrder` and
 *   `payOrder` throw
 */
export async function setOrderStatus(context: ApiContext, wanted: SetOrderStatus): Promise<ApiResponse> {
  const { orderId, status, reason, payment, updateId, ...asked } = wanted;
  if (status === 'paid' && !payment)
    throw invalid([{ path: 'payment', message: 'is needed: an order is paid by being charged' }]);
  if (status !== 'paid' && payment)
    throw invalid([{ path: 'payment', message: 'goes with the status paid only' }]);
  const current = await readOrderStatus(context.db, orderId);
  if (!current) throw orderNotFound();
  if (current.status === status && status !== 'cancelled') return ok(await readView(context, orderId));
  const isRepeat = current.status === 'cancelled' && status === 'cancelled';
  const allowed = allowedByHand(current.status);
  if (!isRepeat && !allowed.includes(status)) {
    const { how } = STATUS_BY_HAND[status];
    const may =
      allowed.length === 0 ? 'None may be asked for: it has ended.' : `Allowed: ${allowed.join(', ')}.`;
    throw problem('STATUS_NOT_ALLOWED', `The order is ${current.status}. ${may} ${how}`, {
      orderStatus: current.status,
      allowed,
      how,
    });
  }
  if (!payment) return cancelOrder(context, { orderId, reason, ...asked });
  const paid = await payOrder(context, { orderId, method: payment, updateId, ...asked });
  return { ...paid, body: await readView(context, orderId) };
}
