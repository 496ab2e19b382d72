import { daysAfter } from '../../platform/days';
import { MEASURED_DAYS } from './rules';

export interface KnownRun {
  jobId: string;
  /** `YYYY-MM-DD` */
  lastDay: string;
  isPublished: boolean;
}

/** Of past forecasts, those of one run in so many days are kept until they are measured. */
const DAYS_BETWEEN_KEPT = 7;
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
