import { Context } from '@temporalio/activity';
import { expireDueHolds, type ExpiryRequest } from '../domain/holds/expire';
import type { ExpiryRound } from '../domain/holds/types';
import type { Database } from '../platform/database';
import { withFailures } from './failure';

export interface HoldActivities {
  /** A round of the expiry of holds. Run twice, it frees nothing twice; it ends early when the worker shuts down. */
  expireDueHolds(request: ExpiryRequest): Promise<ExpiryRound>;
}

const HEARTBEAT_EVERY_MS = 1_000;

export function createHoldActivities({ db }: { db: Database }): HoldActivities {
  return withFailures<HoldActivities>(
    {
      async expireDueHolds(request) {
        const context = Context.current();
        const beat = setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
        try {
          return await expireDueHolds(db, request, context.cancellationSignal);
        } finally {
          clearInterval(beat);
        }
      },
    },
    new Set(),
  );
}
