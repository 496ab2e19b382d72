import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { carrierSecretsOf, type Settings } from '../platform/config';
import { configError } from '../platform/errors';
import { isWebhookSecret, webhookSecretOf } from '../platform/webhook-signature';
import { keepSecret, keptSecret } from './home-secret';

const SECRET_BYTES = 32;

/**
 * The settings, with the secret by which the sandbox carrier signs its updates where none is set: that of the home, which is
 * made when it is missing. Where unsigned updates are allowed, none is needed.
 */
export async function withOwnCarrierSecret(settings: Settings): Promise<Settings> {
  if (!needsSecret(settings)) return settings;
  await keepSecret(secretPath(settings), webhookSecretOf(randomBytes(SECRET_BYTES)));
  return withHomeCarrierSecret(settings);
}

/** The same for a part that runs beside `holdfast up` of the same home: the secret of the home, if there is one. */
export async function withHomeCarrierSecret(settings: Settings): Promise<Settings> {
  if (!needsSecret(settings)) return settings;
  const path = secretPath(settings);
  const secret = await keptSecret(path);
  if (secret === undefined) return settings;
  if (!isWebhookSecret(secret)) throw configError([`${path}: is not a secret; remove it to have one made`]);
  return { ...settings, CARRIER_WEBHOOK_SECRETS: [...settings.CARRIER_WEBHOOK_SECRETS, `sandbox=${secret}`] };
}

function needsSecret(settings: Settings): boolean {
  return carrierSecretsOf(settings, 'sandbox').length === 0 && settings.CARRIER_UPDATES_UNSIGNED === 'refuse';
}

function secretPath(settings: Settings): string {
  return join(settings.HOLDFAST_HOME, 'carrier-secret');
}
