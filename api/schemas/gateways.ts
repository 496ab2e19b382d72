import { z } from 'zod';
import { GATEWAY_EVENT_RESULTS } from '../../domain/payments/gateway-event-types';

export const gatewayEvent = z
  .looseObject({ id: z.string().optional(), type: z.string().optional() })
  .meta({ id: 'GatewayEvent', description: 'As the gateway sends it' });

export const gatewayHeaders = z.object({
  'stripe-signature': z.string().optional().meta({
    description: "Stripe's: `t=` the Unix time in seconds, at most five minutes ago, and `v1=` the signature",
  }),
});

export const gatewayOutcome = z
  .object({
    result: z.enum(GATEWAY_EVENT_RESULTS).meta({
      description:
        'duplicate: it was applied before; stale: it changes nothing any more; unknown: it is about no payment of ours; ignored: it is of a kind that is not acted on',
    }),
  })
  .meta({ id: 'GatewayOutcome' });
