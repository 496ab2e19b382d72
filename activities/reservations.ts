import { Context } from '@temporalio/activity';
import { expireDueReservations, type ExpiryRequest } from '../domain/stock/reservations/expire';
import type { StockAccess } from '../domain/stock/ledger/stock-ledger';
import type { ExpiryRound } from '../domain/stock/reservations/types';
import { withFailures } from './failure';
import { withHeartbeats } from './heartbeat';

export interface ReservationActivities {
  /** A round of the expiry of reservations. Run twice, it frees nothing twice; it ends early when the worker shuts down. */
  expireDueReservations(request: ExpiryRequest): Promise<ExpiryRound>;
}

export function createReservationActivities(access: StockAccess): ReservationActivities {
  return withFailures<ReservationActivities>(
    {
      expireDueReservations(request) {
        const { cancellationSignal } = Context.current();
        return withHeartbeats(() => expireDueReservations(access, request, cancellationSignal));
      },
    },
    new Set(),
  );
}
