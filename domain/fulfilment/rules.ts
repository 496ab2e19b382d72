import {
  LEFT_SHIPMENT_STATUSES,
  STOPPED_SHIPMENT_STATUSES,
  WAITING_SHIPMENT_STATUSES,
  type CarrierEventType,
  type FinalBooking,
  type ShipmentStatus,
} from './types';

/** Every change of a shipment's status that may happen. */
export const SHIPMENT_TRANSITIONS: Readonly<Record<ShipmentStatus, readonly ShipmentStatus[]>> = {
  // The carrier does not know it yet, so it is voided without asking.
  pending: ['booking', 'voided'],
  // The carrier may pick a parcel up before its response to the booking has been recorded.
  booking: ['booked', 'picked_up', 'voiding', 'failed'],
  booked: ['picked_up', 'voiding', 'failed'],
  picked_up: ['delivered'],
  delivered: [],
  // Back to `booked`: the carrier refused to take the booking back.
  voiding: ['voided', 'booked', 'picked_up', 'failed'],
  voided: [],
  failed: [],
};

export function shipmentMayBecome(from: ShipmentStatus, to: ShipmentStatus): boolean {
  return SHIPMENT_TRANSITIONS[from].includes(to);
}

/** True once the goods have left the warehouse: nothing can be stopped or put back any more. */
export function hasLeft(status: ShipmentStatus): boolean {
  return isOneOf(LEFT_SHIPMENT_STATUSES, status);
}

/** True while the goods are in the warehouse and may still leave it. Once false, false for ever. */
export function mayStillLeave(status: ShipmentStatus): boolean {
  return isOneOf(WAITING_SHIPMENT_STATUSES, status);
}

/** True once the goods stay in the warehouse for good. */
export function hasStopped(status: ShipmentStatus): boolean {
  return isOneOf(STOPPED_SHIPMENT_STATUSES, status);
}

function isOneOf(statuses: readonly ShipmentStatus[], status: ShipmentStatus): boolean {
  return statuses.includes(status);
}

/** What a carrier's update means for a shipment. */
export type CarrierEffect =
  /** The statuses it passes through, in order, at least one. */
  | { effect: 'moves'; through: readonly ShipmentStatus[] }
  /** Lost after pick-up: recorded as an event; the stock does not change. */
  | { effect: 'lost' }
  /** It says nothing new, or contradicts what is already final. */
  | { effect: 'stale' };

/**
 * Updates may be repeated, late and out of order: a status never goes back, and `delivered` implies `picked_up`, so a
 * delivery that overtakes its pick-up does both.
 */
export function afterCarrierEvent(status: ShipmentStatus, type: CarrierEventType): CarrierEffect {
  if (type === 'failed' && status === 'picked_up') return { effect: 'lost' };
  const through: readonly ShipmentStatus[] =
    type === 'delivered' && status !== 'picked_up' ? ['picked_up', 'delivered'] : [type];
  const [first] = through;
  return first && shipmentMayBecome(status, first) ? { effect: 'moves', through } : { effect: 'stale' };
}

/** The status after the carrier's outcome of a booking, or null where it changes none: the shipment is being voided, or has moved on. */
export function afterBooking(status: ShipmentStatus, outcome: FinalBooking['status']): ShipmentStatus | null {
  if (status !== 'booking') return null;
  return outcome === 'booked' ? 'booked' : 'failed';
}

/** The status in which taking a shipment back begins, or null: it cannot be, or already is. */
export function beginVoid(status: ShipmentStatus): 'voided' | 'voiding' | null {
  if (status === 'pending') return 'voided';
  return status === 'booking' || status === 'booked' ? 'voiding' : null;
}

/** The status after the carrier's outcome of a void, or null: updates have moved the shipment on meanwhile. */
export function afterVoid(status: ShipmentStatus, outcome: 'voided' | 'refused'): ShipmentStatus | null {
  if (status !== 'voiding') return null;
  return outcome === 'voided' ? 'voided' : 'booked';
}
