import type { ClosableGateway } from '../domain/payments/types';
import type { Settings } from '../platform/config';
import type { Logger } from '../platform/telemetry/log';
import { sandboxGatewayEntry } from './sandbox-gateway/entry';
import { stripeEntry } from './stripe/entry';

type GatewaySettings = Pick<
  Settings,
  'PAYMENT_GATEWAY' | 'PAYMENT_CALL_TIMEOUT_MS' | 'STRIPE_API_KEY' | 'STRIPE_API_BASE'
>;

interface GatewayEntry {
  /** The only tokens that it takes; null: it knows its own. */
  tokens: readonly string[] | null;
  /** @throws `CONFIG_INVALID` for a setting that it needs */
  open(settings: GatewaySettings, deps: { databaseUrl: string; log: Logger }): ClosableGateway;
}

/** Every payment gateway, by the value of `PAYMENT_GATEWAY`. */
const GATEWAYS: Readonly<Record<Settings['PAYMENT_GATEWAY'], GatewayEntry>> = {
  sandbox: sandboxGatewayEntry,
  stripe: stripeEntry,
};

/** The payment gateway that the settings ask for. The caller closes it. */
export function openGateway(
  settings: GatewaySettings,
  deps: { databaseUrl: string; log: Logger },
): ClosableGateway {
  return GATEWAYS[settings.PAYMENT_GATEWAY].open(settings, deps);
}

/** The tokens that the configured gateway takes; null: any, it decides itself. */
export function acceptedTokens(settings: Pick<Settings, 'PAYMENT_GATEWAY'>): readonly string[] | null {
  return GATEWAYS[settings.PAYMENT_GATEWAY].tokens;
}
