import { z } from 'zod';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { CARRIER_NAMES } from '../../integrations/carriers';
import { ok } from '../http/answer';
import type { ApiContext } from '../context';
import { API_BASE } from '../use-cases/order-answers';
import { problem } from '../http/problems';
import { route, type Route } from '../http/route';
import { carrierEvents, carrierOutcomes } from '../schemas/carriers';

export function carrierRoutes(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/carriers/{name}/events`,
        tag: 'Carriers',
        summary: "A carrier's updates",
        description:
          'Repeated, delayed and reordered updates are harmless: each is taken once, and statuses only go forward.',
        params: z.object({ name: z.string() }),
        body: carrierEvents,
        answers: { 200: { description: 'A verdict for each, in their order', schema: carrierOutcomes } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params: { name }, body }) => {
        if (!CARRIER_NAMES.includes(name)) throw problem('NOT_FOUND', 'There is no such carrier.');
        return ok({ results: await applyCarrierEvents(context, name, body.events) });
      },
    ),
  ];
}
