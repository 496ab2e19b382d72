import { Context } from '@temporalio/activity';
import type { Database } from '../platform/database/database';
import { bookInParts, bookTogether, claimShipments, recordBookings } from '../domain/fulfilment/book';
import type { Carrier } from '../domain/fulfilment/types';
import { askToStop } from '../domain/fulfilment/stop';
import { existingProgress } from '../domain/ordering/progress';
import type { OrderProgress } from '../domain/ordering/types';
import { heartbeating } from './heartbeat';

export interface DispatchResult {
  booked: number;
  refused: number;
  /** It stopped before the queue was empty: call again. */
  more: boolean;
}

export interface FulfilmentActivities {
  /**
   * Books whatever waits to be booked, `batchSize` shipments in one call to the carrier. A passing failure of a carrier is
   * thrown after the others had their turn; its shipments can be claimed again at once. Where a failure does not
   * pass with the first retries, shipments are booked in parts: those that fail while the carrier books others are put off.
   */
  dispatchShipments(request: { batchSize: number }): Promise<DispatchResult>;
  /** Asks the carriers once to stop the shipments of an order that are being stopped. Returns the order's progress. */
  stopShipments(orderId: string): Promise<OrderProgress>;
}

export interface FulfilmentDependencies {
  db: Database;
  carriers: readonly Carrier[];
  /** How long a claim counts while its dispatcher may be dead. */
  leaseSeconds?: number;
}

/** Less than the dispatcher's heartbeat timeout, so that when the engine starts it again after a death, the claims are free. */
const LEASE_SECONDS = 20;
const HEARTBEAT_EVERY_MS = 5_000;
/** Bounds one activity, so that a worker that shuts down is never waited for longer than a few carrier calls. */
const BATCHES_PER_RUN = 50;
/** Attempt of the activity, from 1, that begins to isolate. Before, a whole batch is tried again after 0.5 s and after 1 s. */
const ISOLATE_FROM_ATTEMPT = 3;

export function createFulfilmentActivities(deps: FulfilmentDependencies): FulfilmentActivities {
  const { db, carriers, leaseSeconds = LEASE_SECONDS } = deps;

  async function bookBatch(
    carrier: Carrier,
    limit: number,
  ): Promise<Omit<DispatchResult, 'more'> | undefined> {
    const claimed = await claimShipments(db, { carrier: carrier.name, limit, leaseSeconds });
    if (claimed.length === 0) return undefined;
    const isolates = Context.current().info.attempt >= ISOLATE_FROM_ATTEMPT;
    const outcomes = isolates
      ? await bookInParts(db, carrier, claimed, claimed.length === limit)
      : await bookTogether(db, carrier, claimed);
    return recordBookings(db, outcomes);
  }

  async function bookAll(carrier: Carrier, batchSize: number, total: DispatchResult): Promise<void> {
    const context = Context.current();
    for (let batch = 0; batch < BATCHES_PER_RUN && !context.cancellationSignal.aborted; batch++) {
      context.heartbeat({ ...total });
      const done = await bookBatch(carrier, batchSize);
      if (!done) return;
      total.booked += done.booked;
      total.refused += done.refused;
    }
    total.more = true;
  }

  return {
    async dispatchShipments({ batchSize }) {
      const context = Context.current();
      const total: DispatchResult = { booked: 0, refused: 0, more: false };
      const beat = setInterval(() => context.heartbeat({ ...total }), HEARTBEAT_EVERY_MS);
      try {
        const runs = await Promise.allSettled(carriers.map((carrier) => bookAll(carrier, batchSize, total)));
        const failure = runs.find((run) => run.status === 'rejected');
        if (failure) throw failure.reason;
        return total;
      } finally {
        clearInterval(beat);
      }
    },

    stopShipments: (orderId) =>
      heartbeating(async () => {
        await askToStop({ db, carriers }, orderId);
        return existingProgress(db, orderId);
      }),
  };
}
