import Stripe from 'stripe';
import { z } from 'zod';
import type { GatewayEvent, GatewayFact, GatewayWebhook } from '../../domain/payments/gateway-event-types';
import type { DisputeStatus } from '../../domain/payments/types';
import type { SignatureVerdict } from '../../platform/webhook-signature';
import type { Logger } from '../../platform/telemetry/log';
import { isoAmount, isWholeInIso } from './amounts';

const TOLERANCE_SECONDS = 300;
const EXPIRED = 'Timestamp outside the tolerance zone';

/** An id, or the object that has it. */
const reference = z
  .union([z.string(), z.object({ id: z.string() }).transform(({ id }) => id)])
  .nullish()
  .transform((id) => id ?? null);
const metadata = z
  .object({ paymentId: z.string().optional(), refundId: z.string().optional() })
  .nullish()
  .transform((given) => given ?? {});
/** Unix time in seconds, as far as a `Date` goes. */
const seconds = z.int().min(0).max(8_640_000_000_000);
const currency = z.string().transform((code) => code.toUpperCase());

const event = z.object({
  id: z.string(),
  type: z.string(),
  created: seconds,
  data: z.object({ object: z.looseObject({ object: z.string() }) }),
});
const intent = z.object({ id: z.string(), status: z.string().nullish(), metadata });
const refund = z.object({
  id: z.string(),
  payment_intent: reference,
  amount: z.int(),
  currency,
  status: z.string().nullish(),
  failure_reason: z.string().nullish(),
  metadata,
});
const charge = z.object({
  payment_intent: reference,
  amount_refunded: z.int(),
  currency,
  metadata,
});
const dispute = z.object({
  id: z.string(),
  payment_intent: reference,
  amount: z.int(),
  currency,
  reason: z.string(),
  status: z.string(),
  evidence_details: z.object({ due_by: seconds.nullish() }).nullish(),
});

/** The amount of any of them. */
const money = z
  .object({ amount: z.number().optional(), amount_refunded: z.number().optional(), currency })
  .transform(({ amount_refunded: refunded, amount = 0, currency: code }) => ({
    amount: refunded ?? amount,
    currency: code,
  }));

const DISPUTE_STATUS: Readonly<Record<string, DisputeStatus>> = {
  warning_needs_response: 'inquiry',
  warning_under_review: 'inquiry',
  warning_closed: 'closed',
  prevented: 'closed',
  needs_response: 'needs_response',
  appeal_needs_response: 'needs_response',
  under_review: 'under_review',
  appeal_under_review: 'under_review',
  won: 'won',
  lost: 'lost',
};

/**
 * The events that Stripe sends to `POST /gateways/stripe/events`. Signatures are verified by its SDK, with each of the secrets:
 * two while one is replaced by the other. What is not understood, as of another API version, has no fact.
 *
 * @param log for amounts that had to be rounded
 */
export function createStripeWebhook(secrets: readonly string[], log: Pick<Logger, 'warn'>): GatewayWebhook {
  return {
    isSetUp: secrets.length > 0,

    verify(body, header) {
      const signature = header('stripe-signature');
      if (signature === undefined || signature === '') return 'missing';
      const verdicts = secrets.map((secret) => verdictOf(body, signature, secret));
      return (
        verdicts.find((one) => one === 'valid') ?? verdicts.find((one) => one === 'expired') ?? 'invalid'
      );
    },

    read(body) {
      const read = event.safeParse(body);
      if (!read.success) return { ...nameOf(body), occurredAt: new Date(), fact: null };
      const { id, type, created, data } = read.data;
      const odd = money.safeParse(data.object);
      if (odd.success && !isWholeInIso(odd.data.amount, odd.data.currency))
        log.warn({ eventId: id, type, ...odd.data }, 'Stripe told an amount that ISO 4217 has not: rounded');
      return { eventId: id, type, occurredAt: new Date(created * 1_000), fact: factOf(type, data.object) };
    },
  };
}

function verdictOf(body: Buffer, signature: string, secret: string): SignatureVerdict {
  try {
    // The first half of `constructEvent`. Not that, since what it throws may be about the body, which is read only later: here
    // whatever is thrown refuses the message (an empty `v1=` is no signature error of the SDK's).
    const isSigned = Stripe.webhooks.signature?.verifyHeader(body, signature, secret, TOLERANCE_SECONDS);
    return isSigned === true ? 'valid' : 'invalid';
  } catch (error) {
    return error instanceof Error && error.message.includes(EXPIRED) ? 'expired' : 'invalid';
  }
}

/** Of a message that is no event of the kind that is known here. */
function nameOf(body: unknown): Pick<GatewayEvent, 'eventId' | 'type'> {
  const named = z.object({ id: z.string(), type: z.string() }).safeParse(body);
  return named.success
    ? { eventId: named.data.id, type: named.data.type }
    : { eventId: '', type: 'not understood' };
}

/** By the object: several types of events carry the same. Null: nothing is to be learnt from it. */
function factOf(type: string, told: { object: string }): GatewayFact | null {
  // Caused by our own call, before which nothing can have happened.
  if (type === 'payment_intent.created') return null;
  switch (told.object) {
    case 'payment_intent':
      return chargeFact(told);
    case 'refund':
      return refundFact(told);
    case 'charge':
      return type === 'charge.refunded' ? refundedTotal(told) : null;
    case 'dispute':
      return disputeFact(told);
    default:
      return null;
  }
}

function chargeFact(told: unknown): GatewayFact | null {
  const { data } = intent.safeParse(told);
  if (!data) return null;
  const hasEnded = data.status === 'canceled' || data.status === 'succeeded';
  return { kind: 'charge', hasEnded, chargeRef: data.id, paymentId: data.metadata.paymentId ?? null };
}

function refundFact(told: unknown): GatewayFact | null {
  const { data } = refund.safeParse(told);
  if (!data) return null;
  const isFailed = data.status === 'failed' || data.status === 'canceled';
  return {
    kind: 'refund',
    chargeRef: data.payment_intent,
    paymentId: data.metadata.paymentId ?? null,
    gatewayRef: data.id,
    refundId: data.metadata.refundId ?? null,
    status: isFailed ? 'failed' : data.status === 'succeeded' ? 'succeeded' : 'pending',
    amountMinor: isoAmount(data.amount, data.currency),
    currency: data.currency,
    reason: data.failure_reason ?? data.status ?? null,
  };
}

function refundedTotal(told: unknown): GatewayFact | null {
  const { data } = charge.safeParse(told);
  if (!data) return null;
  return {
    kind: 'refunded_total',
    chargeRef: data.payment_intent,
    paymentId: data.metadata.paymentId ?? null,
    totalMinor: isoAmount(data.amount_refunded, data.currency),
  };
}

function disputeFact(told: unknown): GatewayFact | null {
  const { data } = dispute.safeParse(told);
  if (!data) return null;
  const due = data.evidence_details?.due_by;
  return {
    kind: 'dispute',
    chargeRef: data.payment_intent,
    paymentId: null,
    gatewayRef: data.id,
    amountMinor: isoAmount(data.amount, data.currency),
    currency: data.currency,
    reason: data.reason,
    // A status that Stripe adds one day: nothing is refunded before somebody knows what it means.
    status: DISPUTE_STATUS[data.status] ?? 'under_review',
    dueBy: due ? new Date(due * 1_000) : null,
  };
}
