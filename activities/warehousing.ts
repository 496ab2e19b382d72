import { Context } from '@temporalio/activity';
import { forgetSettledBookings } from '../domain/fulfilment/book';
import { forgetSettledUpdates } from '../domain/fulfilment/carrier-updates';
import { forgetSettledDeliveries } from '../domain/stock/alerts/failed-work';
import { holdExpiredLots } from '../domain/warehousing/quality/put-on-hold';
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
  /** Puts what is left of expired lots on quality hold; returns the units. */
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
        return { units: await holdExpiredLots(db, () => context.heartbeat()) };
      },
    },
    new Set(['NOT_FOUND']),
  );
}
