const HOUR = 3_600;
/** Seconds between the tries; the last one comes again and again until `GIVE_UP_SECONDS` have passed. */
const PAUSES = [5, 30, 120, 600, 1_800, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR] as const;
/** Since the first try: then a delivery counts as failed. */
const GIVE_UP_SECONDS = 3 * 24 * HOUR;
/** Of a pause: so that what failed together does not come together again. */
const JITTER = 0.2;
/** More than this that a receiver asks for is not obeyed. */
const LONGEST_RETRY_AFTER = 24 * HOUR;

/**
 * Seconds until the next try of a delivery; null: none is made any more.
 *
 * @param failed.tries how many were made
 * @param failed.seconds since the first of them
 * @param failed.retryAfterSeconds what the receiver asks for; null: nothing
 * @param failed.random from 0 to 1
 */
export function nextPause(failed: {
  tries: number;
  seconds: number;
  retryAfterSeconds: number | null;
  random: number;
}): number | null {
  const planned = PAUSES[Math.min(failed.tries, PAUSES.length) - 1] ?? PAUSES[0];
  const pause = planned * (1 - JITTER + 2 * JITTER * failed.random);
  const asked = Math.min(failed.retryAfterSeconds ?? 0, LONGEST_RETRY_AFTER);
  const next = Math.max(pause, asked);
  return failed.seconds + next > GIVE_UP_SECONDS ? null : next;
}

/** Whether tries that have failed for so long are given up. */
export function isGivenUp(failingSeconds: number): boolean {
  return failingSeconds >= GIVE_UP_SECONDS;
}
