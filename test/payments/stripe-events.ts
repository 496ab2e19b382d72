import Stripe from 'stripe';
import { newId } from '../../platform/ids';

export const STRIPE_SECRET = 'whsec_test_of_one_endpoint';

export interface StripeEvent {
  id: string;
  type: string;
  created: number;
  data: { object: Record<string, unknown> };
}

/** Unix time in seconds, of which tests count on. */
export const NOW = Math.floor(Date.now() / 1_000);

/** An event as Stripe sends it. */
export function stripeEvent(
  type: string,
  object: Record<string, unknown>,
  { id = `evt_${newId()}`, created = NOW } = {},
): StripeEvent {
  return { id, type, created, data: { object } };
}

export function intentObject(id: string, metadata: Record<string, string> = {}) {
  return { id, object: 'payment_intent', status: 'succeeded', metadata };
}

export interface RefundWords {
  id: string;
  intent: string;
  status?: string;
  refundId?: string;
  amount?: number;
}

export function refundObject({ id, intent, status = 'succeeded', refundId, amount = 1_000 }: RefundWords) {
  return {
    id,
    object: 'refund',
    payment_intent: intent,
    amount,
    currency: 'usd',
    status,
    ...(status === 'failed' ? { failure_reason: 'expired_or_canceled_card' } : {}),
    metadata: refundId === undefined ? {} : { refundId },
  };
}

export interface DisputeWords {
  id?: string;
  intent: string;
  status?: string;
  amount?: number;
  currency?: string;
}

export function disputeObject({
  id = 'dp_1',
  intent,
  status = 'needs_response',
  amount = 1_000,
  currency = 'usd',
}: DisputeWords) {
  return {
    id,
    object: 'dispute',
    payment_intent: intent,
    charge: 'ch_1',
    amount,
    currency,
    reason: 'fraudulent',
    status,
    is_charge_refundable: false,
    evidence_details: { due_by: NOW + 7 * 86_400 },
  };
}

/** The header that Stripe sends with these bytes. */
export function stripeSignature(
  payload: string,
  { secret = STRIPE_SECRET, timestamp = Math.floor(Date.now() / 1_000) } = {},
): Record<string, string> {
  return { 'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp }) };
}
