import { withTimeout } from '../../platform/with-timeout';

export interface CallLimits {
  /**
   * The longest that the gateway may take, milliseconds, of a first attempt: an outcome that comes later is looked up by the next,
   * and counts as unknown only then. Null: as long as the gateway's own limit.
   */
  briefMs: number | null;
  /**
   * The longest that all calls of one attempt may take, milliseconds; after it the outcome is unknown, whatever comes of them. Absent:
   * as long as the gateway's own limits.
   */
  limitMs?: number;
}

/** Why a call that came too late has no outcome. */
export const LATE = 'it takes longer';

/** What `call` resolves to, or `late` where it takes longer than the attempt may. It goes on; its outcome is ignored. */
export function withinLimit<T>(call: Promise<T>, { briefMs, limitMs }: CallLimits): Promise<T | 'late'> {
  const longestMs = briefMs ?? limitMs;
  return longestMs === undefined ? call : withTimeout(call, longestMs);
}

/** What the gateway does not respond to is tried again after 0.5 s, 1 s, … up to once an hour. */
export const ASK_TIMES = { firstSeconds: 0.5, longestSeconds: 3_600 };
/** After so many tries a person is told: by then it has failed for about half a minute. */
export const DELAYED_AFTER_TRIES = 6;

/** What a person settled is looked up a minute later for the first time, then after ten times as long each time, up to a day. */
export const LOOK_TIMES = { firstSeconds: 60, longestSeconds: 86_400 };
/** So often: in two days. */
export const LOOKS = 5;

/**
 * What came of a call of the gateway, or that it has no outcome since it takes longer than the attempt may. Null: the attempt was a
 * brief one, of which that is not recorded.
 */
export async function askOnce<T>(
  call: Promise<T>,
  limits: CallLimits,
): Promise<T | { status: 'unknown'; reason: string } | null> {
  const outcome = await withinLimit(call, limits);
  if (outcome !== 'late') return outcome;
  return limits.briefMs === null ? { status: 'unknown', reason: LATE } : null;
}
