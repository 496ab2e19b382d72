import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { appendEvents } from '../orders/events';
import type { NewEvent } from '../orders/queries';
import { advanceStatus } from '../orders/status';
import {
  claimToBook,
  endLeases,
  existsOverdue,
  lockShipments,
  updateShipments,
  type ShipmentChange,
  type ShipmentRow,
} from './queries';
import { afterBooking } from './rules';
import type { BookingOutcome, ShipmentToBook } from './types';

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
 * answer was lost, so a cancellation must ask it before it may count them as stopped.
 */
export async function releaseClaims(on: Queryable, shipmentIds: readonly string[]): Promise<void> {
  if (shipmentIds.length > 0) await endLeases(on, shipmentIds);
}

/** True when a shipment has waited `seconds` for the dispatcher, or its claim has run out. */
export function shipmentsAreOverdue(on: Queryable, seconds: number): Promise<boolean> {
  return existsOverdue(on, seconds);
}

/**
 * Writes down how bookings ended. Booked: tracking number, label, the order `fulfilling`. Refused for good: the shipment
 * `failed` and the order's saga woken to undo it. A shipment that is being voided or was picked up meanwhile keeps its
 * status and still gets its tracking number. Recorded again, it changes nothing.
 *
 * @returns how many shipments became `booked` and `failed`.
 */
export function recordBookings(
  db: Database,
  outcomes: readonly BookingOutcome[],
): Promise<{ booked: number; refused: number }> {
  return db.retrying((tx) => record(tx, new Map(outcomes.map((outcome) => [outcome.shipmentId, outcome]))));
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
  await updateShipments(tx, changes);
  await enqueue(
    tx,
    [...new Set(refused)].map((orderId) => ({ topic: 'order.wake', key: orderId })),
  );
  // Locks the rows of all these orders, in order; what follows touches only orders among them.
  await appendEvents(tx, events);
  await advanceStatus(tx, [...new Set(booked)], 'fulfilling');
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
