import { at, mean, meanSquare } from './numbers';

/** Symmetric mean absolute percentage error, 0 to 200: as of the M3 competition (Makridakis and Hibon 2000). Zero against zero is no error. */
export function smape(actual: readonly number[], forecast: readonly number[]): number {
  return mean(
    actual.map((value, step) => {
      const size = Math.abs(value) + Math.abs(at(forecast, step));
      return size === 0 ? 0 : (200 * Math.abs(value - at(forecast, step))) / size;
    }),
  );
}

/** Mean absolute change over a season in the history: what errors are measured in. 0: it never changes. */
export function absoluteScale(history: readonly number[], period: number): number {
  const changes = changesOf(history, period);
  return changes.length === 0 ? 0 : mean(changes.map(Math.abs));
}

/** Root of the mean squared change of one step. 0: it never changes. */
export function squaredScale(history: readonly number[]): number {
  const changes = changesOf(history, 1);
  return changes.length === 0 ? 0 : Math.sqrt(meanSquare(changes));
}

function changesOf(history: readonly number[], period: number): number[] {
  const lag = history.length > period ? period : 1;
  return history.slice(lag).map((value, t) => value - at(history, t));
}

function errorsOf(actual: readonly number[], forecast: readonly number[]): number[] {
  return actual.map((value, step) => value - at(forecast, step));
}

/**
 * Mean absolute scaled error (Hyndman and Koehler 2006): 1 is as good as the seasonal naive forecast of one step is in the history. Null where the
 * history never changes.
 */
export function mase(
  actual: readonly number[],
  forecast: readonly number[],
  history: readonly number[],
  period: number,
): number | null {
  const scale = absoluteScale(history, period);
  return scale === 0 ? null : mean(errorsOf(actual, forecast).map(Math.abs)) / scale;
}

/** Root mean squared scaled error, as of the M5 competition. Null where the history never changes. */
export function rmsse(
  actual: readonly number[],
  forecast: readonly number[],
  history: readonly number[],
): number | null {
  const scale = squaredScale(history);
  return scale === 0 ? null : Math.sqrt(meanSquare(errorsOf(actual, forecast))) / scale;
}

/** Loss of a forecast of the quantile `p`: what lies above it weighs `p`, what lies below `1 - p`. */
export function pinballLoss(actual: number, forecast: number, p: number): number {
  return actual >= forecast ? p * (actual - forecast) : (1 - p) * (forecast - actual);
}

/**
 * Mean scaled interval score (Gneiting and Raftery 2007, as of the M4 competition): width, and what lies outside with its weight `2 / alpha`. Null
 * where the history never changes.
 */
export function msis(input: {
  actual: readonly number[];
  lower: readonly number[];
  upper: readonly number[];
  history: readonly number[];
  period: number;
  level: number;
}): number | null {
  const { actual, lower, upper, history, period, level } = input;
  const scale = absoluteScale(history, period);
  if (scale === 0) return null;
  const weight = 2 / (1 - level);
  const scores = actual.map((value, step) => {
    const [low, high] = [at(lower, step), at(upper, step)];
    return high - low + weight * (Math.max(0, low - value) + Math.max(0, value - high));
  });
  return mean(scores) / scale;
}
