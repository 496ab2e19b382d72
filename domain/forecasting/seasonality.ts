import { at, mean, sumOfSquares } from './numbers';

/** Two-sided 90 %: a season is taken for one where its autocorrelation is farther from zero. */
const NORMAL_90 = 1.645;
/** Below this part of the mean, an index of a season is no factor to divide by. */
const SMALLEST_FACTOR = 0.01;

/** Autocorrelation at the lags 1 to `lags`; zeros of a series that is constant. */
export function autocorrelations(values: readonly number[], lags: number): number[] {
  const middle = mean(values);
  const deviations = values.map((value) => value - middle);
  const variance = sumOfSquares(deviations);
  return Array.from({ length: lags }, (_, place) => {
    if (variance === 0) return 0;
    let covariance = 0;
    for (let t = place + 1; t < deviations.length; t++)
      covariance += at(deviations, t) * at(deviations, t - place - 1);
    return covariance / variance;
  });
}

/**
 * Whether a series has a season of `period` steps: the test of Assimakopoulos and Nikolopoulos, "The theta model: a decomposition
 * approach to forecasting", International Journal of Forecasting 16 (2000), as of Fiorucci et al. (2016), with Bartlett's
 * standard error. Less than three seasons are too few to tell.
 */
export function isSeasonal(values: readonly number[], period: number): boolean {
  if (period < 2 || values.length < 3 * period) return false;
  const correlations = autocorrelations(values, period);
  const before = sumOfSquares(correlations.slice(0, -1));
  return Math.abs(at(correlations, period - 1)) > NORMAL_90 * Math.sqrt((1 + 2 * before) / values.length);
}

export interface Seasonal {
  /** What multiplies the level, or is added to it, at each step of a season, that of the first value first. */
  indices: readonly number[];
  multiplicative: boolean;
}

/** The series' season where it has one; null: none. */
export function seasonOf(values: readonly number[], period: number): Seasonal | null {
  if (!isSeasonal(values, period)) return null;
  const positive = values.every((value) => value > 0);
  const factors = positive ? indicesOf(values, period, true) : [];
  if (positive && factors.every((factor) => factor > SMALLEST_FACTOR))
    return { indices: factors, multiplicative: true };
  return { indices: indicesOf(values, period, false), multiplicative: false };
}

/**
 * Indices of a season by classical decomposition (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3.4): the mean of what
 * each step of the season is against a centred moving average of one season, normalised to a mean of 1, or 0 where it is added.
 */
function indicesOf(values: readonly number[], period: number, multiplicative: boolean): number[] {
  const half = Math.floor(period / 2);
  const sums = new Float64Array(period);
  const counts = new Float64Array(period);
  for (let t = half; t + half < values.length; t++) {
    const trend = centredAverage(values, t, period);
    const place = t % period;
    sums[place] = at(sums, place) + (multiplicative ? at(values, t) / trend : at(values, t) - trend);
    counts[place] = at(counts, place) + 1;
  }
  const means = Array.from(sums, (total, place) => total / at(counts, place));
  const normal = mean(means);
  return means.map((index) => (multiplicative ? index / normal : index - normal));
}

function centredAverage(values: readonly number[], t: number, period: number): number {
  const half = Math.floor(period / 2);
  let total = 0;
  for (let s = t - half; s <= t + half; s++) total += at(values, s);
  if (period % 2 === 0) total -= (at(values, t - half) + at(values, t + half)) / 2;
  return total / period;
}

/** The series without its season. */
export function deseasonalised(values: readonly number[], season: Seasonal | null): readonly number[] {
  if (season === null) return values;
  const { indices, multiplicative } = season;
  return values.map((value, t) => {
    const index = at(indices, t % indices.length);
    return multiplicative ? value / index : value - index;
  });
}

/** What the season does to each step of a forecast that begins after `length` values: a factor, or what is added. */
export function seasonAhead(season: Seasonal, length: number, horizon: number): number[] {
  const { indices } = season;
  return Array.from({ length: horizon }, (_, step) => at(indices, (length + step) % indices.length));
}

/** A forecast of the series without its season, with it. */
export function reseasonalised(
  forecast: readonly number[],
  season: Seasonal | null,
  length: number,
): readonly number[] {
  if (season === null) return forecast;
  const ahead = seasonAhead(season, length, forecast.length);
  return forecast.map((value, step) =>
    season.multiplicative ? value * at(ahead, step) : value + at(ahead, step),
  );
}
