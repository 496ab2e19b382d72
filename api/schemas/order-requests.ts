import { z } from 'zod';
import { CAPTURE_MODES, FULFILMENTS, REVIEW_DECISIONS, REVIEW_STATUSES } from '../../domain/orders/types';
import { SOURCING_STRATEGIES } from '../../domain/stock/sourcing/types';
import { LOCALES } from '../../domain/identity/accounts/types';
import { line, sku } from './common';
import { paymentMethod } from './payments';
import { email } from './people';

const MAX_QUANTITY = 1_000_000;

export const quantity = z.int().min(1).max(MAX_QUANTITY);

const orderLine = z.strictObject({ sku, quantity });

export const shipTo = z.union([
  z.strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) }),
  z.strictObject({ region: line(100) }),
]);

/** The same SKU on several lines is one item of the order. */
function mergeLines(lines: readonly { sku: string; quantity: number }[]) {
  const merged = new Map<string, number>();
  for (const { sku, quantity } of lines) merged.set(sku, (merged.get(sku) ?? 0) + quantity);
  return [...merged].map(([sku, quantity]) => ({ sku, quantity }));
}

const MAX_LINES = 100;

export const items = z
  .array(orderLine)
  .min(1)
  .max(MAX_LINES)
  .transform((lines, context) => {
    const merged = mergeLines(lines);
    for (const item of merged.filter((candidate) => candidate.quantity > MAX_QUANTITY)) {
      context.addIssue({
        code: 'custom',
        message: `the lines of ${item.sku} add up to more than ${MAX_QUANTITY}`,
      });
    }
    return merged;
  });

/** How long stock is held where the order does not say. */
export const HOLD_SECONDS = 900;

/** Where somebody without an account is written to. */
export const contact = z
  .strictObject({
    email,
    language: z.enum(LOCALES).default('en').meta({ description: 'Of the mails' }),
  })
  .meta({ id: 'Contact' });

export const newOrder = z
  .strictObject({
    items,
    customerId: line(200)
      .optional()
      .meta({ examples: ['c-42'], description: 'Needed, but of customers, whose order is their own' }),
    contact: contact.optional().meta({
      description:
        'Where the customer gets mails about the order, who has no account. Kept apart from the order: it is in no event, and no response of an order has it. Of services and operators',
    }),
    shipTo: shipTo.nullish().transform((given) => given ?? null),
    sourcing: z.enum(SOURCING_STRATEGIES).optional().meta({
      description:
        'How warehouses are chosen: `nearest` first; `fewest_shipments`; `balanced`, the fewest of those that are not much farther than the nearest; `priority`. Default: as the settings say',
    }),
    fulfilment: z.enum(FULFILMENTS).default('complete'),
    holdSeconds: z.int().min(1).max(86_400).optional().meta({
      description: 'Default 900. Of customers at most what the settings say',
      default: HOLD_SECONDS,
    }),
    backorderSeconds: z
      .int()
      .min(1)
      .max(315_360_000)
      .optional()
      .meta({ description: 'How long units of a `backorder` order may wait for stock' }),
    payment: paymentMethod.nullish().transform((given) => given ?? null),
    capture: z.enum(CAPTURE_MODES).optional().meta({
      description:
        'When the money is taken: `now`, or `on_shipment`: authorised with the order, and captured as each of its parcels leaves. Default: as the settings say',
    }),
  })
  .meta({ id: 'NewOrder' });

export type NewOrder = z.output<typeof newOrder>;

export const cancelBody = z
  .strictObject({
    reason: line(500).nullish(),
    items: items
      .optional()
      .meta({ description: 'Only these units; needs an Idempotency-Key. Absent: all that has not left' }),
  })
  .meta({ id: 'Cancellation' });

export const reviewStatus = z.enum(REVIEW_STATUSES);

export const reviewDecision = z
  .strictObject({
    decision: z.enum(Object.keys(REVIEW_DECISIONS) as readonly (keyof typeof REVIEW_DECISIONS)[]),
    note: line(500).nullish().meta({ description: "Why; kept in the order's history" }),
  })
  .meta({ id: 'ReviewDecision' });

/** Quantities are absolute, so one SKU is named once. */
const amendedItems = z
  .array(z.strictObject({ sku, quantity: z.int().min(0).max(MAX_QUANTITY) }))
  .min(1)
  .max(MAX_LINES)
  .refine((lines) => new Set(lines.map((one) => one.sku)).size === lines.length, 'must name each SKU once')
  .meta({ description: 'Units that the order is to have; what is not named stays, 0 removes it' });

export const amendBody = z
  .strictObject({
    items: amendedItems.optional(),
    shipTo: shipTo.optional().meta({ description: 'Where it goes. What is reserved stays where it is' }),
  })
  .refine((body) => body.items !== undefined || body.shipTo !== undefined, 'must have items or shipTo')
  .meta({ id: 'OrderAmendment' });
