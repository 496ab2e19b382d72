import type { Settings } from '../../platform/config';
import { configError } from '../../platform/errors';
import type { Logger } from '../../platform/telemetry/log';
import { createStripeGateway } from './gateway';

/** Stripe as the table of gateways has it. */
export const stripeEntry = {
  tokens: null,
  isFast: false,
  open(
    settings: Pick<Settings, 'PAYMENT_CALL_TIMEOUT_MS' | 'STRIPE_API_KEY' | 'STRIPE_API_BASE'>,
    { log }: { log: Logger },
  ) {
    const { STRIPE_API_KEY: apiKey, STRIPE_API_BASE: apiBase, PAYMENT_CALL_TIMEOUT_MS: timeoutMs } = settings;
    if (!apiKey) throw configError(['STRIPE_API_KEY: is needed when PAYMENT_GATEWAY is stripe']);
    return createStripeGateway({ apiKey, apiBase, timeoutMs, log });
  },
};
