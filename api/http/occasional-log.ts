import type { Logger } from '../../platform/telemetry/log';

const EVERY_MS = 60_000;

/**
 * Logs as a warning what callers can cause as often as they like: the first of a key at once, then at most one line a minute, with
 * how many there were since the line before (`times`).
 *
 * A key has few values, since each is kept.
 */
export function createOccasionalLog(
  log: Logger,
  now: () => number = Date.now,
): (key: string, fields: Readonly<Record<string, unknown>>, message: string) => void {
  const lines = new Map<string, { at: number; times: number }>();
  return (key, fields, message) => {
    const line = lines.get(key);
    const times = (line?.times ?? 0) + 1;
    if (line && now() - line.at < EVERY_MS) {
      line.times = times;
      return;
    }
    lines.set(key, { at: now(), times: 0 });
    log.warn({ ...fields, times }, message);
  };
}
