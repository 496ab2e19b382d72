import { daysAfter } from '../../platform/days';

/** Days of history that forecasts are made from. */
export const HISTORY_DAYS = 730;
/** Days that are forecast. */
export const HORIZON_DAYS = 90;
/** Days of a season. */
export const WEEK = 7;
/** Days of which a category's demand is the mean. */
export const PRODUCT_DAYS_OF_CATEGORY = 28;
/** A product of which fewer days are known begins from its category. */
export const NEW_PRODUCT_DAYS = 28;
/** Over so many first days a past forecast is measured. */
export const MEASURED_DAYS = 28;
/** Of past forecasts, those of one run in so many days are kept until they are measured. */
const DAYS_BETWEEN_KEPT = 7;

/** A lead time is taken to be at most so many standard deviations from its mean. */
export const LEAD_TIME_DEVIATIONS = 3;

/** Chance with which a day's demand lies within its interval. */
export const INTERVAL_LEVEL = 0.9;
/** Series whose errors an interval is made from: below the first, an interval of `INTERVAL_LEVEL` would have no end. */
export const FEWEST_ERRORS = 19;
export const MOST_ERRORS = 400;

export interface KnownRun {
  jobId: string;
  /** `YYYY-MM-DD` */
  lastDay: string;
  isPublished: boolean;
}

/** Days after which a run that was never published is given up. */
const ABANDONED_DAYS = 7;

/**
 * Runs that nothing needs any more once the newest is published: those that were measured, those between two that are kept to be
 * measured, and those that broke off long ago.
 *
 * @param runs the earliest first; the newest published one stays
 */
export function obsoleteRuns(runs: readonly KnownRun[]): KnownRun[] {
  const newest = runs.findLast(({ isPublished }) => isPublished);
  if (!newest) return [];
  const age = (run: KnownRun) => daysAfter(run.lastDay, newest.lastDay);
  let kept: number | null = null;
  return runs.filter((run) => {
    if (run === newest) return false;
    if (!run.isPublished) return age(run) > ABANDONED_DAYS;
    if (age(run) >= MEASURED_DAYS || age(run) === 0) return true;
    if (kept !== null && kept - age(run) < DAYS_BETWEEN_KEPT) return true;
    kept = age(run);
    return false;
  });
}
