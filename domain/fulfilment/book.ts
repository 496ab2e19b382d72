import { AppError } from '../../platform/errors';
import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import {
  failuresByDue,
  forgetFailures,
  forgetSettled,
  recordFailure,
  runIsolated,
} from '../stock/alerts/failed-work';
import { appendEvents } from '../orders/events';
import type { NewEvent } from '../orders/types';
import { advanceStatus } from '../orders/status';
import {
  claimToBook,
  endLeases,
  lockShipments,
  selectCarriersWithoutSetup,
  selectSettledBookingFailures,
  selectSettledCarrierFailures,
  type ShipmentRow,
} from './queries';
import { changeShipments, type ShipmentChange } from './change';
import { afterBooking } from './rules';
import { BOOKING_WORK, type BookingOutcome, type ClaimedShipment, type FinalBooking } from './types';

export { existsOverdue as shipmentsAreOverdue } from './queries';

export interface ClaimRequest {
  /** Name of the carrier whose shipments to take. */
  carrier: string;
  limit: number;
  /** How long a claim counts without its booking being recorded. After that the next claim takes it again. */
  leaseSeconds: number;
}

/**
 * Takes up to `limit` shipments to book: `pending` ones, and `booking` ones whose dispatcher died. Several
 * callers at once get different shipments. Booking twice is harmless: a shipment's id is the carrier's idempotency key.
 */
export function claimShipments(on: Queryable, request: ClaimRequest): Promise<ClaimedShipment[]> {
  return claimToBook(on, request.carrier, request.limit, request.leaseSeconds);
}

/**
 * Gives claims back after a passing failure of the carrier. They stay `booking`: the carrier may have them although its
 * response was lost, so a cancellation must ask it before it counts them as stopped.
 */
export async function releaseClaims(on: Queryable, shipmentIds: readonly string[]): Promise<void> {
  if (shipmentIds.length > 0) await endLeases(on, shipmentIds);
}

/**
 * Records how bookings ended. Booked: tracking number, label, the order `fulfilling`. Refused for good: the shipment
 * `failed` and the order's saga woken to undo it. A shipment that is being voided or was picked up meanwhile keeps its
 * status and still gets its tracking number. Recorded again, it changes nothing. Put off by the carrier: the claim is given back, and
 * the shipment left out for a while; an alert tells of it from the fifth time in a row. A shipment that cannot be written by an error
 * of its own stops no other: an alert tells of it, and it is booked again after a while.
 *
 * @returns how many shipments became `booked` and `failed`.
 */
export async function recordBookings(
  db: Database,
  outcomes: readonly BookingOutcome[],
): Promise<{ booked: number; refused: number }> {
  const total = { booked: 0, refused: 0 };
  await putOff(
    db,
    outcomes.filter((outcome) => outcome.status === 'later'),
  );
  const final = outcomes.filter((outcome) => outcome.status !== 'later');
  await runIsolated(final, {
    db,
    work: 'record_booking',
    idOf: ({ shipmentId }) => shipmentId,
    // Its claim runs out: then it is booked again, under the same key.
    leavesLocked: true,
    async run(some, limits) {
      const byId = new Map(some.map((outcome) => [outcome.shipmentId, outcome]));
      const { booked, refused } = await db.retrying((tx) => record(tx, byId), limits);
      total.booked += booked;
      total.refused += refused;
    },
  });
  return total;
}

/** Put off by the carrier so often in a row, a shipment gets an alert: with the usual pauses after a quarter of an hour. */
const LATER_ALERT_FROM = 5;
const LATER_SECONDS = { min: 5, max: 86_400 };

async function putOff(
  db: Database,
  outcomes: readonly Extract<BookingOutcome, { status: 'later' }>[],
): Promise<void> {
  const ids = outcomes.map(({ shipmentId }) => shipmentId);
  // The carrier responded, so it does not fail for these.
  await forgetFailures(db, 'book_shipment', ids);
  for (const { shipmentId, reason, afterSeconds } of outcomes) {
    await recordFailure(db, {
      work: 'book_later',
      subject: shipmentId,
      error: new Error(reason),
      alertFrom: LATER_ALERT_FROM,
      pauseSeconds:
        afterSeconds === undefined
          ? undefined
          : Math.min(Math.max(afterSeconds, LATER_SECONDS.min), LATER_SECONDS.max),
    });
  }
  await releaseClaims(db, ids);
}

/** Tells of shipments whose carrier is none of these: nobody books them. */
export async function tellOfCarriersWithoutSetup(db: Database, setUp: readonly string[]): Promise<void> {
  for (const { carrier, waiting } of await selectCarriersWithoutSetup(db, setUp)) {
    const error = new AppError(
      'UNKNOWN_CARRIER',
      `${waiting} shipments wait for a carrier that is not set up.`,
    );
    await recordFailure(db, { work: 'book_with_carrier', subject: carrier, error });
  }
}

/** Tells, once, that a carrier books none of the shipments that wait for it. */
export async function recordCarrierFailure(db: Database, carrier: string, error: unknown): Promise<void> {
  const { putOff } = await failuresByDue(db, 'book_with_carrier');
  if (!putOff.has(carrier)) await recordFailure(db, { work: 'book_with_carrier', subject: carrier, error });
}

/** A carrier has responded: resolves the alert that it books none. */
export function forgetCarrierFailure(db: Database, carrier: string): Promise<void> {
  return forgetFailures(db, 'book_with_carrier', [carrier]);
}

/** Resolves the alerts of bookings that failed and that their shipments need no more. */
export async function forgetSettledBookings(db: Database): Promise<void> {
  for (const work of BOOKING_WORK) {
    await forgetSettled(db, work, selectSettledBookingFailures);
  }
  await forgetSettled(db, 'book_with_carrier', selectSettledCarrierFailures);
}

async function record(
  tx: Transaction,
  outcomes: ReadonlyMap<string, FinalBooking>,
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
  await forgetFailures(tx, BOOKING_WORK, [...outcomes.keys()]);
  return { booked: booked.length, refused: refused.length };
}

function changeOf(
  { shipmentId }: ShipmentRow,
  outcome: FinalBooking,
  status: ShipmentRow['status'],
): ShipmentChange {
  return outcome.status === 'booked'
    ? { shipmentId, status, trackingNumber: outcome.trackingNumber, labelUrl: outcome.labelUrl }
    : { shipmentId, status, error: outcome.reason };
}

function eventOf({ orderId, shipmentId, warehouse }: ShipmentRow, outcome: FinalBooking): NewEvent {
  return outcome.status === 'booked'
    ? {
        orderId,
        type: 'shipment_booked',
        data: { shipmentId, warehouse, trackingNumber: outcome.trackingNumber },
      }
    : { orderId, type: 'shipment_failed', data: { shipmentId, warehouse, reason: outcome.reason } };
}
