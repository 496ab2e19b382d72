import { z } from 'zod';
import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import type { GatewayWebhook } from '../../domain/payments/gateway-event-types';
import { SIGNATURE } from '../http/access';
import { API_BASE } from '../http/paths';
import { notFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { gatewayEvent, gatewayHeaders, gatewayOutcome } from '../schemas/gateways';
import type { ApiContext } from '../services/context';
import { webhookAuthentication } from '../use-cases/webhook-authentication';

export function gatewayRoutes(
  { db, metrics, log }: ApiContext,
  webhooks: ReadonlyMap<string, GatewayWebhook>,
): Route[] {
  function expectWebhook(name: string): GatewayWebhook {
    const webhook = webhooks.get(name);
    if (!webhook) throw notFound('There is no such gateway, or it sends nothing.');
    return webhook;
  }

  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/gateways/{name}/events`,
        access: SIGNATURE,
        tag: 'Gateways',
        limit: 'webhooks',
        summary: "A payment gateway's events",
        description:
          'Repeated, delayed and reordered events are harmless: each is applied once, and what it says of a charge or a refund is looked up at the gateway. What is not about a payment of ours gets 200 as well, since a gateway stops sending to an address that fails. Signed by the gateway.',
        params: z.object({ name: z.string() }),
        headers: gatewayHeaders,
        body: gatewayEvent,
        isLenient: true,
        authenticate: webhookAuthentication({
          kind: 'gateway',
          setting: 'STRIPE_WEBHOOK_SECRETS',
          senderOf(name) {
            const webhook = expectWebhook(name);
            return webhook.isSetUp ? webhook : null;
          },
          refused: (gateway) => metrics.gatewayEvent({ gateway, result: 'refused' }),
          log,
        }),
        responses: { 200: { description: 'What became of it', schema: gatewayOutcome } },
        problems: ['SIGNATURE_MISSING', 'SIGNATURE_INVALID', 'SIGNATURE_EXPIRED', 'WEBHOOK_NOT_SET_UP'],
      },
      async ({ params: { name }, body, log }) => {
        const event = expectWebhook(name).read(body);
        const result = await applyGatewayEvent(db, name, event);
        metrics.gatewayEvent({ gateway: name, result });
        const { eventId, type } = event;
        if (result === 'unknown' || result === 'ignored')
          log.info({ gateway: name, eventId, type, result }, 'a gateway told something that is not acted on');
        return ok({ result });
      },
    ),
  ];
}
