const HOUR = 3_600;
/** Seconds between the tries; the last one comes again and again until `GIVE_UP_SECONDS` have passed. */
const PAUSES = [5, 30, 120, 600, 1_800, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR] as const;
/** Since the first try: then a delivery counts as failed. */
const GIVE_UP_SECONDS = 3 * 24 * HOUR;
/** Of a pause: so that what failed together does not come together again. */
const JITTER = 0.2;
/** `Retry-After` of more is not obeyed. */
const LONGEST_RETRY_AFTER = 24 * HOUR;

/**
 * Seconds until the next try; null: none is made any more.
 *
 * @param failed.tries how many were made
 * @param failed.seconds since the first of them
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

/** Whether a webhook that has taken nothing for so long is disabled. */
export function isGivenUp(failingSeconds: number): boolean {
  return failingSeconds >= GIVE_UP_SECONDS;
}

/** Whether an answer says that the message was taken: only 2xx does. */
export function isTaken(status: number | null): boolean {
  return status !== null && status >= 200 && status < 300;
}

/** Deliveries of one webhook that wait, beyond which no more are planned: the rest stays in the stream. */
export const MOST_PENDING = 1_000;

/** Bytes of a message at most. */
export const BODY_BYTES = 20_000;
