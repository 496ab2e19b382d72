import { mean, quantile, sum } from './numbers';
import type { Demand, ObservedDay } from './types';

/** Seasons to each side from which a day that is not known is filled. */
const SEASONS_AROUND = 4;
/** An outlier lies so many interquartile ranges above the third quartile of days with demand: far beyond Tukey's "far out" (3). */
const OUTLIER_RANGES = 10;
/** Days with demand from which outliers are told. */
const ENOUGH_TO_TELL = 8;

/**
 * What is known of a product's demand each day. Days without stock and without orders are missing; days on which it was sold out say only what
 * demand was at least; what corrections took back leaves no demand below zero. Days before the first that is known are left out.
 */
export function demandOf(days: readonly ObservedDay[]): Demand[] {
  const demand = days.map(({ ordered, stock }): Demand => {
    const quantity = Math.max(0, ordered);
    if (stock === 'stocked') return { kind: 'observed', quantity };
    return stock === 'absent' && quantity === 0 ? { kind: 'missing' } : { kind: 'lower_bound', quantity };
  });
  const first = demand.findIndex((day) => day.kind !== 'missing');
  return first < 0 ? [] : demand.slice(first);
}

/** The amount above which a day's demand is an outlier; Infinity where there are too few days to tell. */
export function outlierLimit(demand: readonly Demand[]): number {
  const quantities = demand.flatMap((day) =>
    day.kind === 'observed' && day.quantity > 0 ? [day.quantity] : [],
  );
  if (quantities.length < ENOUGH_TO_TELL) return Infinity;
  const third = quantile(quantities, 0.75);
  const range = third - quantile(quantities, 0.25);
  return third + OUTLIER_RANGES * (range > 0 ? range : third);
}

export interface CompletedSeries {
  values: number[];
  /** Days that were filled, of all: missing, or raised above their lower bound. */
  filled: number;
  outliers: number;
}

/**
 * A series without gaps. A day that is not known is expected to be as the same day of the seasons around it, a lower bound at least that bound;
 * outliers are filled like missing days.
 *
 * @param period days of a season
 */
export function completed(demand: readonly Demand[], period: number): CompletedSeries {
  const limit = outlierLimit(demand);
  const isOutlier = (day: Demand) => day.kind === 'observed' && day.quantity > limit;
  const known = demand.map((day) => (day.kind === 'observed' && !isOutlier(day) ? day.quantity : undefined));
  const all = known.filter((quantity) => quantity !== undefined);
  const overall = all.length === 0 ? 0 : mean(all);

  const expected = (t: number): number => {
    const near: number[] = [];
    for (let season = -SEASONS_AROUND; season <= SEASONS_AROUND; season++) {
      const quantity = known[t + season * period];
      if (quantity !== undefined) near.push(quantity);
    }
    return near.length === 0 ? overall : mean(near);
  };

  let filled = 0;
  const values = demand.map((day, t) => {
    const quantity = known[t];
    if (quantity !== undefined) return quantity;
    const bound = day.kind === 'lower_bound' ? day.quantity : 0;
    const value = Math.max(bound, expected(t));
    if (day.kind !== 'lower_bound' || value > bound) filled++;
    return value;
  });
  return { values, filled, outliers: demand.filter(isOutlier).length };
}

/** Demand a day of a new product: its own mean and its category's, which weighs as much as so many days of its own. */
const CATEGORY_WEIGHT_DAYS = 14;

/**
 * Demand a day where the history is too short for a model: between its own mean and that of its category, the nearer to its own the longer
 * it is known.
 *
 * @param categoryRate mean demand a day of a product of the category; null: nothing is known of it
 */
export function newProductRate(values: readonly number[], categoryRate: number | null): number {
  const own = sum(values);
  if (categoryRate === null) return values.length === 0 ? 0 : own / values.length;
  return (own + CATEGORY_WEIGHT_DAYS * categoryRate) / (values.length + CATEGORY_WEIGHT_DAYS);
}
