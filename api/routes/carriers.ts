import { z } from 'zod';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { CARRIER_NAMES } from '../../integrations/carriers';
import { carrierSecretsOf, type Settings } from '../../platform/config';
import { verifyWebhook } from '../../platform/webhook-signature';
import { SIGNATURE } from '../http/access';
import { API_BASE } from '../http/paths';
import { notFound, problem } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { carrierEvents, carrierOutcomes, signatureHeaders } from '../schemas/carriers';
import type { ApiContext } from '../services/context';
import { webhookAuthentication, type WebhookSender } from '../use-cases/webhook-authentication';

/** A carrier without a secret may send unsigned updates only where CARRIER_UPDATES_UNSIGNED allows it. */
function carrierOf(settings: Settings, name: string): WebhookSender {
  if (!CARRIER_NAMES.includes(name)) throw notFound('There is no such carrier.');
  const secrets = carrierSecretsOf(settings, name);
  if (secrets.length === 0 && settings.CARRIER_UPDATES_UNSIGNED === 'allow') return { verify: () => 'valid' };
  return {
    verify: (body, header) => {
      const headers = {
        'webhook-id': header('webhook-id'),
        'webhook-timestamp': header('webhook-timestamp'),
        'webhook-signature': header('webhook-signature'),
      };
      return verifyWebhook(secrets, { headers, body });
    },
  };
}

export function carrierRoutes(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/carriers/{name}/events`,
        access: SIGNATURE,
        tag: 'Carriers',
        limit: 'webhooks',
        summary: "A carrier's updates",
        description:
          'Repeated, delayed and reordered updates are harmless: each is taken once, and statuses only go forward. Where some could not be applied, the others are, and the whole call may be sent again. Signed as the Standard Webhooks specification says, with a secret of the carrier.',
        params: z.object({ name: z.string() }),
        headers: signatureHeaders,
        body: carrierEvents,
        isLenient: true,
        authenticate: webhookAuthentication({
          kind: 'carrier',
          setting: 'CARRIER_WEBHOOK_SECRETS',
          senderOf: (name) => carrierOf(context.settings, name),
          log: context.log,
        }),
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
