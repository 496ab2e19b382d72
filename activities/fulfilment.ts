import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import { askToStop } from '../domain/fulfilment/stop';
import { existingProgress } from '../domain/ordering/progress';
import type { OrderProgress } from '../domain/ordering/types';
import { askCarrier, CarrierFailed } from '../domain/fulfilment/ask-carrier';
import {
  claimShipments,
  forgetCarrierFailure,
  recordBookings,
  recordCarrierFailure,
  tellOfCarriersWithoutSetup,
} from '../domain/fulfilment/book';
import type { Carrier, ClaimedShipment } from '../domain/fulfilment/types';
import { asSteps } from './failure';
import { heartbeating, withHeartbeats } from './heartbeat';

export interface DispatchResult {
  booked: number;
  refused: number;
  /** It stopped before the queue was empty: call again. */
  more: boolean;
}

export interface FulfilmentActivities {
  /**
   * Books whatever waits to be booked, `batchSize` shipments in one call to the carrier. A failure of a carrier is
   * thrown after the others had their turn; its shipments can be claimed again at once. Where a failure does not
   * pass with the first retries, shipments are booked in parts: those that fail while the carrier books others are put off.
   * A carrier that books none of those that wait, and one that is not set up, has an alert.
   */
  dispatchShipments(request: { batchSize: number }): Promise<DispatchResult>;
  /**
   * Asks the carriers once to stop shipments of an order that are being stopped and due; all of them unless told which. Returns the
   * order's progress.
   */
  stopShipments(orderId: string, shipmentIds?: string[]): Promise<OrderProgress>;
}

export interface FulfilmentDependencies {
  db: Database;
  carriers: readonly Carrier[];
  /** How long a claim counts while its dispatcher may be dead. */
  leaseSeconds?: number;
  /** Milliseconds that one call to a carrier may take. */
  callTimeoutMs: number;
  /** For what is not shown of a call that failed. */
  log?: Pick<Logger, 'warn'>;
}

/** Less than the dispatcher's heartbeat timeout, so that when the engine starts it again after a death, the claims are free. */
const LEASE_SECONDS = 20;
/** Bounds one activity as well: with the calls that are under way it stays well below its 5 minutes. */
const LONGEST_RUN_MS = 120_000;
/** Between the attempts while a carrier fails, at most: so long bookings wait after an outage. */
const LONGEST_PAUSE_MS = 5_000;
const FIRST_PAUSE_MS = 500;
/** How often one worker looks for shipments whose carrier is not set up. */
const LOOK_FOR_OTHERS_MS = 30_000;
/** Bounds one activity, so that a worker that shuts down is never waited for longer than a few carrier calls. */
const BATCHES_PER_RUN = 50;
/** Attempt of the activity, from 1, that begins to isolate. Before, a whole batch is tried again after 0.5 s and after 1 s. */
const ISOLATE_FROM_ATTEMPT = 3;

export function createFulfilmentActivities(deps: FulfilmentDependencies): FulfilmentActivities {
  const { db, carriers, leaseSeconds = LEASE_SECONDS, callTimeoutMs, log } = deps;
  /** Carriers that have responded to this worker since they failed last. */
  const responding = new Set<string>();
  let lookedForOthersAt = -Infinity;

  async function bookAll(carrier: Carrier, limit: number, total: DispatchResult): Promise<void> {
    const context = Context.current();
    const { attempt } = context.info;
    const until = performance.now() + LONGEST_RUN_MS;
    let control: ClaimedShipment | undefined;
    for (let batch = 0; batch < BATCHES_PER_RUN && performance.now() < until; batch++) {
      if (context.cancellationSignal.aborted) break;
      context.heartbeat({ ...total });
      const claimed = await claimShipments(db, { carrier: carrier.name, limit, leaseSeconds });
      if (claimed.length === 0) return;
      const isolates = attempt >= ISOLATE_FROM_ATTEMPT;
      const asked = await askCarrier(claimed, { db, carrier, callTimeoutMs, until, isolates, control });
      control = asked.control;
      const done = await recordBookings(db, asked.outcomes);
      if (asked.outcomes.length > 0) await noteResponse(carrier.name, attempt);
      total.booked += done.booked;
      total.refused += done.refused;
    }
    total.more = true;
  }

  /** The alert is another worker's where its attempt failed. */
  async function noteResponse(carrier: string, attempt: number): Promise<void> {
    if (attempt > 1 || !responding.has(carrier)) await forgetCarrierFailure(db, carrier);
    responding.add(carrier);
  }

  async function noteFailure(carrier: string, error: unknown): Promise<void> {
    const { attempt } = Context.current().info;
    if (!(error instanceof CarrierFailed)) throw error;
    responding.delete(carrier);
    if (attempt >= ISOLATE_FROM_ATTEMPT) await recordCarrierFailure(db, carrier, error);
    throw ApplicationFailure.create({
      message: `${carrier}: ${error.message}`,
      cause: error,
      nextRetryDelay: Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS),
    });
  }

  async function lookForOthers(): Promise<void> {
    if (performance.now() < lookedForOthersAt + LOOK_FOR_OTHERS_MS) return;
    lookedForOthersAt = performance.now();
    await tellOfCarriersWithoutSetup(
      db,
      carriers.map(({ name }) => name),
    );
  }

  return {
    dispatchShipments({ batchSize }) {
      const total: DispatchResult = { booked: 0, refused: 0, more: false };
      return withHeartbeats(
        async () => {
          const runs = await Promise.allSettled(
            carriers.map((carrier) =>
              bookAll(carrier, batchSize, total).catch((error: unknown) => noteFailure(carrier.name, error)),
            ),
          );
          await lookForOthers();
          const failure = runs.find((run) => run.status === 'rejected');
          if (failure) throw failure.reason;
          return total;
        },
        () => ({ ...total }),
      );
    },

    ...asSteps<Pick<FulfilmentActivities, 'stopShipments'>>(
      {
        stopShipments: (orderId, shipmentIds) =>
          heartbeating(async () => {
            await askToStop({ db, carriers, log }, orderId, shipmentIds);
            return existingProgress(db, orderId);
          }),
      },
      new Set(['ORDER_NOT_FOUND']),
      1,
    ),
  };
}
