import { z } from 'zod';
import {
  CAPTURE_STATUSES,
  DISPUTE_STATUSES,
  REFUND_SETTLEMENTS,
  REFUND_STATUSES,
  SHOWN_PAYMENT_STATUSES,
} from '../../domain/payments/types';
import { readReturnUrl } from '../http/return-url';
import { currency, line, money, time, uuid } from './common';

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

export const dispute = z
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
