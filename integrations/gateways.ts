import { gatewayChanged } from '../domain/payments/errors';
import type { ClosableGateway, GatewayNamed } from '../domain/payments/gateway';
import type { Settings } from '../platform/config';
import type { Logger } from '../platform/telemetry/log';
import { withBreaker } from './gateway-breaker';
import type { GatewayMetrics } from './gateway-metrics';
import { sandboxGatewayEntry } from './sandbox-gateway/entry';
import { stripeEntry } from './stripe/entry';

type GatewaySettings = Pick<
  Settings,
  | 'DATABASE_DIRECT_URL'
  | 'HOST'
  | 'PORT'
  | 'PAYMENT_GATEWAY'
  | 'PAYMENT_CALL_TIMEOUT_MS'
  | 'STRIPE_API_KEY'
  | 'STRIPE_API_BASE'
  | 'SANDBOX_AUTHORIZATION_SECONDS'
  | 'SANDBOX_PAGES_URL'
>;

export interface GatewayDeps {
  databaseUrl: string;
  log: Logger;
  metrics: GatewayMetrics;
}

interface GatewayEntry {
  /** The only tokens that it takes; null: it knows its own. */
  tokens: readonly string[] | null;
  /** It responds within milliseconds. */
  isFast: boolean;
  /** @throws `CONFIG_INVALID` for a setting that it needs */
  open(settings: GatewaySettings, deps: { databaseUrl: string; log: Logger }): ClosableGateway;
}

/** Every payment gateway, by the value of `PAYMENT_GATEWAY`. */
const GATEWAYS: Readonly<Record<Settings['PAYMENT_GATEWAY'], GatewayEntry>> = {
  sandbox: sandboxGatewayEntry,
  stripe: stripeEntry,
};

/** The gateway that new charges are made at, and those that former ones were. */
export interface Gateways {
  current: ClosableGateway;
  /** Also one that is no longer configured, as long as its credentials are set. */
  named: GatewayNamed;
  close(): Promise<void>;
}

/** One gateway and no former ones. */
export function onlyGateway(current: ClosableGateway): Gateways {
  return {
    current,
    named(name) {
      if (name !== current.name) throw gatewayChanged(name);
      return current;
    },
    close: () => current.close(),
  };
}

/**
 * The payment gateways that the settings allow, each behind a circuit breaker of its own. A former one is opened when it is first
 * asked. The caller closes them.
 */
export function openGateways(settings: GatewaySettings, deps: GatewayDeps): Gateways {
  const current = open(GATEWAYS[settings.PAYMENT_GATEWAY], settings, deps);
  const opened = new Map<string, ClosableGateway>([[current.name, current]]);
  return {
    current,
    named(name) {
      const gateway = opened.get(name) ?? openFormer(name, settings, deps);
      opened.set(name, gateway);
      return gateway;
    },
    async close() {
      await Promise.all([...opened.values()].map((gateway) => gateway.close()));
    },
  };
}

function open(entry: GatewayEntry, settings: GatewaySettings, deps: GatewayDeps): ClosableGateway {
  const { log, metrics } = deps;
  return withBreaker(entry.open(settings, deps), {
    callTimeoutMs: settings.PAYMENT_CALL_TIMEOUT_MS,
    log,
    metrics,
  });
}

function openFormer(name: string, settings: GatewaySettings, deps: GatewayDeps): ClosableGateway {
  const entry = Object.entries(GATEWAYS).find(([known]) => known === name)?.[1];
  if (!entry) throw gatewayChanged(name);
  try {
    return open(entry, settings, deps);
  } catch (error) {
    deps.log.warn({ err: error, gateway: name }, 'a payment of a former gateway cannot be asked about');
    throw gatewayChanged(name);
  }
}

/** The tokens that the configured gateway takes; null: any, it decides itself. */
export function acceptedTokens(settings: Pick<Settings, 'PAYMENT_GATEWAY'>): readonly string[] | null {
  return GATEWAYS[settings.PAYMENT_GATEWAY].tokens;
}

/** Whether the configured gateway responds within milliseconds. */
export function isFastGateway(settings: Pick<Settings, 'PAYMENT_GATEWAY'>): boolean {
  return GATEWAYS[settings.PAYMENT_GATEWAY].isFast;
}
