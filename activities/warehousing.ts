import { forgetSettledBookings } from '../domain/fulfilment/book';
import { forgetSettledUpdates } from '../domain/fulfilment/carrier-updates';
import { forgetSettledDeliveries } from '../domain/stock/alerts/failed-work';
import { forgetSettledMoves } from '../domain/ordering/promised/re-source';
import { forgetSettledPromises } from '../domain/ordering/promised/settle-promised';
import { expireReturn, readReturnProgress } from '../domain/warehousing/returns/end';
import type { ReturnProgress } from '../domain/warehousing/returns/types';
import type { Database } from '../platform/database/database';
import { withFailures } from './failure';
import { keepStock } from './keep-stock';

export interface WarehousingActivities {
  /** How far a return has come. */
  readReturn(returnId: string): Promise<ReturnProgress>;
  /** Ends the wait for goods of a return that is due; one that is not is left alone. */
  expireReturn(returnId: string): Promise<ReturnProgress>;
  /** Resolves the alerts of failed work of which nothing is left to do and which nothing else would resolve. */
  forgetSettledWork(): Promise<void>;
  /** One run of `keepStock`. It has the name by which workflows that are recorded call it. */
  holdExpiredLots(): Promise<{ units: number }>;
}

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
      holdExpiredLots: () => keepStock({ db, expiryNearDays }),
    },
    new Set(['NOT_FOUND']),
  );
}
