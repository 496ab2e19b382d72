import { at, repeated } from './numbers';

/** The last value, for every step. */
export function naive(values: readonly number[], horizon: number): number[] {
  return repeated(at(values, values.length - 1), horizon);
}

/** The value one season before; the last value where there is no whole season yet. */
export function seasonalNaive(values: readonly number[], period: number, horizon: number): number[] {
  if (values.length < period) return naive(values, horizon);
  const first = values.length - period;
  return Array.from({ length: horizon }, (_, step) => at(values, first + (step % period)));
}
