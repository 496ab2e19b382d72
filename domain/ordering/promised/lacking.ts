import type { Queryable } from '../../../platform/database/database';
import type { StockKey } from '../../stock/ledger/types';
import { selectAwaited, selectBeingStopped } from './queries';

/** What a place lacks: units that its quality holds await and that nobody gives up yet. */
export interface Lacking {
  /**
   * Units that the place lacks, less those that are `owed`. Exact where it is about as many as these have; where it is many times as many, what
   * others have begun to stop since the last count may be missing.
   *
   * @param units of each who may give them up at once
   */
  count(on: Queryable, units: readonly number[]): Promise<number>;
  /** Notes that parcels with so many units of the product are being stopped, once that is committed. */
  noteStopped(units: number): void;
  /** Notes that somebody with so many units fails to give them up: nobody else is to do it in their stead. */
  noteOwed(units: number): void;
}

/** It is counted exactly once it is at most so many times what one of those gives up, beside what they give up together. */
const MARGIN = 100;
/** A count is trusted for so long, and for so many times as long as it took: what it costs is a part of what the work costs. */
const TRUSTED_MS = 1_000;
const TRUSTED_TIMES = 10;
/** And never longer, since others stop parcels too. */
const TRUSTED_AT_MOST_MS = 5_000;

/**
 * Of one run at one place. What the holds await is read each time, under the locks of whoever asks; what is in parcels that are being
 * stopped has to be counted parcel by parcel, which would make a recall of many parcels cost the square of their number. So it is counted
 * now and then, and what this run stops in between is added.
 */
export function openLacking(key: StockKey): Lacking {
  let counted: { units: number; until: number } | undefined;
  let stoppedSince = 0;
  let owed = 0;
  return {
    async count(on, units) {
      const { awaited, isAll } = await selectAwaited(on, key);
      // What is being stopped is then among what is to be given up anyway.
      if (isAll) return awaited - owed;
      if (counted && performance.now() < counted.until) {
        const about = awaited - counted.units - stoppedSince - owed;
        const together = units.reduce((sum, some) => sum + some, 0);
        if (about > together + MARGIN * Math.max(1, ...units)) return about;
      }
      const begun = performance.now();
      const stopping = await selectBeingStopped(on, key);
      const now = performance.now();
      const trustedMs = Math.min(TRUSTED_AT_MOST_MS, Math.max(TRUSTED_MS, TRUSTED_TIMES * (now - begun)));
      counted = { units: stopping, until: now + trustedMs };
      stoppedSince = 0;
      return awaited - stopping - owed;
    },
    noteStopped(units) {
      stoppedSince += units;
    },
    noteOwed(units) {
      owed += units;
    },
  };
}
