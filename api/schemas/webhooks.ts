import { z } from 'zod';
import { typesNamed } from '../../domain/events/catalogue';
import { DELIVERY_STATUSES, WEBHOOK_DISABLED } from '../../domain/webhooks/types';
import { urlFault, type AllowedNetworks } from '../../integrations/webhook-sender/address';
import { count, line, pageOf, rowNumber, time, uuid } from './common';

const MAX_TYPES = 200;

const types = z
  .array(line(100).refine((name) => typesNamed(name).length > 0, 'is no type of event'))
  .min(1)
  .max(MAX_TYPES)
  .meta({
    description:
      'Types of events, see /asyncapi.json; `order.*`: all that begin so, also those that come later',
    examples: [['order.*', 'payment.captured']],
  });

/** @param allowed networks that may be named although they are not of the public internet */
export function newWebhookBody(allowed: AllowedNetworks) {
  const url = z
    .string()
    .min(1)
    .max(2_000)
    .superRefine((text, context) => {
      const fault = urlFault(text, allowed);
      if (fault !== null) context.addIssue(fault);
    })
    .meta({ description: 'https, of the public internet', examples: ['https://shop.example/holdfast'] });
  return z.strictObject({ url, types, description: line(200).nullable().default(null) });
}

export function changedWebhookBody(allowed: AllowedNetworks) {
  return newWebhookBody(allowed).extend({
    enabled: z.boolean().default(true).meta({
      description: 'Enabled again, it goes on where it stopped, as far as events are kept',
    }),
  });
}

export const webhook = z
  .object({
    id: uuid,
    url: z.string(),
    description: z.string().nullable(),
    types: z.array(z.string()),
    disabled: z.enum(WEBHOOK_DISABLED).nullable().meta({
      description:
        'Why nothing is delivered: somebody said so; the receiver answered 410; it took nothing for three days. Null: it is delivered to',
    }),
    disabledAt: time.nullable(),
    position: rowNumber.meta({ description: 'Deliveries are planned for events up to this position' }),
    failingSince: time.nullable().meta({ description: 'Since when every try has failed' }),
    createdBy: z.string(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Webhook' });

const secret = z.string().meta({ description: '`whsec_` and base64. It is shown here and nowhere else' });

export const shownWebhook = webhook.extend({ secret }).meta({ id: 'WebhookWithSecret' });
export const rotatedWebhook = webhook
  .extend({ secret, previousUntil: time.meta({ description: 'The one before signs as well until then' }) })
  .meta({ id: 'RotatedWebhook' });
export const webhookPage = pageOf('WebhookPage', webhook);

const OVERLAP_SECONDS = { default: 86_400, max: 2_592_000 };

export const secretRotation = z
  .strictObject({
    overlapSeconds: z.int().min(0).max(OVERLAP_SECONDS.max).default(OVERLAP_SECONDS.default).meta({
      description: 'For so long the secret before signs as well',
    }),
  })
  .default({ overlapSeconds: OVERLAP_SECONDS.default });

/** Positions that one request may name. */
const REDELIVERED = 10_000;

export const redelivery = z
  .strictObject({ from: rowNumber.min(1), to: rowNumber.min(1) })
  .refine(({ from, to }) => from <= to, { path: ['to'], message: 'must not be before from' })
  .refine(({ from, to }) => to - from < REDELIVERED, {
    path: ['to'],
    message: `must name ${REDELIVERED} positions at most`,
  })
  .meta({ description: 'Positions of events, both included' });

export const redelivered = z.object({
  planned: count.meta({ description: 'Deliveries that are due by it' }),
});

export const deliveryStatus = z.enum(DELIVERY_STATUSES);

const delivery = z
  .object({
    position: rowNumber.meta({ description: 'Of the event; `webhook-id` is `evt_` and this' }),
    type: z.string(),
    status: deliveryStatus,
    tries: count.meta({ description: 'Since it was planned, or asked for again' }),
    nextTryAt: time.nullable(),
    createdAt: time,
    requests: z
      .array(
        z.object({
          at: time,
          millis: count,
          headers: z.record(z.string(), z.string()).meta({ description: 'Without the signature' }),
          status: z.int().nullable().meta({ description: 'Of the answer; null: there was none' }),
          answer: z.string().nullable().meta({ description: 'The first 1,000 characters of its body' }),
          error: z.string().nullable().meta({ description: 'Why it failed; null: it was taken' }),
        }),
      )
      .meta({ description: 'The last 20, the newest first' }),
  })
  .meta({ id: 'WebhookDelivery' });

export const deliveryPage = pageOf('WebhookDeliveryPage', delivery);
