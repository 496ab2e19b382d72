import { Context } from '@temporalio/activity';
import { expireDueReservations, type ExpiryRequest } from '../domain/stock/reservations/expire';
import type { ExpiryRound } from '../domain/stock/reservations/types';
import type { Database } from '../platform/database/database';
import { withFailures } from './failure';

export interface ReservationActivities {
  /** A round of the expiry of reservations. Run twice, it frees nothing twice; it ends early when the worker shuts down. */
  expireDueReservations(request: ExpiryRequest): Promise<ExpiryRound>;
}

const HEARTBEAT_EVERY_MS = 1_000;

export function createReservationActivities({ db }: { db: Database }): ReservationActivities {
  return withFailures<ReservationActivities>(
    {
      async expireDueReservations(request) {
        const context = Context.current();
        const beat = setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
        try {
          return await expireDueReservations(db, request, context.cancellationSignal);
        } finally {
          clearInterval(beat);
        }
      },
    },
    new Set(),
  );
}
