import { at, cumulative, quantileOfSorted } from './numbers';

/** Errors of a forecast, actual less forecast, each divided by the scale of its series; of the first step first. */
export type ScaledErrors = readonly number[];

/** Scaled errors of many series, by step, each ascending: those of single steps, and those of the sums of the first steps. */
export interface ErrorPool {
  steps: readonly (readonly number[])[];
  sums: readonly (readonly number[])[];
}

export interface Interval {
  lower: number;
  upper: number;
}

export function scaledErrors(
  actual: readonly number[],
  forecast: readonly number[],
  scale: number,
): ScaledErrors {
  return actual.map((value, step) => (value - at(forecast, step)) / scale);
}

/** Pools what many series say. A series whose history was too short for the horizon says something of its first steps only. */
export function pooled(errors: readonly ScaledErrors[], horizon: number): ErrorPool {
  const byStep = (series: readonly (readonly number[])[]) =>
    Array.from({ length: horizon }, (_, step) =>
      series
        .map((one) => one[step])
        .filter((error) => error !== undefined)
        .sort((a, b) => a - b),
    );
  return { steps: byStep(errors), sums: byStep(errors.map(cumulative)) };
}

/**
 * An interval that holds the actual value with the chance `level`, whatever the errors are distributed like, as far as they go on as they were: split
 * conformal prediction (Vovk, Gammerman and Shafer 2005; Lei et al. 2018) with the errors of one step of all series of a frequency. Each
 * side is cut by itself, at the rank `ceil((n + 1) p)` that holds for a finite pool.
 *
 * @param errors scaled, ascending, not empty
 * @param scale of this series
 */
export function conformalInterval(
  point: number,
  scale: number,
  errors: readonly number[],
  level: number,
): Interval {
  const tail = (1 - level) / 2;
  const n = errors.length;
  const rank = Math.min(1, ((n + 1) * (1 - tail)) / n);
  return {
    lower: point + scale * quantileOfSorted(errors, 1 - rank),
    upper: point + scale * quantileOfSorted(errors, rank),
  };
}
