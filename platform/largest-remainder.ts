/**
 * Parts a whole amount by weights, so that the parts are whole and add up to it: all are rounded towards zero, and what is left goes, one each,
 * to those that lost most (largest remainder); of those that lost the same to the first. `platform/database/largest-remainder.ts` is the same
 * in SQL.
 *
 * @param amount not negative
 * @param weights not negative, and not all 0
 * @returns the parts, in the order of the weights
 */
export function partsOf(amount: bigint, weights: readonly bigint[]): bigint[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  const floors = weights.map((weight) => (amount * weight) / total);
  const left = Number(amount - floors.reduce((sum, floor) => sum + floor, 0n));
  const lost = weights.map((weight, at) => ({ at, remainder: (amount * weight) % total }));
  lost.sort((one, other) => Number(other.remainder - one.remainder) || one.at - other.at);
  const raised = new Set(lost.slice(0, left).map(({ at }) => at));
  return floors.map((floor, at) => (raised.has(at) ? floor + 1n : floor));
}
