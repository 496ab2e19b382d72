import { decideReview } from '../../domain/ordering/review';
import { readOrder } from '../../domain/ordering/views';
import { REVIEW_DECISIONS } from '../../domain/orders/types';
import { OPERATORS } from '../http/access';
import { API_BASE } from '../http/paths';
import { asNotFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams } from '../schemas/common';
import { reviewDecision } from '../schemas/order-requests';
import { order } from '../schemas/orders';
import type { ApiContext } from '../services/context';
import { orderNotFound } from '../use-cases/saga-update';

/** What a person decides about an order before it ships. */
export function reviewRoutes({ db, settings }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/orders/{id}/review`,
        access: OPERATORS,
        tag: 'Orders',
        summary: 'Approve or reject an order',
        description:
          'Of an order that waits for its review: money of it is authorised (`review.deadline` is set). Approved, it is shipped, and money that is taken with the order is captured; rejected, it is cancelled. Both follow at once. Safe to repeat; the other decision is 409 NOT_IN_REVIEW, as is any about an order of which nothing is authorised yet, whose review has ended or that has none.',
        params: idParams,
        body: reviewDecision,
        responses: { 200: { description: 'The order, as it is right after the decision', schema: order } },
        problems: ['NOT_IN_REVIEW', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => {
        const { decision, note = null } = body;
        const outcome = REVIEW_DECISIONS[decision];
        await decideReview(db, {
          orderId: params.id,
          outcome,
          actor: caller,
          note,
          carrier: settings.CARRIER,
        }).catch(asNotFound('ORDER_NOT_FOUND', 'There is no such order.'));
        const decided = await readOrder(db, params.id);
        if (!decided) throw orderNotFound();
        return ok(decided.view);
      },
    ),
  ];
}
