import { existsSync } from 'node:fs';
import { readSettings, type Settings } from '../platform/config';
import { withoutAliases } from '../platform/setting-aliases';

/** Settings given on the command line: they win over the environment. */
export type GivenSettings = Partial<Record<keyof Settings, string>>;

/** Loads `.env` of the current folder, if there is one. What the environment has already wins. */
export function loadEnvFile(): void {
  if (existsSync('.env')) process.loadEnvFile('.env');
}

/** Settings of this process. `defaultLogLevel` is used where no LOG_LEVEL is given. */
export function readCommandSettings(given: GivenSettings, defaultLogLevel: Settings['LOG_LEVEL']): Settings {
  const logLevel = isGiven('LOG_LEVEL') ? {} : { LOG_LEVEL: defaultLogLevel };
  return readSettings({ ...withoutAliases(process.env), ...logLevel, ...given });
}

/**
 * Whether the environment has a setting, by any of its names, rather than leaving it to its default.
 *
 * @throws AppError `CONFIG_INVALID` as `withoutAliases`
 */
export function isGiven(name: keyof Settings): boolean {
  return Boolean(withoutAliases(process.env)[name]);
}
