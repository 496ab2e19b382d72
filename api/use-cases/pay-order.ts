import type { PayRefusal } from '../../domain/ordering/types';
import type { PaymentMethod } from '../../domain/orders/types';
import { readPaymentOfUpdate, type AttemptedPayment } from '../../domain/payments/payments';
import { orderPath } from '../http/paths';
import { problem } from '../http/problems';
import { ok, type ApiResponse } from '../http/response';
import type { ApiContext } from '../services/context';
import type { Asked } from './asked';
import { refuseUnwritten, updateSaga } from './saga-update';

export interface PayOrder extends Asked {
  orderId: string;
  method: PaymentMethod;
  /** The same id is the same charge, whoever sends it and however often. */
  updateId: string;
}

/** Problems with which a charge is refused. */
export const PAY_PROBLEMS = [
  'PAYMENT_DECLINED',
  'HOLD_EXPIRED',
  'ORDER_NOT_PAYABLE',
  'PAYMENT_IN_PROGRESS',
  'PAYMENT_ATTEMPTS_EXCEEDED',
] as const;

const REFUSAL_DETAILS: Readonly<Record<PayRefusal, string>> = {
  HOLD_EXPIRED: 'The stock is no longer held for this order. Place a new one.',
  ORDER_NOT_PAYABLE: 'There is nothing to pay.',
  PAYMENT_IN_PROGRESS: 'Wait for the outcome of the other payment.',
  PAYMENT_ATTEMPTS_EXCEEDED:
    'Too many payments were tried. The hold stays until it expires; then place a new order.',
};

/**
 * Charges an order's reservation, and waits up to 10 s for the outcome.
 *
 * @throws AppError `NOT_FOUND`, `PAYMENT_DECLINED` with `declineCode`, `HOLD_EXPIRED`, `ORDER_NOT_PAYABLE`,
 *   `PAYMENT_IN_PROGRESS`, `PAYMENT_ATTEMPTS_EXCEEDED`, `ENGINE_UNAVAILABLE`.
 */
export async function payOrder(
  context: ApiContext,
  { orderId, method, updateId, actor, httpRequestId, traceparent }: PayOrder,
): Promise<ApiResponse> {
  const asked = await updateSaga(context, { id: orderId, traceparent, actor }, () =>
    context.engine.pay(orderId, { ...method, updateId, actor, httpRequestId }),
  );
  const payment = await readPaymentOfUpdate(context.db, orderId, updateId);
  if (payment) return attemptResponse(orderId, payment);
  refuseUnwritten(asked);
  switch (asked.kind) {
    case 'undecided':
    case 'refused':
      return pending(orderId, { status: 'pending' });
    case 'ended':
      throw refusal(asked.status === 'expired' ? 'HOLD_EXPIRED' : 'ORDER_NOT_PAYABLE');
    case 'result':
      throw refusal(asked.result.outcome === 'refused' ? asked.result.code : 'ORDER_NOT_PAYABLE');
  }
}

/** The payment, as long as it pays for what it was to pay for: one that was given up, or whose money goes back, is no success. */
export function attemptResponse(
  orderId: string,
  { payment, serves, reservation }: AttemptedPayment,
): ApiResponse {
  switch (payment.status) {
    case 'pending':
    case 'unknown':
    case 'requires_action':
      return pending(orderId, payment);
    case 'declined':
      throw problem(
        'PAYMENT_DECLINED',
        'The card was declined. The hold stays until it expires; try another card.',
        {
          declineCode: payment.declineCode ?? null,
          paymentId: payment.id,
        },
      );
    case 'authorized':
    case 'captured':
    case 'partially_refunded': {
      const isPaidFor = reservation === 'confirmed' || reservation === 'shipped';
      if (serves && isPaidFor && !payment.voiding && !payment.lostAt) return ok(payment);
      throw givenUp({ payment, serves, reservation });
    }
    default:
      throw givenUp({ payment, serves, reservation });
  }
}

function givenUp({ payment, serves, reservation }: AttemptedPayment): Error {
  return serves && reservation === 'expired'
    ? problem('HOLD_EXPIRED', 'The stock was given up before it was paid for. What was taken goes back.', {
        payment,
      })
    : problem('ORDER_NOT_PAYABLE', 'The payment was given up, or its money went back.', { payment });
}

function pending(orderId: string, body: unknown): ApiResponse {
  return { status: 202, body, headers: { location: orderPath(orderId), 'retry-after': '1' } };
}

function refusal(code: PayRefusal): Error {
  return problem(code, REFUSAL_DETAILS[code]);
}
