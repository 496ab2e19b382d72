import { readFileSync } from 'node:fs';
import { configError, messageOf } from './errors';

/**
 * Settings that are secrets, or have one in them. Each may be in a file instead, which the setting `<name>_FILE` names, so that it need not be
 * in the environment; none is ever logged or shown.
 */
export const SECRET_SETTINGS = [
  'DATABASE_URL',
  'DATABASE_DIRECT_URL',
  'DATABASE_OWNER_URL',
  'TEMPORAL_API_KEY',
  'PAYLOAD_KEYS',
  'SIGNING_KEYS_SECRET',
  'SMTP_URL',
  'STRIPE_API_KEY',
  'STRIPE_WEBHOOK_SECRETS',
  'CARRIER_WEBHOOK_SECRETS',
  'HOLDFAST_API_KEY',
  'S3_SECRET_ACCESS_KEY',
] as const;

export function isSecretSetting(name: string): boolean {
  return SECRET_SETTINGS.some((secret) => secret === name);
}

/**
 * Settings as they are given, with those that are in files.
 *
 * @throws AppError `CONFIG_INVALID` where a file cannot be read or has nothing in it, or the setting is given too
 */
export function withFiles(given: Record<string, string | undefined>): Record<string, string | undefined> {
  const problems: string[] = [];
  const read: Record<string, string> = {};
  for (const name of SECRET_SETTINGS) {
    const path = given[`${name}_FILE`];
    if (path === undefined) continue;
    if (given[name] !== undefined) problems.push(`${name}_FILE: does not go with ${name}`);
    else
      try {
        read[name] = readFileSync(path, 'utf8').trim();
        if (read[name] === '') problems.push(`${name}_FILE: ${path} has nothing in it`);
      } catch (error) {
        problems.push(`${name}_FILE: ${messageOf(error)}`);
      }
  }
  if (problems.length > 0) throw configError(problems);
  return { ...given, ...read };
}
