import { at, cumulative, sum } from './numbers';
import { LEAD_TIME_DEVIATIONS } from './rules';

/** How likely it is that so many days pass until what is ordered now has come and the next order is due. Chances add up to 1. */
export type Durations = readonly { days: number; chance: number }[];

/** What demand may come to: amounts with their chances, the least first. */
export type DemandSample = readonly { quantity: number; chance: number }[];

/**
 * A lead time of a mean and a standard deviation, plus a review period, in whole days: a normal distribution cut at `LEAD_TIME_DEVIATIONS` and at
 * one day. A standard deviation of 0 is one duration.
 */
export function durationsOf(input: {
  meanDays: number;
  deviationDays: number;
  reviewDays: number;
}): Durations {
  const { meanDays, deviationDays, reviewDays } = input;
  if (deviationDays === 0) return [{ days: Math.max(1, Math.round(meanDays)) + reviewDays, chance: 1 }];
  const first = Math.max(1, Math.floor(meanDays - LEAD_TIME_DEVIATIONS * deviationDays));
  const last = Math.max(first, Math.ceil(meanDays + LEAD_TIME_DEVIATIONS * deviationDays));
  const weights = Array.from({ length: last - first + 1 }, (_, place) => {
    const distance = (first + place - meanDays) / deviationDays;
    return Math.exp(-(distance * distance) / 2);
  });
  const total = sum(weights);
  return weights.map((weight, place) => ({ days: first + place + reviewDays, chance: weight / total }));
}

/**
 * Demand over a lead time: the forecast's sum, with the errors that such sums had. Intervals of days are never added.
 *
 * @param sums scaled errors of sums, by number of days: as of `ErrorPool`, not empty for any duration
 */
export function leadTimeDemand(input: {
  point: readonly number[];
  scale: number;
  sums: readonly (readonly number[])[];
  durations: Durations;
}): DemandSample {
  const { scale, sums, durations } = input;
  const totals = cumulative(input.point);
  return durations
    .flatMap(({ days, chance }) => {
      const errors = sums[days - 1] ?? [];
      return errors.map((error) => ({
        quantity: Math.max(0, at(totals, days - 1) + scale * error),
        chance: chance / errors.length,
      }));
    })
    .sort((a, b) => a.quantity - b.quantity);
}

/** The least amount that demand stays within with the chance `p`. */
export function sampleQuantile(sample: DemandSample, p: number): number {
  let chance = 0;
  for (const one of sample) {
    chance += one.chance;
    if (chance >= p - 1e-9) return one.quantity;
  }
  return sample.at(-1)?.quantity ?? 0;
}
