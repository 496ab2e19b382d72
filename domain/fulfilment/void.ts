import type { Database, Transaction } from '../../platform/database/database';
import { appendEvents } from '../orders/events';
import type { NewEvent } from '../orders/types';
import { carrierNamed } from './carriers';
import { lockShipments, lockShipmentsOfOrder, type ShipmentRow } from './queries';
import { changeShipments, type ShipmentChange } from './change';
import { afterVoid, beginVoid, hasLeft } from './rules';
import type { Carrier } from './types';

export interface VoidRequest {
  db: Database;
  carriers: readonly Carrier[];
  orderId: string;
  /** `all`: stop whatever has not left. `failed-only`: only finish voids that were begun; healthy shipments go on. */
  which: 'all' | 'failed-only';
}

type VoidOutcome = Awaited<ReturnType<Carrier['void']>>;

/**
 * Stops an order's shipments before they leave. A `pending` one is simply voided. For the others the carrier is asked,
 * between two transactions: `voiding` is committed first, so that a death in between is found and finished by the next
 * call, and a booking still on its way to the carrier meets the void there and is refused.
 *
 * @returns how many could not be stopped: they have left, or the carrier refused. With `failed-only`, of those asked now.
 * @throws what the carrier threw (after the other outcomes were recorded); the same call again carries on.
 */
export async function voidShipments(request: VoidRequest): Promise<{ refused: number }> {
  const { db, carriers, orderId, which } = request;
  const { asked, left } = await db.retrying((tx) => begin(tx, orderId, which));
  const outcomes = new Map<string, VoidOutcome>();
  const calls = await Promise.allSettled(
    asked.map(async ({ shipmentId, carrier }) => {
      outcomes.set(shipmentId, await carrierNamed(carriers, carrier).void(shipmentId));
    }),
  );
  if (outcomes.size > 0) await db.retrying((tx) => finish(tx, outcomes));
  const failure = calls.find((call) => call.status === 'rejected');
  if (failure) throw failure.reason;
  const refusals = [...outcomes.values()].filter((outcome) => outcome === 'refused').length;
  return { refused: refusals + (which === 'all' ? left : 0) };
}

async function begin(
  tx: Transaction,
  orderId: string,
  which: VoidRequest['which'],
): Promise<{ asked: ShipmentRow[]; left: number }> {
  const shipments = await lockShipmentsOfOrder(tx, orderId);
  const changes: ShipmentChange[] = [];
  const events: NewEvent[] = [];
  const asked = shipments.filter((shipment) => shipment.status === 'voiding');
  for (const shipment of which === 'all' ? shipments : []) {
    const status = beginVoid(shipment.status);
    if (!status) continue;
    changes.push({ shipmentId: shipment.shipmentId, status });
    events.push(eventOf(shipment, `shipment_${status}`));
    if (status === 'voiding') asked.push(shipment);
  }
  await changeShipments(tx, changes);
  await appendEvents(tx, events);
  return { asked, left: shipments.filter((shipment) => hasLeft(shipment.status)).length };
}

async function finish(tx: Transaction, outcomes: ReadonlyMap<string, VoidOutcome>): Promise<void> {
  const changes: ShipmentChange[] = [];
  const events: NewEvent[] = [];
  for (const shipment of await lockShipments(tx, [...outcomes.keys()])) {
    const outcome = outcomes.get(shipment.shipmentId);
    const status = outcome && afterVoid(shipment.status, outcome);
    if (!status) continue;
    changes.push({ shipmentId: shipment.shipmentId, status });
    events.push(eventOf(shipment, status === 'voided' ? 'shipment_voided' : 'shipment_void_refused'));
  }
  await changeShipments(tx, changes);
  await appendEvents(tx, events);
}

function eventOf({ orderId, shipmentId, warehouse }: ShipmentRow, type: string): NewEvent {
  return { orderId, type, data: { shipmentId, warehouse } };
}
