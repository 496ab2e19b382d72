import { z } from 'zod';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { CARRIER_NAMES } from '../../integrations/carriers';
import { API_BASE } from '../http/paths';
import { notFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { carrierEvents, carrierOutcomes } from '../schemas/carriers';
import type { ApiContext } from '../services/context';

export function carrierRoutes(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/carriers/{name}/events`,
        tag: 'Carriers',
        summary: "A carrier's updates",
        description:
          'Repeated, delayed and reordered updates are harmless: each is taken once, and statuses only go forward. An update whose result is `failed` was not taken: send it again later.',
        params: z.object({ name: z.string() }),
        body: carrierEvents,
        responses: { 200: { description: 'The outcome of each, in their order', schema: carrierOutcomes } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params: { name }, body }) => {
        if (!CARRIER_NAMES.includes(name)) throw notFound('There is no such carrier.');
        return ok({ results: await applyCarrierEvents(context, name, body.events) });
      },
    ),
  ];
}
