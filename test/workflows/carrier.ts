import { randomUUID } from 'node:crypto';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import type { CarrierEventType, ShipmentStatus } from '../../domain/fulfilment/types';
import type { Integrations } from '../../worker/integrations';
import type { Stack } from '../support/stack';
import type { PlacedOrder } from './order';
import { withStock } from '../support/stock';

/** Long enough that the sandbox carrier picks nothing up by itself during a test. */
export const NEVER_MS = 3_600_000;

/** Tells Holdfast, as the carrier's webhook does, what happened to an order's shipments (of one warehouse, if given). */
export async function carrierSays(
  { db }: Stack,
  order: PlacedOrder,
  type: CarrierEventType,
  warehouse?: string,
): Promise<void> {
  const { shipments } = await order.view();
  const concerned = shipments.filter(
    (shipment) => warehouse === undefined || shipment.warehouse === warehouse,
  );
  const events = concerned.map(({ id }) => ({ eventId: randomUUID(), shipmentId: id, type }));
  await applyCarrierEvents(withStock(db), 'sandbox', events);
}

/** The carrier has taken the parcels and Holdfast has not heard of it yet. */
export async function pickUpUnheard({ db }: Stack, order: PlacedOrder): Promise<void> {
  const { shipments } = await order.view();
  await db.pool.query(
    `update sandbox_carrier.parcels set stage = 'picked_up', next_stage = null, next_at = null
     where shipment_id = any ($1)`,
    [shipments.map((shipment) => shipment.id)],
  );
}

/** Waits until every shipment of an order has this status. */
export async function untilShipments(order: PlacedOrder, status: ShipmentStatus): Promise<void> {
  await order.until(
    ({ shipments }) => shipments.length > 0 && shipments.every((shipment) => shipment.status === status),
  );
}

/** A carrier whose bookings wait at a barrier until it is opened. */
export interface Barrier {
  integrations(made: Integrations): Integrations;
  /** Bookings that have come to the barrier so far. */
  arrived(): number;
  block(): void;
  open(): void;
}

export function bookingGate(): Barrier {
  let opened = Promise.resolve();
  let open = () => {};
  let arrived = 0;
  return {
    integrations: ({ carriers, ...others }) => ({
      ...others,
      carriers: carriers.map((carrier) => ({
        ...carrier,
        async book(shipments) {
          arrived += shipments.length;
          await opened;
          return carrier.book(shipments);
        },
      })),
    }),
    arrived: () => arrived,
    block() {
      opened = new Promise((resolve) => {
        open = resolve;
      });
    },
    open: () => open(),
  };
}
