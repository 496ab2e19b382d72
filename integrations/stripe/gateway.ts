import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import Stripe from 'stripe';
import type { Logger } from '../../platform/telemetry/log';
import { amountProblem } from './amounts';
import { createCaptures } from './captures';
import { createCharges } from './charges';
import { createRefunds } from './refunds';
import type { ClosableGateway } from '../../domain/payments/gateway';

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
 * Stripe as a `PaymentGateway`. One payment is one PaymentIntent. Stripe may forget an idempotency key after 24 hours, but an intent
 * is charged once however often it is confirmed; so what became of a charge or a capture is read from the intent, and no other intent
 * is made while its id is known.
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

  return {
    name: 'stripe',
    amountProblem,
    ...createCharges(stripe, options.log),
    ...createCaptures(stripe, options.log),
    ...createRefunds(stripe, options.log),

    close() {
      agent.destroy();
      return Promise.resolve();
    },
  };
}
