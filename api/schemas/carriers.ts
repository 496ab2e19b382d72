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
