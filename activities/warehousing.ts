import { Context } from '@temporalio/activity';
import { forgetSettledBookings } from '../domain/fulfilment/book';
import { forgetSettledUpdates } from '../domain/fulfilment/carrier-updates';
import { forgetSettledDeliveries } from '../domain/stock/alerts/failed-work';
import { stock } from '../domain/ordering/backorders/stock-with-backorders';
import { forgetSettledMoves } from '../domain/ordering/promised/re-source';
import {
  forgetSettledPromises,
  settleAllPromised,
  type SettledUpTo,
} from '../domain/ordering/promised/settle-promised';
import { tellOfStoppedReservations } from '../domain/stock/alerts/stopped-reservations';
import {
  holdBlockedLots,
  releaseUnblocked,
  tellOfNearExpiry,
} from '../domain/warehousing/quality/blocked-lots';
import { wakeResolving } from '../domain/warehousing/counting/settle-count';
import { expireReturn, readReturnProgress } from '../domain/warehousing/returns/end';
import type { ReturnProgress } from '../domain/warehousing/returns/types';
import type { Database } from '../platform/database/database';
import { withFailures } from './failure';

export interface WarehousingActivities {
  /** How far a return has come. */
  readReturn(returnId: string): Promise<ReturnProgress>;
  /** Ends the wait for goods of a return that is due; one that is not is left alone. */
  expireReturn(returnId: string): Promise<ReturnProgress>;
  /** Resolves the alerts of failed work of which nothing is left to do and which nothing else would resolve. */
  forgetSettledWork(): Promise<void>;
  /**
   * Puts what is left of expired and recalled lots on quality hold, settles with those to whom it was promised, and tells of lots that
   * expire soon and of reservations that have stopped; returns the units that were put on hold. An attempt goes on where the one before
   * was.
   */
  holdExpiredLots(): Promise<{ units: number }>;
}

/** How long one run settles: less than what the activity is given. The next run goes on. */
const SETTLE_MS = 300_000;

export function createWarehousingActivities({
  db,
  expiryNearDays,
}: {
  db: Database;
  expiryNearDays: number;
}): WarehousingActivities {
  return withFailures<WarehousingActivities>(
    {
      readReturn: (returnId) => readReturnProgress(db, returnId),
      expireReturn: (returnId) => expireReturn(db, returnId),
      async forgetSettledWork() {
        await forgetSettledBookings(db);
        await forgetSettledUpdates(db);
        await forgetSettledDeliveries(db);
        await forgetSettledPromises(db);
        await forgetSettledMoves(db);
      },
      async holdExpiredLots() {
        const context = Context.current();
        let settled = context.info.heartbeatDetails as SettledUpTo | undefined;
        const beat = () => context.heartbeat(settled);
        const units = await holdBlockedLots(db, beat);
        await releaseUnblocked({ db, stock }, beat);
        // First: one that a newer number has overtaken takes nothing from anybody any more.
        await wakeResolving(db);
        await settleAllPromised(db, {
          from: settled ?? null,
          withinMs: SETTLE_MS,
          beat: (upTo) => {
            settled = upTo;
            beat();
          },
        });
        await tellOfNearExpiry(db, { days: expiryNearDays, beat });
        await tellOfStoppedReservations(db);
        return { units };
      },
    },
    new Set(['NOT_FOUND']),
  );
}
