import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readSettings, type Settings } from '../platform/config';
import { configError, isAppError } from '../platform/errors';
import { keepSecret, keptSecret } from './home-secret';

/**
 * The settings, with the key under which payloads of workflows are encrypted where none is set: that of the home, which is made when it is
 * missing. Only beside a Temporal server of its own: another one may have payloads under keys that are elsewhere.
 */
export async function withOwnPayloadKey(settings: Settings): Promise<Settings> {
  if (!needsKey(settings)) return settings;
  await keepSecret(keyPath(settings), `home=${randomBytes(32).toString('base64')}`);
  return withHomePayloadKey(settings);
}

/** The same for a command or part beside `holdfast up` of the same home: the key of the home, if there is one. */
export async function withHomePayloadKey(settings: Settings): Promise<Settings> {
  if (!needsKey(settings)) return settings;
  const path = keyPath(settings);
  const kept = await keptSecret(path);
  if (kept === undefined) return settings;
  return { ...settings, PAYLOAD_KEYS: keysOf(kept, path) };
}

function keysOf(kept: string, path: string): string[] {
  try {
    return readSettings({ PAYLOAD_KEYS: kept }).PAYLOAD_KEYS;
  } catch (error) {
    if (isAppError(error, 'CONFIG_INVALID')) throw configError([`${path}: has no payload keys in it`]);
    throw error;
  }
}

function needsKey({ PAYLOAD_KEYS, TEMPORAL_ADDRESS }: Settings): boolean {
  return PAYLOAD_KEYS.length === 0 && TEMPORAL_ADDRESS === undefined;
}

function keyPath(settings: Settings): string {
  return join(settings.HOLDFAST_HOME, 'payload-keys');
}
