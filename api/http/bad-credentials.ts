import type { Request } from 'express';
import { ipKeyGenerator } from 'express-rate-limit';
import { problem } from './problems';
import { addressOf } from './request-context';

const WINDOW_MS = 60_000;

/** Whose credentials they are, as far as the address tells. */
type Sender = Pick<Request, 'ip'>;

/** Credentials that are not good, by the address from which they come. */
export interface BadCredentials {
  /**
   * Before credentials are looked up: counts them as bad, until the function that it returns is called since they are not. So those that
   * come at once are counted too. From an address that has sent so many none are looked at, good or bad, until the minute is over.
   *
   * @throws AppError `RATE_LIMITED`
   */
  count(sender: Sender): () => void;
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
    counted = new Map();
    return counted;
  }

  return {
    count(sender) {
      if (limit === 0) return () => undefined;
      const [known, key] = [current(), keyOf(sender)];
      const before = known.get(key) ?? 0;
      if (before >= limit) throw tooMany(limit, Math.max(1, Math.ceil((endsAt - now()) / 1_000)));
      known.set(key, before + 1);
      return () => {
        known.set(key, (known.get(key) ?? 1) - 1);
      };
    },
  };
}

function tooMany(limit: number, seconds: number): Error {
  return problem(
    'RATE_LIMITED',
    `More than ${limit} bad credentials came from this address in a minute. Try again in ${seconds} s.`,
    { retryAfter: seconds },
  );
}

function keyOf(sender: Sender): string {
  return ipKeyGenerator(addressOf(sender));
}
