import type Stripe from 'stripe';
import { AppError } from '../../platform/errors';
import type { Logger } from '../../platform/telemetry/log';
import { ABANDONED } from '../../domain/payments/rules';
import { amountProblem, stripeAmount } from './amounts';
import {
  asThrown,
  cardDecline,
  declinedAs,
  intentOutcome,
  isRefusal,
  isStoredFailure,
  WITH_CHARGE,
} from './outcome';
import type { ChargeOutcome, ChargeRequest, PaymentGateway } from '../../domain/payments/gateway';

const AUTHENTICATION_REQUIRED = 'authentication_required';

/**
 * Charges at Stripe: one payment is one PaymentIntent, created unconfirmed (its id is stored before money can move), then confirmed.
 * What became of it is read from the intent.
 */
export function createCharges(
  stripe: Stripe,
  log: Logger,
): Pick<PaymentGateway, 'prepare' | 'charge' | 'find' | 'abandon'> {
  const read = (ref: string) => stripe.paymentIntents.retrieve(ref, WITH_CHARGE);

  /**
   * With it Stripe keeps the payment method, so that later parts of the order can be charged. Where Stripe has stored a failure under
   * the key, another is made without: an empty customer does nothing.
   */
  async function createCustomer(orderId: string): Promise<string> {
    const params: Stripe.CustomerCreateParams = { metadata: { orderId } };
    const customer = await orWithoutKey(
      () => stripe.customers.create(params, { idempotencyKey: `customer-${orderId}` }),
      () => stripe.customers.create(params),
    );
    return customer.id;
  }

  /**
   * Under a key, so that a call whose response was lost does not leave an intent behind. Where Stripe has stored a failure under it,
   * another is created without: one whose id is not stored is never confirmed.
   */
  function createIntent(request: ChargeRequest, customer: string | null): Promise<Stripe.PaymentIntent> {
    const params = intentParams(request, customer);
    // Another customer, where the one before was not stored, is another request.
    const idempotencyKey = customer === null ? request.paymentId : `${request.paymentId}:${customer}`;
    return orWithoutKey(
      () => stripe.paymentIntents.create(params, { idempotencyKey }),
      () => stripe.paymentIntents.create(params),
    );
  }

  /** An intent that asks for a customer who is not there, or cannot be sent anywhere, is ended for good. */
  async function settle(intent: Stripe.PaymentIntent, request: ChargeRequest): Promise<ChargeOutcome | null> {
    if (intent.status !== 'requires_action') return intentOutcome(intent);
    const url = mayRedirect(request) ? redirectOf(intent) : null;
    if (url !== null)
      return { status: 'requires_action', gatewayRef: intent.id, nextAction: { type: 'redirect', url } };
    await stripe.paymentIntents.cancel(intent.id);
    return declinedAs(intent.id, AUTHENTICATION_REQUIRED);
  }

  /** Either the intent is past its confirmation, or it is not to be confirmed any more: then it is ended, for good. */
  async function settleOrEnd(
    ref: string,
    request: ChargeRequest,
    declineCode: string,
  ): Promise<ChargeOutcome> {
    const outcome = await settle(await read(ref), request);
    if (outcome) return outcome;
    await stripe.paymentIntents.cancel(ref, { cancellation_reason: 'abandoned' });
    return declinedAs(ref, declineCode);
  }

  async function confirm(ref: string, request: ChargeRequest): Promise<ChargeOutcome> {
    try {
      // Without an idempotency key of ours (the SDK sends a fresh one each time): Stripe would return a 500 that it stored
      // under it for a day. An intent is captured once however often it is confirmed.
      const intent = await stripe.paymentIntents.confirm(ref, { ...confirmParams(request), ...WITH_CHARGE });
      return (await settle(intent, request)) ?? { status: 'unknown' };
    } catch (error) {
      const decline = cardDecline(error, ref);
      if (decline) return decline;
      if (isRefusal(error)) return settleOrEnd(ref, request, error.code ?? 'refused');
      throw error;
    }
  }

  return {
    async prepare(request) {
      const { amountMinor, currency, paymentId, orderId, keepsMethod } = request;
      const why = amountProblem(amountMinor, currency);
      if (why) {
        // Of an order that was placed under another gateway: since then its prices are not looked at again.
        log.warn({ paymentId, amountMinor, currency, why }, 'Stripe cannot charge this amount');
        return declinedAs(null, 'amount_not_chargeable');
      }
      try {
        const made = keepsMethod && request.customerRef === null ? await createCustomer(orderId) : null;
        const intent = await createIntent(request, made ?? request.customerRef);
        return {
          status: 'prepared',
          gatewayRef: intent.id,
          ...(made === null ? {} : { customerRef: made }),
        };
      } catch (error) {
        const decline = cardDecline(error, null);
        if (decline) return decline;
        if (!isRefusal(error)) throw asThrown(error, paymentId);
        const { code = 'refused', message: refusal, requestId } = error;
        log.warn({ paymentId, code, why: refusal, requestId }, 'Stripe refused a payment');
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
        return await confirm(request.gatewayRef, request);
      } catch (error) {
        throw asThrown(error, request.paymentId);
      }
    },

    async find(request) {
      // Without an id nothing was confirmed, even if an intent was created and its response lost.
      if (!request.gatewayRef) return null;
      try {
        return await settle(await read(request.gatewayRef), request);
      } catch (error) {
        throw asThrown(error, request.paymentId);
      }
    },

    async abandon(request) {
      // A call that still creates an intent can't store its id any more, and without that does not confirm it.
      if (!request.gatewayRef) return declinedAs(null, ABANDONED);
      try {
        const intent = await read(request.gatewayRef);
        const outcome = intent.status === 'requires_action' ? null : intentOutcome(intent);
        if (outcome) return outcome;
        // Refused where the customer was faster: the next try reads what it came to.
        await stripe.paymentIntents.cancel(intent.id, { cancellation_reason: 'abandoned' });
        return declinedAs(intent.id, ABANDONED);
      } catch (error) {
        throw asThrown(error, request.paymentId);
      }
    },
  };
}

/** Whether the customer is there and can be sent to a page of the bank's. */
function mayRedirect({ returnUrl, offSession }: ChargeRequest): boolean {
  return returnUrl !== null && !offSession;
}

/** Null: it wants something else than a redirect. */
function redirectOf({ next_action: action }: Stripe.PaymentIntent): string | null {
  return action?.type === 'redirect_to_url' ? (action.redirect_to_url?.url ?? null) : null;
}

function intentParams(request: ChargeRequest, customer: string | null): Stripe.PaymentIntentCreateParams {
  const { paymentId, orderId, amountMinor, currency, token, captureLater, keepsMethod } = request;
  return {
    amount: stripeAmount(amountMinor, currency),
    currency: currency.toLowerCase(),
    payment_method: token,
    confirm: false,
    capture_method: captureLater ? 'manual' : 'automatic',
    automatic_payment_methods: { enabled: true, allow_redirects: mayRedirect(request) ? 'always' : 'never' },
    ...(captureLater ? OF_CARD : {}),
    ...(customer === null ? {} : { customer }),
    ...(keepsMethod ? { setup_future_usage: 'off_session' } : {}),
    metadata: { orderId, paymentId },
  };
}

/** Of a card alone Stripe says until when it keeps an authorisation: that of any other method would lapse unwatched. */
const OF_CARD = {
  allowed_payment_method_types: ['card'],
  payment_method_options: { card: { request_multicapture: 'if_available' } },
} satisfies Partial<Stripe.PaymentIntentCreateParams>;

function confirmParams(request: ChargeRequest): Stripe.PaymentIntentConfirmParams {
  if (request.offSession) return { off_session: true };
  if (request.returnUrl !== null) return { return_url: request.returnUrl };
  return { error_on_requires_action: true };
}

/** @param withoutKey what is done instead where Stripe returns a failure that it has stored under the key */
async function orWithoutKey<T>(withKey: () => Promise<T>, withoutKey: () => Promise<T>): Promise<T> {
  try {
    return await withKey();
  } catch (error) {
    if (!isStoredFailure(error)) throw error;
    return withoutKey();
  }
}
