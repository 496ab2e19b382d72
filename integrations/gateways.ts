import type { Settings } from '../platform/config';
import { configError } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import { createSandboxGateway } from './sandbox-gateway/gateway';
import { createStripeGateway } from './stripe/gateway';
import type { ClosableGateway } from '../domain/payments/types';

export type GatewaySettings = Pick<
  Settings,
  'PAYMENT_GATEWAY' | 'PAYMENT_CALL_TIMEOUT_MS' | 'STRIPE_API_KEY' | 'STRIPE_API_BASE'
>;

/** The payment gateway that the settings ask for. Whoever makes it closes it. */
export function createGateway(
  settings: GatewaySettings,
  { databaseUrl, log }: { databaseUrl: string; log: Logger },
): ClosableGateway {
  const timeoutMs = settings.PAYMENT_CALL_TIMEOUT_MS;
  if (settings.PAYMENT_GATEWAY === 'sandbox') {
    return createSandboxGateway({ url: databaseUrl, log, callTimeoutMs: timeoutMs });
  }
  const apiKey = settings.STRIPE_API_KEY;
  if (!apiKey) throw configError(['STRIPE_API_KEY: is needed when PAYMENT_GATEWAY is stripe']);
  return createStripeGateway({ apiKey, apiBase: settings.STRIPE_API_BASE, timeoutMs, log });
}
