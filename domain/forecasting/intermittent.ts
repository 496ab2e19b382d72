import { at, mean, repeated, sum } from './numbers';
import { bestLevel } from './theta';
import type { IntermittentModel } from './types';

/** Syntetos, Boylan and Croston (2005), "On the categorization of demand patterns": above this mean interval, demand is intermittent. */
export const INTERMITTENT_INTERVAL = 1.32;
/** Smoothing constant of sizes, intervals and probabilities, as in Syntetos and Boylan (2005) and Teunter et al. (2011). */
const ALPHA = 0.1;

/** Mean steps from one demand to the next; Infinity where there is none. */
export function demandInterval(values: readonly number[]): number {
  const demands = values.filter((value) => value > 0).length;
  return demands === 0 ? Infinity : values.length / demands;
}

export function isIntermittent(values: readonly number[]): boolean {
  return demandInterval(values) >= INTERMITTENT_INTERVAL;
}

/**
 * Demand a step by Croston, "Forecasting and stock control for intermittent demands", Operational Research Quarterly 23 (1972) 289-303:
 * sizes and intervals smoothed apart, at each demand.
 */
export function croston(values: readonly number[]): number {
  const first = values.findIndex((value) => value > 0);
  if (first < 0) return 0;
  let size = at(values, first);
  let interval = demandInterval(values);
  let since = 1;
  for (const value of values.slice(first + 1)) {
    if (value > 0) {
      size += ALPHA * (value - size);
      interval += ALPHA * (since - interval);
      since = 1;
    } else since++;
  }
  return size / interval;
}

/**
 * Croston's forecast without its bias: Syntetos and Boylan, "The accuracy of intermittent demand estimates", International Journal of
 * Forecasting 21 (2005) 303-314.
 */
export function sba(values: readonly number[]): number {
  return (1 - ALPHA / 2) * croston(values);
}

/**
 * Demand a step by Teunter, Syntetos and Babai, "Intermittent demand: linking forecasting to inventory obsolescence", European Journal of
 * Operational Research 214 (2011) 606-615: the probability of a demand is smoothed at every step, so it fades once demand ends.
 */
export function tsb(values: readonly number[]): number {
  const demands = values.filter((value) => value > 0);
  if (demands.length === 0) return 0;
  let size = at(demands, 0);
  let probability = 1 / demandInterval(values);
  for (const value of values) {
    probability += ALPHA * ((value > 0 ? 1 : 0) - probability);
    if (value > 0) size += ALPHA * (value - size);
  }
  return probability * size;
}

/**
 * Demand a step by temporal aggregation: sums over spans as long as the mean interval, smoothed, and divided evenly. Nikolopoulos et al., "An
 * aggregate-disaggregate intermittent demand approach (ADIDA) to forecasting", Journal of the Operational Research Society 62 (2011).
 */
export function aggregated(values: readonly number[]): number {
  const interval = demandInterval(values);
  if (interval === Infinity) return 0;
  const span = Math.max(1, Math.min(Math.round(interval), values.length));
  const spans: number[] = [];
  for (let end = values.length; end >= span; end -= span) spans.unshift(sum(values.slice(end - span, end)));
  return Math.max(0, bestLevel(spans).level) / span;
}

const RATES: Readonly<Record<IntermittentModel, (values: readonly number[]) => number>> = {
  croston,
  sba,
  tsb,
  aggregated,
};

/** The same mean demand for every step. */
export function forecastIntermittent(
  model: IntermittentModel,
  values: readonly number[],
  horizon: number,
): number[] {
  return repeated(RATES[model](values), horizon);
}

/**
 * What demand over so many steps may come to: that of every span of the history of that length, scaled so that their mean is the forecast.
 *
 * @param rate forecast demand a step
 * @returns sums, in order of time; the forecast alone where the history is shorter
 */
export function demandPaths(values: readonly number[], rate: number, steps: number): number[] {
  const sums: number[] = [];
  let running = 0;
  for (let t = 0; t < values.length; t++) {
    running += at(values, t);
    if (t >= steps) running -= at(values, t - steps);
    if (t >= steps - 1) sums.push(Math.max(0, running));
  }
  const average = mean(sums);
  if (sums.length === 0 || !(average > 0)) return [rate * steps];
  return sums.map((value) => (value * rate * steps) / average);
}
