import { derivedId } from '../../platform/ids';
import { enqueue } from '../../platform/database/outbox';
import type { Transaction } from '../../platform/database/database';
import { openLines, type OpenLine } from '../stock/reservations/reservations';
import { appendEvents } from '../orders/events';
import { insertShipments, type NewShipment, type NewShipmentItem } from './queries';

export interface ShipmentsRequest {
  orderId: string;
  reservationId: string;
  /** Name of the carrier that is to take them. */
  carrier: string;
  /** What remains of one shipment of which a part was cut. Absent: all that the reservation keeps, for the first time. */
  again?: { warehouseId: number; generation: number };
}

/** The same for the same reservation, warehouse and generation: made again, it is the same shipment. */
export function shipmentIdOf(reservationId: string, warehouseId: number, generation = 1): string {
  return generation === 1
    ? derivedId('shipment', reservationId, warehouseId)
    : derivedId('shipment', reservationId, warehouseId, generation);
}

/**
 * Writes one shipment per warehouse for what confirmed reservations still keep, and signals the dispatcher. The caller has
 * locked the reservations. A second call changes nothing.
 *
 * @returns the ids of the shipments that are new
 */
export async function createShipments(
  tx: Transaction,
  requests: readonly ShipmentsRequest[],
): Promise<string[]> {
  const lines = await openLines(tx, [...new Set(requests.map(({ reservationId }) => reservationId))]);
  const { shipments, items } = foldShipments(lines, requests);
  if (shipments.length === 0) return [];
  const made = await insertShipments(tx, shipments, items);
  if (made.length === 0) return [];
  const ofOrders = new Map<string, { shipmentId: string; warehouse: string }[]>();
  for (const { orderId, shipmentId, warehouse } of made) {
    ofOrders.set(orderId, [...(ofOrders.get(orderId) ?? []), { shipmentId, warehouse }]);
  }
  await enqueue(tx, [{ topic: 'shipments.ready', key: '' }]);
  await appendEvents(
    tx,
    [...ofOrders].map(([orderId, shipments]) => ({
      orderId,
      type: 'shipments_created',
      data: { shipments },
    })),
  );
  return made.map((shipment) => shipment.shipmentId);
}

function foldShipments(
  lines: readonly OpenLine[],
  requests: readonly ShipmentsRequest[],
): { shipments: NewShipment[]; items: NewShipmentItem[] } {
  const shipments = new Map<string, NewShipment>();
  const items: NewShipmentItem[] = [];
  for (const { orderId, reservationId, carrier, again } of requests) {
    const own = lines.filter(
      (line) => line.reservationId === reservationId && (!again || line.warehouseId === again.warehouseId),
    );
    for (const { warehouseId, productId, openQuantity: quantity } of own) {
      const generation = again?.generation ?? 1;
      const shipmentId = shipmentIdOf(reservationId, warehouseId, generation);
      shipments.set(shipmentId, { shipmentId, orderId, reservationId, warehouseId, carrier, generation });
      items.push({ shipmentId, productId, quantity });
    }
  }
  return { shipments: [...shipments.values()], items };
}
