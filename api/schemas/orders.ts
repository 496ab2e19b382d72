import { z } from 'zod';
import { SHIPMENT_STATUSES } from '../../domain/fulfilment/types';
import { ATTENTION, type AttentionKind } from '../../domain/orders/types';
import {
  CAPTURE_MODES,
  FULFILMENTS,
  ITEM_STATUSES,
  ORDER_STATUSES,
  REVIEW_DECISIONS,
  REVIEW_STATUSES,
} from '../../domain/orders/types';
import { AMENDMENT_STAGES } from '../../domain/ordering/amendments/types';
import type { OrderView } from '../../domain/ordering/types';
import {
  DISPUTE_STATUSES,
  CAPTURE_STATUSES,
  SHOWN_PAYMENT_STATUSES,
  REFUND_SETTLEMENTS,
  REFUND_STATUSES,
} from '../../domain/payments/types';
import { SHOWN_RESERVATION_STATUSES } from '../../domain/stock/reservations/types';
import { SOURCING_STRATEGIES } from '../../domain/stock/sourcing/types';
import { readReturnUrl } from '../http/return-url';
import { count, currency, line, money, pageOf, sku, time, uuid, warehouseCode } from './common';

const MAX_QUANTITY = 1_000_000;

export const quantity = z.int().min(1).max(MAX_QUANTITY);

const orderLine = z.strictObject({ sku, quantity });

export const shipTo = z.union([
  z.strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) }),
  z.strictObject({ region: line(100) }),
]);

export const paymentMethod = z
  .strictObject({
    method: line(50).meta({ examples: ['card'] }),
    token: line(200).meta({ description: "The gateway's word for a card", examples: ['tok_ok'] }),
    returnUrl: z
      .url({ protocol: /^https?$/, abort: true })
      .max(2_000)
      .refine((text) => readReturnUrl(text) !== undefined, {
        error: 'must have a host of letters, digits, dots and hyphens, and no credentials',
      })
      .nullish()
      .transform((given) => given ?? undefined)
      .meta({ description: 'Where the customer goes on after authenticating, where a redirect may follow' }),
  })
  .meta({ id: 'PaymentMethod' });

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

export const newOrder = z
  .strictObject({
    items,
    customerId: line(200)
      .optional()
      .meta({ examples: ['c-42'], description: 'Needed, but of customers, whose order is their own' }),
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

export const newRefund = z
  .strictObject({
    paymentId: uuid.nullish().meta({ description: 'Needed where several payments have money left' }),
    amountMinor: z.int().min(1),
    reason: line(500),
    madeElsewhere: line(200).nullish().meta({
      description:
        'Where money is found that went back already in another way, such as the id of a refund made at the gateway: it is recorded as settled by hand, not made',
    }),
  })
  .meta({ id: 'NewRefund' });

export const chargeSettlement = z
  .strictObject({
    outcome: z.enum(['captured', 'not_captured']).meta({ description: 'What was found out at the gateway' }),
    reference: line(200).nullish().meta({ description: "The gateway's id of the charge" }),
    reason: line(500),
  })
  .meta({ id: 'ChargeSettlement' });

export const refundSettlement = z
  .strictObject({
    outcome: z.enum(REFUND_SETTLEMENTS).meta({
      description: 'made_elsewhere: the money went back in another way; waived: it does not go back',
    }),
    reference: line(200).nullish().meta({ description: 'Where the other payment is found' }),
    reason: line(500),
  })
  .meta({ id: 'RefundSettlement' });

export const captureSettlement = z
  .strictObject({
    outcome: z.enum(REFUND_SETTLEMENTS).meta({
      description: 'made_elsewhere: the customer paid in another way; waived: the money is given up',
    }),
    reference: line(200).nullish().meta({ description: 'Where the other payment is found' }),
    reason: line(500),
  })
  .meta({ id: 'CaptureSettlement' });

export const orderStatus = z.enum(ORDER_STATUSES);

const item = z
  .object({
    sku: z.string(),
    quantity: count,
    unitPriceMinor: money,
    status: z.enum(ITEM_STATUSES),
    reservedQuantity: count,
    backorderedQuantity: count,
    fulfilledQuantity: count,
    cancelledQuantity: count,
    allocations: z.array(z.object({ warehouse: warehouseCode, quantity: count })),
  })
  .meta({ id: 'OrderItem' });

const reservation = z
  .object({
    id: uuid,
    status: z.enum(SHOWN_RESERVATION_STATUSES),
    expiresAt: time,
  })
  .meta({ id: 'Reservation' });

export const refund = z
  .object({
    id: uuid,
    paymentId: uuid,
    amountMinor: money,
    reason: z.string(),
    status: z.enum(REFUND_STATUSES).meta({
      description:
        'planned: not made yet; pending: the gateway has it and may still fail; failed: it refused for good, see `attention`',
    }),
    at: time,
    nextTryAt: time.optional().meta({ description: 'When the gateway is asked next, while it is open' }),
    lastError: z.string().optional().meta({ description: 'Why it is not made' }),
    actor: z.string().optional().meta({ description: "Who asked for it; absent: the order's own course" }),
    settledAs: z.enum(REFUND_SETTLEMENTS).optional().meta({ description: 'What a person did instead' }),
    settledReference: z.string().optional().meta({ description: 'Where that is found' }),
    settledBy: z.string().optional().meta({ description: 'Who recorded it' }),
    foundAt: time.optional().meta({
      description: 'When it was found that the gateway paid it out although a person had settled it',
    }),
    foundReference: z.string().optional().meta({ description: "The gateway's id of that refund" }),
  })
  .meta({ id: 'Refund' });

export const capture = z
  .object({
    id: uuid,
    shipmentId: uuid.optional().meta({ description: 'The parcel that it pays for; absent: everything' }),
    amountMinor: money,
    status: z.enum(CAPTURE_STATUSES).meta({
      description: 'planned: not made yet; failed: the gateway refused it for good, see `attention`',
    }),
    at: time,
    nextTryAt: time.optional().meta({ description: 'When the gateway is asked next, while it is open' }),
    lastError: z.string().optional().meta({ description: 'Why it is not made' }),
    settledAs: z.enum(REFUND_SETTLEMENTS).optional().meta({ description: 'What a person did instead' }),
    settledReference: z.string().optional().meta({ description: 'Where that is found' }),
    settledBy: z.string().optional().meta({ description: 'Who recorded it' }),
  })
  .meta({ id: 'Capture' });

export const payment = z
  .object({
    id: uuid,
    status: z.enum(SHOWN_PAYMENT_STATUSES).meta({
      description:
        'requires_action: the customer is to authenticate, see `nextAction`; authorized: the money is set aside, and taken as parcels leave; voided: nothing of it is set aside any more, and nothing was taken; failed: nothing of it could be taken',
    }),
    amountMinor: money.meta({ description: 'Asked for: of one that is captured apart, what was authorised' }),
    capturedMinor: money,
    refundedMinor: money,
    currency,
    declineCode: z.string().optional(),
    at: time,
    nextAction: z
      .object({ type: z.literal('redirect'), url: z.string() })
      .optional()
      .meta({ description: 'What the customer is to do: open this address' }),
    voiding: z.literal(true).optional().meta({
      description: 'What is not captured of an authorised one is being voided; nothing more is taken of it',
    }),
    captureBefore: time.optional().meta({ description: 'Until when the gateway keeps the authorisation' }),
    lostAt: time.optional().meta({
      description: 'When the gateway said that nothing more of the authorisation can be captured',
    }),
    captures: z.array(capture),
    refunds: z.array(refund),
    nextTryAt: time.optional().meta({ description: 'When the gateway is asked next, while it is open' }),
    lastError: z.string().optional().meta({ description: 'Why the gateway gave no outcome yet' }),
  })
  .meta({ id: 'Payment' });

const dispute = z
  .object({
    id: uuid,
    paymentId: uuid,
    gatewayRef: z.string().meta({ description: "The gateway's id of it" }),
    amountMinor: money,
    currency,
    reason: z.string().meta({ description: "The gateway's word for why the customer disputes" }),
    status: z.enum(DISPUTE_STATUSES).meta({
      description:
        'inquiry: the bank asks, and the money is still here; needs_response, under_review: the bank has taken it and the decision is open: nothing of the payment is refunded; won: it came back; lost: it is gone; closed: it ended without a decision',
    }),
    at: time,
    dueBy: time.optional().meta({ description: 'Until when the gateway takes a response' }),
  })
  .meta({ id: 'Dispute' });

const review = z
  .object({
    status: reviewStatus.meta({
      description:
        'open: nothing of the order ships; ended: the order was cancelled, or ended otherwise, before it was decided',
    }),
    deadline: time.nullable().meta({
      description:
        'Until when somebody may decide; null: nothing is authorised yet, and a decision is refused (NOT_IN_REVIEW), since the total may still change',
    }),
  })
  .meta({ id: 'Review' });

export const shipmentStatus = z.enum(SHIPMENT_STATUSES);

const shipment = z
  .object({
    id: uuid,
    warehouse: warehouseCode,
    status: shipmentStatus,
    trackingNumber: z.string().nullable(),
    leftAfterStopAt: time.nullable().meta({
      description:
        'When the carrier told that it had picked it up although it was voided or had failed; else null',
    }),
    items: z.array(z.object({ sku: z.string(), quantity: count })),
  })
  .meta({ id: 'Shipment' });

const openCut = z
  .object({
    requestId: uuid,
    since: time,
    reason: z.string().nullable(),
    items: z.array(
      z.object({
        sku: z.string(),
        quantity: count.meta({ description: 'Asked to be taken out' }),
        cutQuantity: count.meta({ description: 'Taken out so far' }),
      }),
    ),
  })
  .meta({
    id: 'OpenCut',
    description:
      'A request to take units out of the order (`POST /orders/{id}/cancel` with `items`) that is under way: a carrier has not said whether a shipment is stopped, or a charge is unresolved',
  });

const openAmendment = z
  .object({
    requestId: uuid,
    status: z.enum(['requested', ...AMENDMENT_STAGES]).meta({
      description:
        'requested: not begun; charging: what is added waits for its payment; cutting: what is taken out is being cut',
    }),
    since: time,
    items: z.array(
      z.object({
        sku: z.string(),
        quantity: count.meta({ description: 'That the order is to have; 0: it is taken out' }),
      }),
    ),
    shipTo: shipTo.nullable().meta({ description: 'Null: it goes where it went' }),
    paymentId: uuid.nullable().meta({ description: 'Of the payment of what is added' }),
    why: z.string().meta({ description: 'What it waits for, in words' }),
  })
  .meta({
    id: 'OpenAmendment',
    description:
      'A request to change the order (`PATCH /orders/{id}`) that is neither done nor refused. While it is charging or cutting, no parcel of the order is booked',
  });

export const attentionKind = z.enum(Object.keys(ATTENTION) as readonly AttentionKind[]);

const attention = z
  .object({
    kind: attentionKind,
    about: z.string().meta({
      description:
        'Id of the refund, capture, payment, dispute, shipment or order that it is about; of a refund that is not ours, as the gateway has it',
    }),
    since: time,
    why: z.string(),
    next: z.string().meta({ description: 'What to do about it' }),
  })
  .meta({ id: 'Attention', description: 'For what an order needs a person; not told to customers' });

export const orderMembers = {
  id: uuid,
  status: orderStatus,
  customerId: z.string(),
  fulfilment: z.enum(FULFILMENTS),
  currency,
  totalMinor: money,
  shipTo: shipTo.nullable(),
  failureCode: z.string().optional(),
  cancelReason: z.string().optional(),
  items: z.array(item),
  reservation: reservation.nullable(),
  reservations: z.array(reservation),
  payment: payment.nullable(),
  payments: z.array(payment),
  refunds: z.array(refund),
  disputes: z.array(dispute),
  review: review.nullable().meta({ description: 'Null: the order is not reviewed' }),
  shipments: z.array(shipment),
  openCuts: z.array(openCut),
  openAmendments: z.array(openAmendment),
  attention: z.array(attention),
  createdAt: time,
  updatedAt: time,
};

export const order: z.ZodType<OrderView> = z.object(orderMembers).meta({ id: 'Order' });

export const orderPage = pageOf('OrderPage', order);

export const orderStatusView = z
  .object({ id: uuid, status: orderStatus, updatedAt: time })
  .meta({ id: 'OrderStatus' });

export const undecided = z
  .object({ id: uuid, status: z.literal('pending') })
  .meta({ id: 'UndecidedOrder', description: 'Not decided yet. Its address answers 404 until it is.' });

export const orderEvent = z
  .object({
    seq: count,
    type: z.string(),
    at: time,
    actor: z.string().optional().meta({ description: 'The caller who caused it, where somebody did' }),
    onBehalfOf: z
      .string()
      .optional()
      .meta({ description: 'Id of the customer, where somebody else acted for them' }),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'OrderEvent' });

export const eventPage = pageOf('OrderEventPage', orderEvent);

export const sourcing = z
  .object({
    id: uuid,
    decisions: z.array(
      z.object({
        sku: z.string(),
        strategy: z.enum(SOURCING_STRATEGIES),
        requested: count,
        why: z
          .object({
            shipments: count.meta({ description: 'Warehouses that were chosen, over all lines' }),
            search: z.enum(['exact', 'greedy']).meta({
              description: '`exact`: there is no choice of fewer; `greedy`: there were too many to try all',
            }),
            withinKm: z
              .number()
              .optional()
              .meta({ description: '`balanced`: farther ones were asked only for what these lack' }),
          })
          .optional()
          .meta({ description: 'Of a strategy that chooses for all lines together' }),
        candidates: z.array(
          z.object({
            warehouse: warehouseCode,
            distanceKm: z.number().nullable(),
            available: count.optional().meta({ description: 'Not told to customers' }),
            taken: count,
          }),
        ),
      }),
    ),
  })
  .meta({ id: 'Sourcing' });
