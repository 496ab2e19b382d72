import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { isSubjectsOwn } from '../../platform/errors';
import { runInHalves } from '../../platform/halves';
import { enqueue } from '../../platform/database/outbox';
import { forgetFailures, recordFailure } from '../stock/alerts/failed-work';
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
import type { BookingOutcome, ShipmentToBook } from './types';

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
  await runInHalves(
    outcomes,
    async (some) => {
      const byId = new Map(some.map((outcome) => [outcome.shipmentId, outcome]));
      const { booked, refused } = await db.retrying((tx) => record(tx, byId));
      total.booked += booked;
      total.refused += refused;
    },
    async ({ shipmentId }, error) => {
      await recordFailure(db, { work: 'record_booking', subject: shipmentId, error });
    },
    isSubjectsOwn,
  );
  return total;
}

/** Resolves the alerts of bookings that could not be recorded and that their shipments need no more. */
export async function forgetSettledBookings(db: Database): Promise<void> {
  await forgetFailures(db, 'record_booking', await selectSettledBookingFailures(db));
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
  await forgetFailures(tx, 'record_booking', [...outcomes.keys()]);
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
