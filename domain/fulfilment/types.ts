import type { Work } from '../stock/alerts/types';

export const SHIPMENT_STATUSES = [
  'pending',
  'booking',
  'booked',
  'picked_up',
  'delivered',
  'voiding',
  'voided',
  'failed',
] as const;
export type ShipmentStatus = (typeof SHIPMENT_STATUSES)[number];

/** Not booked yet: waiting for the dispatcher, or taken by one that has not recorded the booking. */
export const UNBOOKED_SHIPMENT_STATUSES = ['pending', 'booking'] as const satisfies readonly ShipmentStatus[];

/** The goods are in the warehouse and may still leave it. */
export const WAITING_SHIPMENT_STATUSES = [
  ...UNBOOKED_SHIPMENT_STATUSES,
  'booked',
  'voiding',
] as const satisfies readonly ShipmentStatus[];

/** The goods are in the warehouse, and nobody stops them yet. */
export const STOPPABLE_SHIPMENT_STATUSES = [
  ...UNBOOKED_SHIPMENT_STATUSES,
  'booked',
] as const satisfies readonly ShipmentStatus[];

/** The goods have left the warehouse: nothing can be stopped or put back any more. */
export const LEFT_SHIPMENT_STATUSES = ['picked_up', 'delivered'] as const satisfies readonly ShipmentStatus[];

/** The goods stay in the warehouse for good. */
export const STOPPED_SHIPMENT_STATUSES = ['voided', 'failed'] as const satisfies readonly ShipmentStatus[];

/** Nothing more is to come of it, but for a parcel that leaves all the same. */
export const ENDED_SHIPMENT_STATUSES = [
  'delivered',
  ...STOPPED_SHIPMENT_STATUSES,
] as const satisfies readonly ShipmentStatus[];

/** A shipment as the carrier needs it. Its id is the carrier's idempotency key. */
export interface ShipmentToBook {
  shipmentId: string;
  orderId: string;
  warehouse: string;
  shipTo: unknown;
  items: { sku: string; quantity: number }[];
}

export type BookingOutcome =
  | { shipmentId: string; status: 'booked'; trackingNumber: string; labelUrl: string }
  /** The carrier will never take it. */
  | { shipmentId: string; status: 'refused'; reason: string }
  /** Not now, for a reason of this shipment: it is asked again after so many seconds, without them after a growing pause. */
  | { shipmentId: string; status: 'later'; reason: string; afterSeconds?: number };

/** What the carrier decided for good. */
export type FinalBooking = Exclude<BookingOutcome, { status: 'later' }>;

/** A shipment that is taken to be booked. */
export interface ClaimedShipment extends ShipmentToBook {
  /** How often its booking failed although the carrier took others, since it succeeded last. */
  failures: number;
}

export const CARRIER_EVENT_TYPES = ['picked_up', 'delivered', 'failed'] as const;
export type CarrierEventType = (typeof CARRIER_EVENT_TYPES)[number];

/** One update as `POST /carriers/{name}/events` takes it. */
export interface CarrierEvent {
  /** The carrier's own id of the update: taken once. */
  eventId: string;
  shipmentId: string;
  type: CarrierEventType;
  /** The carrier's number of the parcel: taken where the response to the booking was lost, and the number with it. */
  trackingNumber?: string;
  /** RFC 3339. */
  occurredAt?: string;
  detail?: string;
}

/** A carrier. Implementations are under `integrations/`. */
export interface Carrier {
  readonly name: string;
  /**
   * Books many at once. Safe to repeat: the same shipment id gets the same tracking number. What concerns one shipment is its
   * outcome; what is thrown concerns the call, or a shipment for which the carrier knows no better.
   *
   * @param signal aborted when nobody waits for the response any more
   */
  book(shipments: readonly ShipmentToBook[], signal?: AbortSignal): Promise<BookingOutcome[]>;
  /** Takes a booking back. `refused`: it is already picked up. Safe to repeat, also for a shipment that it does not know. */
  void(shipmentId: string): Promise<'voided' | 'refused'>;
}

/** A carrier that works on its own between the calls. */
export interface RunningCarrier extends Carrier {
  /** Begins that work. Any number of processes may. */
  start(): void;
  /** Ends that work after what is under way; bookings and voids go on. What is left is kept for the next to start. Again: waits for it. */
  stop(): Promise<void>;
  /** Stops, and frees what it holds. */
  close(): Promise<void>;
}

/** A shipment as clients see it. */
export interface ShipmentView {
  id: string;
  warehouse: string;
  status: ShipmentStatus;
  trackingNumber: string | null;
  /** RFC 3339: when the carrier told that it had left although it was stopped; else null. */
  leftAfterStopAt: string | null;
  items: { sku: string; quantity: number }[];
}

declare module '../../platform/database/outbox' {
  interface OutboxTopics {
    /** There are shipments to book. */
    'shipments.ready': null;
  }
}

/** Work on a shipment that has no label yet, each kind put off by itself when it fails. */
export const BOOKING_WORK = [
  'book_shipment',
  'book_later',
  'record_booking',
] as const satisfies readonly Work[];
