import { readOrderStatus } from '../../domain/orders/views';
import { requestRefund, retryRefund, settleByHand } from '../../domain/payments/refunds-by-hand';
import { OPERATORS } from '../http/access';
import { API_BASE } from '../http/paths';
import { asNotFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { requireKey } from '../idempotency/idempotency-key';
import { runOnce } from '../idempotency/run-once';
import { idParams } from '../schemas/common';
import { newRefund, refund, refundSettlement } from '../schemas/payments';
import { askLimitMs } from '../../platform/config';
import type { ApiContext } from '../services/context';
import { orderNotFound } from '../use-cases/saga-update';

const TAG = 'Refunds';
const PATH = `${API_BASE}/refunds`;

const noRefund = asNotFound('REFUND_NOT_FOUND', 'There is no such refund.');

/** Refunds that a person asks for, and what a person does about those that the gateway does not make. */
export function refundRoutes(context: ApiContext): Route[] {
  const { db } = context;
  const responses = { 200: { description: 'The refund afterwards', schema: refund } };
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/orders/{id}/refunds`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Give money back',
        description:
          'Of any captured amount that is not planned to go back already. It is made at the gateway afterwards; the order shows how far it is. At most 20 of an order may be open: 409 REFUND_UNDER_WAY with `openRefunds`.',
        keyed: true,
        params: idParams,
        body: newRefund,
        responses: { 201: { description: 'Planned, or recorded', schema: refund } },
        problems: [
          'NOT_REFUNDABLE',
          'REFUND_UNDER_WAY',
          'REFUND_MADE',
          'REFUND_EXCEEDS_CAPTURE',
          'PAYMENT_AMBIGUOUS',
          'IDEMPOTENCY_KEY_REQUIRED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
          'VALIDATION_FAILED',
        ],
      },
      (call) => {
        const { id: orderId } = call.params;
        requireKey(call, 'without one a repeat would give the money back twice.');
        return runOnce(context, call, `POST /orders/${orderId}/refunds`, async (requestId) => {
          if (!(await readOrderStatus(db, orderId))) throw orderNotFound();
          const { paymentId = null, amountMinor, reason, madeElsewhere = null } = call.body;
          const wanted = {
            orderId,
            requestId,
            paymentId,
            amountMinor,
            reason,
            madeElsewhere,
            actor: call.caller,
          };
          return { status: 201, body: await requestRefund(db, wanted) };
        });
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/resolve`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Record what was done instead of a refund',
        description:
          'Of one that the gateway does not make. It is asked no more. Safe to repeat; with another outcome or reference it is 409 REFUND_SETTLED.',
        params: idParams,
        body: refundSettlement,
        responses,
        problems: ['REFUND_MADE', 'REFUND_UNDER_WAY', 'REFUND_SETTLED', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => {
        const { outcome, reference = null, reason } = body;
        const request = { refundId: params.id, outcome, reference, reason, actor: caller };
        return ok(await settleByHand(db, request).catch(noRefund));
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/retry`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Try a refund again now',
        description:
          'One that the gateway refused for good is tried under a new key; one that waits is due at once. One that the gateway was asked about within the longest time that it may take (`PAYMENT_CALL_TIMEOUT_MS` and 2 s) stays as it is.',
        params: idParams,
        responses,
        problems: ['REFUND_MADE', 'REFUND_SETTLED'],
      },
      async ({ params, caller }) =>
        ok(
          await retryRefund(db, {
            refundId: params.id,
            actor: caller,
            askLimitMs: askLimitMs(context.settings),
          }).catch(noRefund),
        ),
    ),
  ];
}
