import { createSandboxCarrier, type SandboxCarrier } from '../integrations/sandbox-carrier/carrier';
import { createGateway } from '../integrations/gateways';
import type { ClosableGateway } from '../domain/payments/types';
import type { CarrierEvent } from '../domain/fulfilment/types';
import type { Settings } from '../platform/config';
import type { Logger } from '../platform/telemetry/log';

const WEBHOOK_TIMEOUT_MS = 10_000;

/** The third parties that a worker calls. Whoever opens them closes them. */
export interface Integrations {
  gateway: ClosableGateway;
  carrier: SandboxCarrier;
}

/** The gateway and the carrier that the settings ask for. */
export function openIntegrations(options: {
  settings: Settings;
  databaseUrl: string;
  log: Logger;
}): Integrations {
  const { settings, databaseUrl, log } = options;
  const webhook = settings.SANDBOX_CARRIER_WEBHOOK_URL ?? ownWebhook(settings);
  return {
    gateway: createGateway(settings, { databaseUrl, log }),
    carrier: createSandboxCarrier({
      url: databaseUrl,
      stageDelayMs: settings.SANDBOX_CARRIER_DELAY_MS,
      refuseWarehouses: settings.SANDBOX_CARRIER_UNSERVED,
      loseWarehouses: settings.SANDBOX_CARRIER_LOSES,
      deliver: (events) => postEvents(webhook, events),
      log,
    }),
  };
}

/** The API of the same settings, on this machine. */
function ownWebhook({ HOST, PORT }: Settings): string {
  const anyAddress = HOST === '0.0.0.0' || HOST === '::';
  const host = anyAddress ? '127.0.0.1' : HOST.includes(':') ? `[${HOST}]` : HOST;
  return `http://${host}:${PORT}/api/v1/carriers/sandbox/events`;
}

async function postEvents(url: string, events: readonly CarrierEvent[]): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events }),
    signal: AbortSignal.timeout(WEBHOOK_TIMEOUT_MS),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`the carrier webhook answered ${response.status}`);
}
