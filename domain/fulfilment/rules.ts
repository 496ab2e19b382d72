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
  /** It is stopped and has left, or was delivered, all the same: its status stays. `news` at least one, in order. */
  | { effect: 'left_after_stop'; news: readonly ('left' | 'delivered')[] }
  /** It says nothing new, or contradicts what is already final. */
  | { effect: 'stale' };

/** Where a shipment stands, as far as a carrier's update must know. */
export interface CarrierStanding {
  status: ShipmentStatus;
  /** Of one that is stopped: what the carrier has told of it since. */
  leftAfterStop: boolean;
  deliveredAfterStop: boolean;
}

/**
 * Updates may be repeated, late and out of order: a status never goes back, and `delivered` implies `picked_up`, so a
 * delivery that overtakes its pick-up does both. A stopped shipment that is picked up stays stopped, since its money goes
 * back; that it has left is told once.
 */
export function afterCarrierEvent(standing: CarrierStanding, type: CarrierEventType): CarrierEffect {
  const { status } = standing;
  if (hasStopped(status)) return afterStop(standing, type);
  if (type === 'failed' && status === 'picked_up') return { effect: 'lost' };
  const through: readonly ShipmentStatus[] =
    type === 'delivered' && status !== 'picked_up' ? ['picked_up', 'delivered'] : [type];
  const [first] = through;
  return first && shipmentMayBecome(status, first) ? { effect: 'moves', through } : { effect: 'stale' };
}

function afterStop(
  { leftAfterStop, deliveredAfterStop }: CarrierStanding,
  type: CarrierEventType,
): CarrierEffect {
  if (type === 'failed') {
    return leftAfterStop && !deliveredAfterStop ? { effect: 'lost' } : { effect: 'stale' };
  }
  const left = leftAfterStop ? [] : (['left'] as const);
  const delivered = type === 'delivered' && !deliveredAfterStop ? (['delivered'] as const) : [];
  const news = [...left, ...delivered];
  return news.length > 0 ? { effect: 'left_after_stop', news } : { effect: 'stale' };
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
