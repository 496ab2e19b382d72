/** SQL of when the next look is due: ten times as long after this one as this one was. */
export function laterLook(looks: string, firstSeconds: string, longestSeconds: string): string {
  return `clock_timestamp() + make_interval(secs => least(${longestSeconds}::float8, ${firstSeconds}::float8 * 10 ^ least(${looks} + 1, 9)))`;
}
