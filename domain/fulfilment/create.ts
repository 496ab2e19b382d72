import { derivedId } from '../../platform/ids';
import { enqueue } from '../../platform/database/outbox';
import type { Transaction } from '../../platform/database/database';
import { openLines, type OpenLine } from '../stock/reservations/reservations';
import { appendEvents } from '../orders/events';
import { insertShipments, type NewShipment } from './queries';

export interface ShipmentsRequest {
  orderId: string;
  reservationId: string;
  /** Name of the carrier that is to take them. */
  carrier: string;
}

/** The same for the same reservation and warehouse: made again, it is the same shipment. */
export function shipmentIdOf(reservationId: string, warehouseId: number): string {
  return derivedId('shipment', reservationId, warehouseId);
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
  const byReservation = new Map(requests.map((request) => [request.reservationId, request]));
  const lines = await openLines(tx, [...byReservation.keys()]);
  if (lines.length === 0) return [];
  const made = await insertShipments(
    tx,
    foldShipments(lines, byReservation),
    lines.map((line) => ({
      shipmentId: shipmentIdOf(line.reservationId, line.warehouseId),
      productId: line.productId,
      quantity: line.openQuantity,
    })),
  );
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
  requests: ReadonlyMap<string, ShipmentsRequest>,
): NewShipment[] {
  const shipments = new Map<string, NewShipment>();
  for (const { reservationId, warehouseId } of lines) {
    const request = requests.get(reservationId);
    if (!request) continue;
    const shipmentId = shipmentIdOf(reservationId, warehouseId);
    shipments.set(shipmentId, {
      shipmentId,
      orderId: request.orderId,
      reservationId,
      warehouseId,
      carrier: request.carrier,
    });
  }
  return [...shipments.values()];
}
