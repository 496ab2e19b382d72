import { at, mean, minimumBetween } from './numbers';

/** Smoothing constants are looked for in this range: at 0 nothing is ever learnt. */
const LOWEST_ALPHA = 0.01;
const HIGHEST_ALPHA = 0.99;
/** The sum of squares may have several valleys: the golden section search begins at the best of so many. */
const GRID = 12;

/** Intercept and slope of the least-squares line through (0, first), (1, second), and so on. */
export function lineThrough(values: readonly number[]): { intercept: number; slope: number } {
  const n = values.length;
  const middle = (n - 1) / 2;
  const average = mean(values);
  let covariance = 0;
  for (let t = 0; t < n; t++) covariance += (t - middle) * at(values, t);
  const slope = n < 2 ? 0 : covariance / ((n * (n * n - 1)) / 12);
  return { intercept: average - slope * middle, slope };
}

/** Simple exponential smoothing from the first value: the last level, and the sum of squared errors of one step. */
function smoothed(values: readonly number[], alpha: number): { level: number; squares: number } {
  let level = at(values, 0);
  let squares = 0;
  for (let t = 1; t < values.length; t++) {
    const error = at(values, t) - level;
    squares += error * error;
    level += alpha * error;
  }
  return { level, squares };
}

/** The level after simple exponential smoothing with the constant of the least squared errors of one step. */
export function bestLevel(values: readonly number[]): { level: number; alpha: number } {
  const squaresAt = (alpha: number) => smoothed(values, alpha).squares;
  const step = (HIGHEST_ALPHA - LOWEST_ALPHA) / GRID;
  const grid = Array.from({ length: GRID + 1 }, (_, place) => {
    const alpha = LOWEST_ALPHA + place * step;
    return { alpha, squares: squaresAt(alpha) };
  });
  const best = grid.reduce((a, b) => (b.squares < a.squares ? b : a)).alpha;
  const alpha = minimumBetween(
    Math.max(LOWEST_ALPHA, best - step),
    Math.min(HIGHEST_ALPHA, best + step),
    squaresAt,
  );
  return { level: smoothed(values, alpha).level, alpha };
}

/**
 * The Theta method of Assimakopoulos and Nikolopoulos, "The theta model: a decomposition approach to forecasting", International
 * Journal of Forecasting 16 (2000) 521-530: the mean of the theta lines 0 (the least-squares line, extrapolated) and 2 (twice the
 * series less that line, smoothed). Hyndman and Billah, "Unmasking the Theta method", International Journal of Forecasting 19 (2003) 287-290,
 * show that it is simple exponential smoothing with half that slope as drift.
 *
 * @param values without a season, not empty
 */
export function theta(values: readonly number[], horizon: number): number[] {
  const { intercept, slope } = lineThrough(values);
  const line = (t: number) => intercept + slope * t;
  const { level } = bestLevel(values.map((value, t) => 2 * value - line(t)));
  return Array.from({ length: horizon }, (_, step) => (level + line(values.length + step)) / 2);
}
