import type { ChangeFeed } from './change-feed';

/** A notice may be lost; also keeps proxies from closing a silent stream, to which each read writes. */
const POLL_MS = 5_000;
/** While none come. */
const UNHEARD_POLL_MS = 1_000;

/** After how long without a notice one reads anyway, milliseconds. */
export function pollMsOf({ live }: Pick<ChangeFeed, 'live'>): number {
  return live ? POLL_MS : UNHEARD_POLL_MS;
}
