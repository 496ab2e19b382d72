import { z } from 'zod';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { CARRIER_NAMES } from '../../integrations/carriers';
import { API_BASE } from '../http/paths';
import { notFound, problem } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { carrierEvents, carrierOutcomes, signatureHeaders } from '../schemas/carriers';
import type { ApiContext } from '../services/context';
import { expectSigned } from '../use-cases/carrier-signature';

export function carrierRoutes(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/carriers/{name}/events`,
        tag: 'Carriers',
        summary: "A carrier's updates",
        description:
          'Repeated, delayed and reordered updates are harmless: each is taken once, and statuses only go forward. Where some could not be applied, the others are, and the whole call may be sent again. Signed as the Standard Webhooks specification says, with a secret of the carrier.',
        params: z.object({ name: z.string() }),
        headers: signatureHeaders,
        body: carrierEvents,
        authenticate(req, body) {
          const { name } = req.params;
          if (typeof name !== 'string' || !CARRIER_NAMES.includes(name))
            throw notFound('There is no such carrier.');
          expectSigned(context.settings, name, req, body);
        },
        responses: { 200: { description: 'The outcome of each, in their order', schema: carrierOutcomes } },
        problems: [
          'SIGNATURE_MISSING',
          'SIGNATURE_INVALID',
          'SIGNATURE_EXPIRED',
          'VALIDATION_FAILED',
          'UPDATES_FAILED',
        ],
      },
      async ({ params: { name }, body }) => {
        const results = await applyCarrierEvents(context, name, body.events);
        const failed = results.filter(({ result }) => result === 'failed').length;
        // Not 200: many senders look at the status alone, and these updates are kept nowhere else.
        if (failed > 0)
          throw problem('UPDATES_FAILED', `${failed} of ${results.length} are not applied.`, { results });
        return ok({ results });
      },
    ),
  ];
}
