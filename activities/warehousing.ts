import { Context } from '@temporalio/activity';
import { forgetSettledBookings } from '../domain/fulfilment/book';
import { forgetSettledUpdates } from '../domain/fulfilment/carrier-updates';
import { forgetSettledDeliveries } from '../domain/stock/alerts/failed-work';
import { stock } from '../domain/ordering/backorders/stock-with-backorders';
import { settleAllPromised } from '../domain/ordering/promised/settle-promised';
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
   * expire soon; returns the units that were put on hold.
   */
  holdExpiredLots(): Promise<{ units: number }>;
}

export function createWarehousingActivities({ db }: { db: Database }): WarehousingActivities {
  return withFailures<WarehousingActivities>(
    {
      readReturn: (returnId) => readReturnProgress(db, returnId),
      expireReturn: (returnId) => expireReturn(db, returnId),
      async forgetSettledWork() {
        await forgetSettledBookings(db);
        await forgetSettledUpdates(db);
        await forgetSettledDeliveries(db);
      },
      async holdExpiredLots() {
        const context = Context.current();
        const beat = () => context.heartbeat();
        const units = await holdBlockedLots(db, beat);
        await releaseUnblocked({ db, stock }, beat);
        // First: one that a newer number has overtaken takes nothing from anybody any more.
        await wakeResolving(db);
        await settleAllPromised(db, beat);
        await tellOfNearExpiry(db, beat);
        return { units };
      },
    },
    new Set(['NOT_FOUND']),
  );
}
