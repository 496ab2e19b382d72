import { z } from 'zod';
import { CARRIER_EVENT_TYPES } from '../../domain/fulfilment/types';
import { givenTime, line, uuid } from './common';

export const carrierEvents = z
  .object({
    events: z
      .array(
        z.object({
          eventId: line(200).meta({ description: "The carrier's own id of the update: taken once" }),
          shipmentId: uuid,
          type: z.enum(CARRIER_EVENT_TYPES),
          trackingNumber: line(200).optional().meta({
            description: 'Taken where the answer to the booking was lost, and so the number with it',
          }),
          occurredAt: givenTime.optional(),
          detail: line(500).optional(),
        }),
      )
      .min(1)
      .max(500),
  })
  .meta({ id: 'CarrierEvents' });

export const signatureHeaders = z.object({
  'webhook-id': z.string().meta({ description: 'Of this message; part of what is signed' }),
  'webhook-timestamp': z
    .string()
    .meta({ description: 'Unix time in seconds, at most five minutes from now; part of what is signed' }),
  'webhook-signature': z.string().meta({
    description:
      '`v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`, with the bytes after `whsec_` of the secret as the key. Several are separated by spaces.',
  }),
});

export const carrierOutcomes = z
  .object({
    results: z.array(
      z.object({
        eventId: z.string(),
        result: z.enum(['applied', 'duplicate', 'stale', 'unknown_shipment', 'failed']).meta({
          description: '`failed`: it could not be applied, and is not kept; send it again later',
        }),
      }),
    ),
  })
  .meta({ id: 'CarrierOutcomes' });
