import type { Request } from 'express';
import { ipKeyGenerator } from 'express-rate-limit';
import { problem } from './problems';
import { addressOf } from './request-context';

const WINDOW_MS = 60_000;

/** Credentials that are not good, by the address from which they come. */
export interface BadCredentials {
  /**
   * Before credentials are looked up: from an address that has sent so many bad ones none are looked at, good or bad, until the minute is
   * over.
   *
   * @throws AppError `RATE_LIMITED`
   */
  expectFew(req: Request): void;
  /** These were not good. */
  count(req: Request): void;
}

/**
 * Counts in this process, so that whoever tries credentials costs the database and a sign-in provider no more than so many look-ups.
 *
 * @param limit a minute and address (of IPv6 its network); 0: none
 * @param now milliseconds, of a clock that goes on steadily
 */
export function createBadCredentials(limit: number, now = () => performance.now()): BadCredentials {
  let counted = new Map<string, number>();
  let endsAt = 0;

  function current(): Map<string, number> {
    if (now() < endsAt) return counted;
    endsAt = now() + WINDOW_MS;
    return (counted = new Map());
  }

  return {
    expectFew(req) {
      if (limit === 0 || (current().get(keyOf(req)) ?? 0) < limit) return;
      const seconds = Math.max(1, Math.ceil((endsAt - now()) / 1_000));
      throw problem(
        'RATE_LIMITED',
        `More than ${limit} bad credentials came from this address in a minute. Try again in ${seconds} s.`,
        { retryAfter: seconds },
      );
    },
    count(req) {
      const known = current();
      known.set(keyOf(req), (known.get(keyOf(req)) ?? 0) + 1);
    },
  };
}

function keyOf(req: Request): string {
  return ipKeyGenerator(addressOf(req));
}
