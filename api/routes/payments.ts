import { settleChargeByHand } from '../../domain/ordering/settle-charge-by-hand';
import { OPERATORS } from '../http/access';
import { API_BASE } from '../http/paths';
import { asNotFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams } from '../schemas/common';
import { chargeSettlement, payment } from '../schemas/payments';
import type { ApiContext } from '../services/context';

/** What a person does about a payment of which the gateway does not say what became of it. */
export function paymentRoutes({ db }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/payments/{id}/resolve`,
        access: OPERATORS,
        tag: 'Payments',
        summary: 'Record what became of a charge',
        description:
          'Of one that the gateway does not say it of, once its stock is given up (`charge_unresolved`): what was captured is given back. Or of an authorisation that the gateway does not void (`void_delayed`): `not_captured` says that nothing of it is held there any more. Safe to repeat.',
        params: idParams,
        body: chargeSettlement,
        responses: { 200: { description: 'The payment afterwards', schema: payment } },
        problems: ['PAYMENT_DECIDED', 'PAYMENT_HOLDS_STOCK', 'REFERENCE_REQUIRED', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => {
        const { outcome, reference = null, reason } = body;
        const request = { paymentId: params.id, outcome, reference, reason, actor: caller };
        return ok(
          await settleChargeByHand(db, request).catch(
            asNotFound('PAYMENT_NOT_FOUND', 'There is no such payment.'),
          ),
        );
      },
    ),
  ];
}
