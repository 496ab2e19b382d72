import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Settings } from '../platform/config';
import { configError } from '../platform/errors';
import { isKey256 } from '../platform/setting-formats';
import { keepSecret, keptSecret } from './home-secret';

/**
 * The settings, with the secret under which the keys of access tokens are kept where none is set: that of the home, which is made when it
 * is missing. Only beside a database of its own: another one may have keys under a secret that is elsewhere.
 */
export async function withOwnSigningSecret(settings: Settings): Promise<Settings> {
  if (!needsSecret(settings)) return settings;
  await keepSecret(secretPath(settings), randomBytes(32).toString('base64'));
  return withHomeSigningSecret(settings);
}

/** The same for a command or part beside `holdfast up` of the same home: the secret of the home, if there is one. */
export async function withHomeSigningSecret(settings: Settings): Promise<Settings> {
  if (!needsSecret(settings)) return settings;
  const path = secretPath(settings);
  const secret = await keptSecret(path);
  if (secret === undefined) return settings;
  if (!isKey256(secret)) throw configError([`${path}: is not a secret; remove it to have one made`]);
  return { ...settings, SIGNING_KEYS_SECRET: secret };
}

function needsSecret({ SIGNING_KEYS_SECRET, DATABASE_URL }: Settings): boolean {
  return SIGNING_KEYS_SECRET === undefined && DATABASE_URL === undefined;
}

function secretPath(settings: Settings): string {
  return join(settings.HOLDFAST_HOME, 'signing-keys-secret');
}
