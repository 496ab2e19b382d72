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
