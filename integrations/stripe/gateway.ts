import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import Stripe from 'stripe';
import { AppError } from '../../platform/errors';
import type { Logger } from '../../platform/telemetry/log';
import { ABANDONED } from '../../domain/payments/rules';
import { amountProblem, isoAmount, stripeAmount } from './amounts';
import {
  asThrown,
  cardDecline,
  declinedAs,
  intentOutcome,
  isRefusal,
  isStoredFailure,
  wordsOf,
} from './outcome';
import type {
  ChargeOutcome,
  ChargeRequest,
  ClosableGateway,
  KeySpent,
  RefundOutcome,
  RefundRequest,
} from '../../domain/payments/types';

export interface StripeGatewayOptions {
  apiKey: string;
  /** Another address than Stripe's own: a proxy, stripe-mock. */
  apiBase?: string;
  /** Milliseconds without a byte from Stripe after which a call has failed. */
  timeoutMs: number;
  log: Logger;
}

const PUBLIC_API = 'https://api.stripe.com';

/**
 * Stripe as a `PaymentGateway`. One payment is one PaymentIntent: created unconfirmed (its id is stored before money can move),
 * then confirmed. Stripe may forget an idempotency key after 24 hours, but an intent is captured once however often it is
 * confirmed; so what became of a charge is read from the intent, and no other intent is made while its id is known.
 *
 * Amounts go as Stripe counts them (`amounts.ts`). `token` is the id of a payment method (`pm_…`).
 *
 * @throws `AMOUNT_NOT_CHARGEABLE`; `PAYMENT_GATEWAY_UNAVAILABLE` without a usable response; `PAYMENT_KEY_REUSED`.
 */
export function createStripeGateway(options: StripeGatewayOptions): ClosableGateway {
  const base = new URL(options.apiBase ?? PUBLIC_API);
  const secure = base.protocol === 'https:';
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const stripe = new Stripe(options.apiKey, {
    protocol: secure ? 'https' : 'http',
    host: base.hostname,
    port: base.port || (secure ? 443 : 80),
    timeout: options.timeoutMs,
    // The caller retries, and looks the charge up before. (The SDK still repeats a call once when the connection was
    // closed under it; each call has its key, so that is harmless.)
    maxNetworkRetries: 0,
    telemetry: false,
    httpAgent: agent,
  });

  /**
   * Under a key, so that a call whose response was lost does not leave an intent behind. Where Stripe has stored a failure under it,
   * another is created without: one whose id is not stored is never confirmed.
   */
  async function createIntent(request: ChargeRequest): Promise<Stripe.PaymentIntent> {
    const { paymentId, orderId, amountMinor, currency, token } = request;
    const params: Stripe.PaymentIntentCreateParams = {
      amount: stripeAmount(amountMinor, currency),
      currency: currency.toLowerCase(),
      payment_method: token,
      confirm: false,
      capture_method: 'automatic',
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
      metadata: { orderId, paymentId },
    };
    try {
      return await stripe.paymentIntents.create(params, { idempotencyKey: paymentId });
    } catch (error) {
      if (!isStoredFailure(error)) throw error;
      return stripe.paymentIntents.create(params);
    }
  }

  /** No customer is present to authenticate, so an intent that asks for it is ended for good. */
  async function settle(intent: Stripe.PaymentIntent): Promise<ChargeOutcome | null> {
    if (intent.status !== 'requires_action') return intentOutcome(intent);
    await stripe.paymentIntents.cancel(intent.id, { cancellation_reason: 'abandoned' });
    return declinedAs(intent.id, 'authentication_required');
  }

  /** Either the intent is past its confirmation, or it is not to be confirmed any more: then it is ended, for good. */
  async function settleOrEnd(ref: string, declineCode: string): Promise<ChargeOutcome> {
    const outcome = await settle(await stripe.paymentIntents.retrieve(ref));
    if (outcome) return outcome;
    await stripe.paymentIntents.cancel(ref, { cancellation_reason: 'abandoned' });
    return declinedAs(ref, declineCode);
  }

  async function confirm(ref: string): Promise<ChargeOutcome> {
    try {
      // Without an idempotency key of ours (the SDK sends a fresh one each time): Stripe would return a 500 that it stored
      // under it for a day. An intent is captured once however often it is confirmed.
      const intent = await stripe.paymentIntents.confirm(ref, { error_on_requires_action: true });
      return (await settle(intent)) ?? { status: 'unknown' };
    } catch (error) {
      const decline = cardDecline(error, ref);
      if (decline) return decline;
      if (isRefusal(error)) return settleOrEnd(ref, error.code ?? 'refused');
      throw error;
    }
  }

  /**
   * What became of earlier tries of this refund, also of one that a person made with its id: one that stands, else one that
   * failed under this number of its key.
   */
  async function earlierRefund(request: RefundRequest): Promise<Stripe.Refund | undefined> {
    const refunds = await stripe.refunds.list({ payment_intent: request.gatewayRef, limit: 100 });
    const ours = refunds.data.filter((refund) => refund.metadata?.refundId === request.refundId);
    return ours.find(stands) ?? ours.find((refund) => keyNumberOf(refund) === request.keyNumber);
  }

  async function refundOrFind(request: RefundRequest): Promise<RefundOutcome | KeySpent> {
    const earlier = await earlierRefund(request);
    if (earlier) return asOutcome(earlier);
    try {
      return asOutcome(await createRefund(stripe, request));
    } catch (error) {
      if (!isStoredFailure(error)) throw error;
      // Looked at again: only now is it certain that the first request does nothing any more.
      const made = await earlierRefund(request);
      return made
        ? asOutcome(made)
        : { status: 'key_spent', reason: `Stripe has stored a failure: ${wordsOf(error)}` };
    }
  }

  /** What a refused refund says: also what is left of the charge, since somebody may have given money back at Stripe. */
  async function refused(
    request: RefundRequest,
    error: Stripe.errors.StripeInvalidRequestError,
  ): Promise<RefundOutcome> {
    const { refundId, gatewayRef, currency } = request;
    options.log.warn({ err: error, refundId }, 'Stripe refused a refund');
    const leftMinor = await leftOf(gatewayRef, currency).catch((failure: unknown) => {
      options.log.warn({ err: failure, refundId }, 'what is left of a charge cannot be read at Stripe');
      return null;
    });
    const left =
      leftMinor === null ? '' : ` Of its charge ${leftMinor} ${currency} minor units are left at Stripe.`;
    return { status: 'failed', gatewayRef: null, reason: `Stripe refused it: ${wordsOf(error)}.${left}` };
  }

  /** Minor units of ISO 4217 that have not gone back; null: there are more refunds than are read at once. */
  async function leftOf(intentId: string, currency: string): Promise<number | null> {
    const [intent, refunds] = await Promise.all([
      stripe.paymentIntents.retrieve(intentId),
      stripe.refunds.list({ payment_intent: intentId, limit: 100 }),
    ]);
    if (refunds.has_more) return null;
    const back = refunds.data.filter(stands).reduce((sum, { amount }) => sum + amount, 0);
    return isoAmount(intent.amount - back, currency);
  }

  return {
    name: 'stripe',
    amountProblem,

    async prepare(request) {
      const { amountMinor, currency, paymentId } = request;
      const why = amountProblem(amountMinor, currency);
      if (why) {
        // Of an order that was placed under another gateway: since then its prices are not looked at again.
        options.log.warn({ paymentId, amountMinor, currency, why }, 'Stripe cannot charge this amount');
        return declinedAs(null, 'amount_not_chargeable');
      }
      try {
        const intent = await createIntent(request);
        return { status: 'prepared', gatewayRef: intent.id };
      } catch (error) {
        const decline = cardDecline(error, null);
        if (decline) return decline;
        if (!isRefusal(error)) throw asThrown(error, request.paymentId);
        const { code = 'refused', message: why, requestId } = error;
        options.log.warn({ paymentId: request.paymentId, code, why, requestId }, 'Stripe refused a payment');
        return declinedAs(null, code);
      }
    },

    async charge(request) {
      if (!request.gatewayRef) {
        throw new AppError(
          'PAYMENT_NOT_PREPARED',
          'A PaymentIntent is created and stored before it is confirmed.',
        );
      }
      try {
        return await confirm(request.gatewayRef);
      } catch (error) {
        throw asThrown(error, request.paymentId);
      }
    },

    async find(request) {
      // Without an id nothing was confirmed, even if an intent was created and its response lost.
      if (!request.gatewayRef) return null;
      try {
        return await settle(await stripe.paymentIntents.retrieve(request.gatewayRef));
      } catch (error) {
        throw asThrown(error, request.paymentId);
      }
    },

    async abandon(request) {
      // A call that still creates an intent can't store its id any more, and without that does not confirm it.
      if (!request.gatewayRef) return declinedAs(null, ABANDONED);
      try {
        return await settleOrEnd(request.gatewayRef, ABANDONED);
      } catch (error) {
        throw asThrown(error, request.paymentId);
      }
    },

    async refund(request) {
      try {
        return await refundOrFind(request);
      } catch (error) {
        if (isRefusal(error)) return refused(request, error);
        throw asThrown(error, request.refundId);
      }
    },

    close() {
      agent.destroy();
      return Promise.resolve();
    },
  };
}

/** @throws AMOUNT_NOT_CHARGEABLE */
function createRefund(stripe: Stripe, request: RefundRequest): Promise<Stripe.Refund> {
  const { refundId, paymentId, reason, keyNumber } = request;
  return stripe.refunds.create(
    {
      payment_intent: request.gatewayRef,
      amount: stripeAmount(request.amountMinor, request.currency),
      metadata: { refundId, paymentId, reason, keyNumber: String(keyNumber) },
    },
    { idempotencyKey: keyNumber === 1 ? refundId : `${refundId}:${keyNumber}` },
  );
}

function keyNumberOf({ metadata }: Stripe.Refund): number {
  return Number(metadata?.keyNumber ?? 1);
}

function stands({ status }: Stripe.Refund): boolean {
  return status !== 'failed' && status !== 'canceled';
}

function asOutcome(refund: Stripe.Refund): RefundOutcome {
  const { id: gatewayRef, status } = refund;
  if (!stands(refund)) {
    const reason = `Stripe says ${status ?? 'nothing'}${refund.failure_reason ? `: ${refund.failure_reason}` : ''}.`;
    return { status: 'failed', gatewayRef, reason };
  }
  return { status: status === 'succeeded' ? 'succeeded' : 'pending', gatewayRef };
}
