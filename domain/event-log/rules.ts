import type { DueGap } from './types';

/** How PostgreSQL names a prepared transaction after a restart: it has lost the name by which it was waited for. */
const RECOVERED = '-1/';

/** For whom the rest of a gap waits, once it was looked at; none: what is missing of it was rolled back. */
export function stillAwaited({ waitsFor, holders }: Pick<DueGap, 'waitsFor' | 'holders'>): string[] {
  return holders.filter((one) => waitsFor === null || waitsFor.includes(one) || one.startsWith(RECOVERED));
}
