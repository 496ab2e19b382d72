import type { Database } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { askCarrier, CarrierFailed } from './ask-carrier';
import { claimShipments, recordBookings, releaseClaims } from './book';
import type { Carrier } from './types';

export interface BookingAtOnceOptions {
  db: Database;
  carriers: readonly Carrier[];
  /** Milliseconds that one call to a carrier may take. */
  callTimeoutMs: number;
  /** How long a carrier that failed is left to the dispatcher, milliseconds; half a minute unless given. */
  restMs?: number;
  log: Logger;
}

export interface BookingAtOnce {
  /**
   * Books what waits to be booked, with one try. Several calls at once, also of several processes, take different shipments.
   *
   * @returns false when something may be left, and the dispatcher is to be signalled
   */
  book(): Promise<boolean>;
  /** Whoever waits for a carrier stops that, and what was asked is left to the dispatcher. */
  close(): void;
}

/** Shipments in one call to the carrier. */
const BATCH = 200;
/** As long as a claim counts while the process may be dead. */
const LEASE_SECONDS = 20;
/** No further batch is begun after that. With a call to the carrier it stays below the lease of an outbox message. */
const LONGEST_MS = 10_000;
const REST_MS = 30_000;

/**
 * Books shipments in the process that is told of them, without a task of the workflow engine: for a parcel that comes alone the
 * dispatcher's signal, tasks and activity cost more CPU than everything else that is done for it.
 *
 * Only what succeeds with the first try is done here. Shipments for which a carrier failed before, and all of a carrier that
 * fails now, are the dispatcher's, whose retries are durable and which finds out what fails.
 */
export function createBookingAtOnce(options: BookingAtOnceOptions): BookingAtOnce {
  const { db, carriers, callTimeoutMs, restMs = REST_MS, log } = options;
  /** By name: when a carrier that failed is asked again, by `performance.now()`. */
  const restsUntil = new Map<string, number>();
  let close = () => {};
  const closed = new Promise<'closed'>((resolve) => (close = () => resolve('closed')));

  async function bookAll(carrier: Carrier): Promise<boolean> {
    if (performance.now() < (restsUntil.get(carrier.name) ?? 0)) return false;
    const until = performance.now() + LONGEST_MS;
    while (performance.now() < until) {
      const claimed = await claimShipments(db, {
        carrier: carrier.name,
        limit: BATCH,
        leaseSeconds: LEASE_SECONDS,
      });
      if (claimed.length === 0) return true;
      const suspects = claimed.filter(({ failures }) => failures > 0);
      await releaseClaims(
        db,
        suspects.map(({ shipmentId }) => shipmentId),
      );
      const fresh = claimed.filter(({ failures }) => failures === 0);
      if (fresh.length > 0) {
        const asked = await askCarrier(fresh, { db, carrier, callTimeoutMs, until, isolates: false });
        await recordBookings(db, asked.outcomes);
      }
      if (suspects.length > 0) return false;
      if (claimed.length < BATCH) return true;
    }
    return false;
  }

  async function tryCarrier(carrier: Carrier): Promise<boolean> {
    try {
      return await bookAll(carrier);
    } catch (error) {
      if (error instanceof CarrierFailed) restsUntil.set(carrier.name, performance.now() + restMs);
      log.warn(
        { err: error, carrier: carrier.name },
        'shipments were not booked at once; the dispatcher tries',
      );
      return false;
    }
  }

  return {
    async book() {
      const done = await Promise.race([Promise.all(carriers.map(tryCarrier)), closed]);
      return done !== 'closed' && done.every(Boolean);
    },
    close: () => close(),
  };
}
