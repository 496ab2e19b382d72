import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { isLostConnection } from '../../platform/errors';
import { runInHalves } from '../../platform/halves';
import { enqueue } from '../../platform/database/outbox';
import { forgetFailures, forgetSettled, recordFailure, runIsolated } from '../stock/alerts/failed-work';
import { appendEvents } from '../orders/events';
import type { NewEvent } from '../orders/types';
import { advanceStatus } from '../orders/status';
import {
  claimToBook,
  endLeases,
  lockShipments,
  selectSettledBookingFailures,
  type ShipmentRow,
} from './queries';
import { changeShipments, type ShipmentChange } from './change';
import { afterBooking } from './rules';
import { BOOKING_WORK, type BookingOutcome, type Carrier, type ShipmentToBook } from './types';

export { existsOverdue as shipmentsAreOverdue } from './queries';

export interface ClaimRequest {
  /** Name of the carrier whose shipments to take. */
  carrier: string;
  limit: number;
  /** How long a claim counts without its booking being recorded. After that the next claim takes it again. */
  leaseSeconds: number;
}

/**
 * Takes up to `limit` shipments to book, oldest first: `pending` ones, and `booking` ones whose dispatcher died. Several
 * callers at once get different shipments. Booking twice is harmless: a shipment's id is the carrier's idempotency key.
 */
export function claimShipments(on: Queryable, request: ClaimRequest): Promise<ShipmentToBook[]> {
  return claimToBook(on, request.carrier, request.limit, request.leaseSeconds);
}

/**
 * Gives claims back after a passing failure of the carrier. They stay `booking`: the carrier may have them although its
 * response was lost, so a cancellation must ask it before it counts them as stopped.
 */
export async function releaseClaims(on: Queryable, shipmentIds: readonly string[]): Promise<void> {
  if (shipmentIds.length > 0) await endLeases(on, shipmentIds);
}

/** Books claimed shipments in one call. Where the carrier fails, their claims are given back, and what it threw is thrown. */
export async function bookTogether(
  db: Database,
  carrier: Carrier,
  claimed: readonly ShipmentToBook[],
): Promise<BookingOutcome[]> {
  try {
    return await carrier.book(claimed);
  } catch (error) {
    await releaseClaims(
      db,
      claimed.map(({ shipmentId }) => shipmentId),
    );
    throw error;
  }
}

/** With so many shipments for which the carrier fails, the rest of the claim is left to the next one. */
const FAILED_LIMIT = 10;

/**
 * Books claimed shipments, together if the carrier takes them, else in parts, the newest first: those that have failed for
 * long are the oldest. A shipment for which the carrier fails alone is put off, with an alert. Where the carrier took none, it may
 * be the carrier that fails: then only one is put off, and shipments that do fail for themselves give way one by one. While a full
 * claim waits, all that were asked about give way: an outage with a backlog puts off ten in each attempt. A lost connection, or a call without a response in time, is no shipment's own failure.
 *
 * @param isFull as many shipments as were asked for: others may wait behind these, so all that failed give way
 * @returns outcomes, of fewer shipments than were claimed where some failed
 * @throws what the carrier threw, where it took none. The claims of all that are not booked are given back.
 */
export async function bookInParts(
  db: Database,
  carrier: Carrier,
  claimed: readonly ShipmentToBook[],
  isFull: boolean,
): Promise<BookingOutcome[]> {
  const outcomes: BookingOutcome[] = [];
  const failures = new Map<string, unknown>();
  const done = new Set<string>();
  let unanswered: unknown;

  await runInHalves(
    claimed.toReversed(),
    async (some) => {
      outcomes.push(...(await carrier.book(some)));
      for (const { shipmentId } of some) done.add(shipmentId);
    },
    ({ shipmentId }, error) => {
      failures.set(shipmentId, error);
      if (failures.size === FAILED_LIMIT) throw new TooManyFailures();
    },
    (error) => !isUnanswered(error),
  ).catch((error: unknown) => {
    if (!(error instanceof TooManyFailures)) unanswered = error;
  });

  const putOff = [...failures].slice(0, done.size > 0 || isFull ? FAILED_LIMIT : 1);
  for (const [subject, error] of putOff) await recordFailure(db, { work: 'book_shipment', subject, error });
  const left = claimed.map(({ shipmentId }) => shipmentId).filter((id) => !done.has(id));
  await releaseClaims(db, left);
  // What was booked is recorded all the same; the next claim meets what failed.
  if (done.size > 0) return outcomes;
  throw unanswered ?? [...failures.values()][0];
}

class TooManyFailures extends Error {}

/** Also where the client library of a carrier wraps the error. */
function isUnanswered(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    isLostConnection(error) ||
    error.name === 'TimeoutError' ||
    error.name === 'AbortError' ||
    isUnanswered(error.cause)
  );
}

/**
 * Records how bookings ended. Booked: tracking number, label, the order `fulfilling`. Refused for good: the shipment
 * `failed` and the order's saga woken to undo it. A shipment that is being voided or was picked up meanwhile keeps its
 * status and still gets its tracking number. Recorded again, it changes nothing. A shipment that cannot be written by an error
 * of its own stops no other: an alert tells of it, and it is booked again after a while.
 *
 * @returns how many shipments became `booked` and `failed`.
 */
export async function recordBookings(
  db: Database,
  outcomes: readonly BookingOutcome[],
): Promise<{ booked: number; refused: number }> {
  const total = { booked: 0, refused: 0 };
  await runIsolated(outcomes, {
    db,
    work: 'record_booking',
    idOf: ({ shipmentId }) => shipmentId,
    async run(some) {
      const byId = new Map(some.map((outcome) => [outcome.shipmentId, outcome]));
      const { booked, refused } = await db.retrying((tx) => record(tx, byId));
      total.booked += booked;
      total.refused += refused;
    },
  });
  return total;
}

/** Resolves the alerts of bookings that failed and that their shipments need no more. */
export async function forgetSettledBookings(db: Database): Promise<void> {
  for (const work of BOOKING_WORK) {
    await forgetSettled(db, work, selectSettledBookingFailures);
  }
}

async function record(
  tx: Transaction,
  outcomes: ReadonlyMap<string, BookingOutcome>,
): Promise<{ booked: number; refused: number }> {
  const changes: ShipmentChange[] = [];
  const events: NewEvent[] = [];
  const booked: string[] = [];
  const refused: string[] = [];
  for (const shipment of await lockShipments(tx, [...outcomes.keys()])) {
    const outcome = outcomes.get(shipment.shipmentId);
    if (!outcome) continue;
    const status = afterBooking(shipment.status, outcome.status);
    if (status === 'booked') booked.push(shipment.orderId);
    if (status === 'failed') refused.push(shipment.orderId);
    const news = outcome.status === 'booked' ? shipment.trackingNumber === null : status !== null;
    if (!news) continue;
    changes.push(changeOf(shipment, outcome, status ?? shipment.status));
    events.push(eventOf(shipment, outcome));
  }
  await changeShipments(tx, changes);
  await enqueue(
    tx,
    [...new Set(refused)].map((orderId) => ({ topic: 'order.wake', key: orderId })),
  );
  // Locks the rows of all these orders, in order; what follows touches only orders among them.
  await appendEvents(tx, events);
  await advanceStatus(tx, [...new Set(booked)], 'fulfilling');
  for (const work of BOOKING_WORK) {
    await forgetFailures(tx, work, [...outcomes.keys()]);
  }
  return { booked: booked.length, refused: refused.length };
}

function changeOf(
  { shipmentId }: ShipmentRow,
  outcome: BookingOutcome,
  status: ShipmentRow['status'],
): ShipmentChange {
  return outcome.status === 'booked'
    ? { shipmentId, status, trackingNumber: outcome.trackingNumber, labelUrl: outcome.labelUrl }
    : { shipmentId, status, error: outcome.reason };
}

function eventOf({ orderId, shipmentId, warehouse }: ShipmentRow, outcome: BookingOutcome): NewEvent {
  return outcome.status === 'booked'
    ? {
        orderId,
        type: 'shipment_booked',
        data: { shipmentId, warehouse, trackingNumber: outcome.trackingNumber },
      }
    : { orderId, type: 'shipment_failed', data: { shipmentId, warehouse, reason: outcome.reason } };
}
