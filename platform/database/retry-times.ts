/** When what failed is tried again. */
export interface RetryTimes {
  /** Seconds until the second attempt; from there twice as long each time. */
  firstSeconds: number;
  longestSeconds: number;
}

/** SQL of when the next attempt is due, by the number of those before this one. */
export function nextTry(tries: string, firstSeconds: string, longestSeconds: string): string {
  return `clock_timestamp() + make_interval(secs => least(${longestSeconds}::float8, ${firstSeconds}::float8 * 2 ^ least(${tries}, 30)))`;
}

/** SQL of the milliseconds until something is due; zero or less: it is. Null in `at` means at once. */
export function msLeft(at: string): string {
  return `coalesce(ceil(extract(epoch from ${at} - clock_timestamp()) * 1000), 0)`;
}
