/** The element at a place that exists. Throws RangeError elsewhere: a place out of bounds is a mistake of the caller. */
export function at(values: ArrayLike<number>, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no element ${index} of ${values.length}`);
  return value;
}

export function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** NaN of no values. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

export function sumOfSquares(values: readonly number[]): number {
  return sum(values.map((value) => value * value));
}

export function meanSquare(values: readonly number[]): number {
  return sumOfSquares(values) / values.length;
}

/**
 * The smallest value that at least the part `p` of the sorted values does not exceed (the inverse of their distribution function).
 *
 * @param sorted ascending, not empty
 * @param p 0 to 1
 */
export function quantileOfSorted(sorted: readonly number[], p: number): number {
  return at(sorted, Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length - 1e-9) - 1)));
}

/** As `quantileOfSorted`, of values in any order. */
export function quantile(values: readonly number[], p: number): number {
  return quantileOfSorted(
    [...values].sort((a, b) => a - b),
    p,
  );
}

/** Sums of the first values: of 1, of 2, and so on. */
export function cumulative(values: readonly number[]): number[] {
  let total = 0;
  return values.map((value) => (total += value));
}

/** The same value so many times. */
export function repeated(value: number, times: number): number[] {
  return Array.from({ length: times }, () => value);
}

/** Where a function of one variable that falls and then rises between two bounds is smallest: golden section search. */
export function minimumBetween(
  low: number,
  high: number,
  f: (x: number) => number,
  tolerance = 1e-3,
): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [low, high];
  let c = b - ratio * (b - a);
  let d = a + ratio * (b - a);
  let [fc, fd] = [f(c), f(d)];
  while (b - a > tolerance) {
    if (fc <= fd) {
      [b, d, fd] = [d, c, fc];
      c = b - ratio * (b - a);
      fc = f(c);
    } else {
      [a, c, fc] = [c, d, fd];
      d = a + ratio * (b - a);
      fd = f(d);
    }
  }
  return (a + b) / 2;
}

export function isConstant(values: readonly number[]): boolean {
  return values.every((value) => value === at(values, 0));
}
