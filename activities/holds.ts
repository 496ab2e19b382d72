import { expireDueHolds, type ExpiryRequest } from '../domain/holds/expire';
import type { ExpiryRound } from '../domain/holds/types';
import type { Database } from '../platform/database';
import { withFailures } from './failure';

export interface HoldActivities {
  /** Frees holds without an order that are past due, and says when to look again. Run twice, it frees nothing twice. */
  expireDueHolds(request: ExpiryRequest): Promise<ExpiryRound>;
}

export function createHoldActivities({ db }: { db: Database }): HoldActivities {
  return withFailures<HoldActivities>(
    { expireDueHolds: (request) => expireDueHolds(db, request) },
    new Set(),
  );
}
