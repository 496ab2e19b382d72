import { Context } from '@temporalio/activity';
import { stock } from '../domain/ordering/backorders/stock-with-backorders';
import { settleAllPromised, type SettledUpTo } from '../domain/ordering/promised/settle-promised';
import { tellOfStoppedReservations } from '../domain/stock/alerts/stopped-reservations';
import { wakeResolving } from '../domain/warehousing/counting/settle-count';
import { holdBlockedLots, releaseUnblocked } from '../domain/warehousing/quality/blocked-lots';
import { tellOfNearExpiry } from '../domain/warehousing/quality/near-expiry';
import type { Database } from '../platform/database/database';
import { messageOf } from '../platform/errors';
import { heartbeating } from './heartbeat';

/** How long each step of one run takes at most, in all less than what the activity is given: the next run goes on. */
const WITHIN_MS = { hold: 120_000, release: 60_000, settle: 270_000, nearExpiry: 60_000 };

export interface KeepStockDeps {
  db: Database;
  expiryNearDays: number;
}

/**
 * Brings stock, and alerts about it, to what lots, counts and reservations say by now, step by step. A step that fails keeps no other
 * from running; the call then fails with their errors. An attempt settles on from where the one before was.
 *
 * @returns units that were put on hold
 */
export async function keepStock({ db, expiryNearDays }: KeepStockDeps): Promise<{ units: number }> {
  let units = 0;
  // The activity's own details, as `settle` below tells them.
  const before = Context.current().info.heartbeatDetails as SettledUpTo | undefined;
  const failures: unknown[] = [];
  await heartbeating(async (beat) => {
    beat(before);
    const steps: readonly (() => Promise<unknown>)[] = [
      async () => {
        units = await holdBlockedLots(db, { withinMs: WITHIN_MS.hold });
      },
      () => releaseUnblocked({ db, stock }, { withinMs: WITHIN_MS.release }),
      // Before it is settled: a count that a newer number has overtaken takes nothing from anybody any more.
      () => wakeResolving(db),
      () =>
        settleAllPromised(db, {
          from: before ?? null,
          withinMs: WITHIN_MS.settle,
          beat: (upTo) => beat(upTo),
        }),
      () => tellOfNearExpiry(db, { days: expiryNearDays, withinMs: WITHIN_MS.nearExpiry }),
      () => tellOfStoppedReservations(db),
    ];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
  });
  if (failures.length > 1) throw new AggregateError(failures, failures.map(messageOf).join('; '));
  if (failures.length === 1) throw failures[0];
  return { units };
}
