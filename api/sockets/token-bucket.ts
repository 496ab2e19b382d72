/** Takes one of what a caller may do; false: they have done as much as they may. */
export type TokenBucket = () => boolean;

/** @param now milliseconds, of a clock that goes on steadily */
export function createTokenBucket(
  { burst, perSecond }: { burst: number; perSecond: number },
  now = () => performance.now(),
): TokenBucket {
  let left = burst;
  let filledAt = now();
  return () => {
    const at = now();
    left = Math.min(burst, left + ((at - filledAt) / 1_000) * perSecond);
    filledAt = at;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
