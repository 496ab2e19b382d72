import { z } from 'zod';
import type { CarrierEvent } from '../../domain/fulfilment/types';
import { carrierSecretsOf, ownAddress, type Settings } from '../../platform/config';
import { newId } from '../../platform/ids';
import type { Logger } from '../../platform/telemetry/log';
import { signWebhook } from '../../platform/webhook-signature';
import { createSandboxCarrier, type SandboxCarrier } from './carrier';

/** What the webhook says of each event; only `failed` matters here. */
const RESULTS = z.object({ results: z.array(z.object({ eventId: z.string(), result: z.string() })) });

const WEBHOOK_TIMEOUT_MS = 10_000;

type SandboxCarrierSettings = Pick<
  Settings,
  | 'DATABASE_DIRECT_URL'
  | 'HOST'
  | 'PORT'
  | 'SANDBOX_CARRIER_DELAY_MS'
  | 'SANDBOX_CARRIER_UNSERVED'
  | 'SANDBOX_CARRIER_LOSES'
  | 'SANDBOX_CARRIER_WEBHOOK_URL'
  | 'CARRIER_WEBHOOK_SECRETS'
>;

/** The sandbox carrier as the table of carriers has it. */
export const sandboxCarrierEntry = {
  /** It needs nothing. */
  isSetUp: () => true,
  open: openSandboxCarrier,
};

function openSandboxCarrier(
  settings: SandboxCarrierSettings,
  { databaseUrl, log }: { databaseUrl: string; log: Logger },
): SandboxCarrier {
  const webhook =
    settings.SANDBOX_CARRIER_WEBHOOK_URL ?? `${ownAddress(settings)}/api/v1/carriers/sandbox/events`;
  const secrets = carrierSecretsOf(settings, 'sandbox');
  return createSandboxCarrier({
    url: databaseUrl,
    directUrl: settings.DATABASE_DIRECT_URL,
    stageDelayMs: settings.SANDBOX_CARRIER_DELAY_MS,
    refuseWarehouses: settings.SANDBOX_CARRIER_UNSERVED,
    loseWarehouses: settings.SANDBOX_CARRIER_LOSES,
    deliver: (events) => postEvents(webhook, secrets, events),
    log,
  });
}

/**
 * Sends events to the webhook, signed with each of the secrets, or unsigned where there is none. Returns the ids of events
 * that could not be applied.
 */
export async function postEvents(
  url: string,
  secrets: readonly string[],
  events: readonly CarrierEvent[],
): Promise<readonly string[]> {
  const body = JSON.stringify({ events });
  const signature = secrets.length > 0 ? signWebhook(secrets, { id: `msg_${newId()}`, body }) : {};
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...signature },
    body,
    signal: AbortSignal.timeout(WEBHOOK_TIMEOUT_MS),
  });
  const text = await response.text();
  // 503 with results: some of them could not be applied.
  const told = response.ok || response.status === 503 ? RESULTS.safeParse(parseJson(text)) : undefined;
  if (!told?.success)
    throw new Error(`the carrier webhook returned ${response.status}: ${text.slice(0, 500)}`);
  const { results } = told.data;
  return results.filter(({ result }) => result === 'failed').map(({ eventId }) => eventId);
}

/** Undefined: it is not JSON, as from a proxy. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
