import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { carrierSecretsOf, type Settings } from '../platform/config';
import { errorCode } from '../platform/embedded/processes';
import { configError } from '../platform/errors';
import { newId } from '../platform/ids';
import { isWebhookSecret, webhookSecretOf } from '../platform/webhook-signature';

const SECRET_BYTES = 32;

/**
 * The settings, with the secret by which the sandbox carrier signs its updates where none is set: that of the home, which is
 * made when it is missing. Where unsigned updates are allowed, none is needed.
 */
export async function withOwnCarrierSecret(settings: Settings): Promise<Settings> {
  if (!needsSecret(settings)) return settings;
  const path = secretPath(settings);
  await mkdir(settings.HOLDFAST_HOME, { recursive: true });
  const made = `${path}.${newId()}.new`;
  await writeFile(made, `${webhookSecretOf(randomBytes(SECRET_BYTES))}\n`, { mode: 0o600, flag: 'wx' });
  try {
    // Whole or not at all, and never over one that is there: what was signed with it may be on its way.
    await link(made, path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(made, { force: true });
  }
  return withHomeCarrierSecret(settings);
}

/** The same for a part that runs beside `holdfast up` of the same home: the secret of the home, if there is one. */
export async function withHomeCarrierSecret(settings: Settings): Promise<Settings> {
  if (!needsSecret(settings)) return settings;
  const path = secretPath(settings);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return settings;
  const secret = text.trim();
  if (!isWebhookSecret(secret)) throw configError([`${path}: is not a secret; remove it to have one made`]);
  return { ...settings, CARRIER_WEBHOOK_SECRETS: [...settings.CARRIER_WEBHOOK_SECRETS, `sandbox=${secret}`] };
}

function needsSecret(settings: Settings): boolean {
  return carrierSecretsOf(settings, 'sandbox').length === 0 && settings.CARRIER_UPDATES_UNSIGNED === 'refuse';
}

function secretPath(settings: Settings): string {
  return join(settings.HOLDFAST_HOME, 'carrier-secret');
}
