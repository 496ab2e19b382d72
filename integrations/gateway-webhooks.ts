import type { GatewayWebhook } from '../domain/payments/gateway-event-types';
import type { Settings } from '../platform/config';
import type { Logger } from '../platform/telemetry/log';
import { createStripeWebhook } from './stripe/webhook';

/** What gateways send by themselves, by the name of the gateway; also of one that takes no new charges. */
export function gatewayWebhooks(
  settings: Pick<Settings, 'STRIPE_WEBHOOK_SECRETS'>,
  log: Pick<Logger, 'warn'>,
): ReadonlyMap<string, GatewayWebhook> {
  return new Map([['stripe', createStripeWebhook(settings.STRIPE_WEBHOOK_SECRETS, log)]]);
}
