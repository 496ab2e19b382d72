export type ShipmentStatus =
  'pending' | 'booking' | 'booked' | 'picked_up' | 'delivered' | 'voiding' | 'voided' | 'failed';

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
  /** The carrier will never take it. A passing failure is thrown instead. */
  | { shipmentId: string; status: 'refused'; reason: string };

export type CarrierEventType = 'picked_up' | 'delivered' | 'failed';

/** One update as `POST /carriers/{name}/events` takes it. */
export interface CarrierEvent {
  /** The carrier's own id of the update: taken once. */
  eventId: string;
  shipmentId: string;
  type: CarrierEventType;
  /** The carrier's number of the parcel: taken where the answer to the booking was lost, and so the number with it. */
  trackingNumber?: string;
  /** RFC 3339. */
  occurredAt?: string;
  detail?: string;
}

/** The seam to whoever moves the parcels. Implementation: `sandbox-carrier.ts`. */
export interface Carrier {
  readonly name: string;
  /** Books many at once. Safe to repeat: the same shipment id gets the same tracking number. */
  book(shipments: readonly ShipmentToBook[]): Promise<BookingOutcome[]>;
  /** Takes a booking back. `refused`: it is already picked up. Safe to repeat, also for a shipment it never heard of. */
  void(shipmentId: string): Promise<'voided' | 'refused'>;
}

declare module '../../platform/database/outbox' {
  interface OutboxTopics {
    /** There are shipments to book. */
    'shipments.ready': null;
  }
}
