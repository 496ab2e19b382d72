import type { Database, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import type { Logger } from '../../platform/telemetry/log';
import { withTimeout } from '../../platform/with-timeout';
import { raiseAttention, resolveAttention, type Attention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import type { NewEvent } from '../orders/types';
import { carrierNamed } from './carriers';
import { carrierUnavailable, shownReason } from './told';
import { changeShipments, type ShipmentChange } from './change';
import { lockShipments, lockShipmentsOfOrders, type ShipmentRow } from './queries';
import { afterVoid, beginVoid } from './rules';
import { claimStops, selectDoubled, stopForGood, updateStopError } from './stop-queries';
import type { Carrier } from './types';

export { clearStopRefusals, markReleased } from './stop-queries';

/** A carrier that does not respond is asked again after 0.5 s, 1 s, … up to five minutes: meanwhile the parcel may leave. */
const TIMES = { firstSeconds: 0.5, longestSeconds: 300 };
/** How long one call to a carrier may take, milliseconds. */
const CALL_MS = 20_000;
/** After so many tries a person is told: by then the carrier has not responded for about half a minute. */
const DELAYED_AFTER_TRIES = 6;

/**
 * Begins to stop the shipments of an order that have not left. A `pending` one is voided at once, since the carrier does not know
 * it; the others become `voiding`, and the carrier is asked later: so a booking that is still on its way to the carrier meets
 * the void there. One that the carrier has refused to stop is left alone. Locks the shipments, then the order's row.
 *
 * @param only these. `forCut`: to cut a part of them, what remains is shipped anew. Absent: all, for good
 */
export async function beginStops(
  tx: Transaction,
  orderId: string,
  only?: { shipmentIds: readonly string[]; forCut: boolean },
): Promise<void> {
  if (only?.shipmentIds.length === 0) return;
  const shipments = (await lockShipmentsOfOrders(tx, [orderId])).filter(
    ({ shipmentId }) => !only || only.shipmentIds.includes(shipmentId),
  );
  if (!only) await stopForGood(tx, orderId);
  await stopLocked(tx, shipments, only?.forCut ?? false);
}

/** The same of shipments whose locks the caller has, also of several orders. Locks the orders' rows. */
export async function stopLocked(
  tx: Transaction,
  shipments: readonly ShipmentRow[],
  forCut: boolean,
): Promise<void> {
  const changes: ShipmentChange[] = [];
  const events: NewEvent[] = [];
  for (const shipment of shipments) {
    const status = stoppedAs(shipment);
    if (!status) continue;
    changes.push({ shipmentId: shipment.shipmentId, status, stopForCut: forCut });
    events.push(eventOf(shipment, `shipment_${status}`));
  }
  await changeShipments(tx, changes);
  await appendEvents(tx, events);
}

/** What a shipment becomes as it begins to be stopped; null: it has left, is being stopped, or its carrier has refused that. */
export function stoppedAs({ stopRefused, status }: ShipmentRow): 'voided' | 'voiding' | null {
  return stopRefused ? null : beginVoid(status);
}

/**
 * Begins to stop shipments that carry again what has left: what remained of a shipment that was stopped for a cut, and that the carrier
 * picked up all the same.
 */
export async function stopDoubled(tx: Transaction, orderId: string): Promise<void> {
  await beginStops(tx, orderId, { shipmentIds: await selectDoubled(tx, orderId), forCut: false });
}

export interface StopDeps {
  db: Database;
  carriers: readonly Carrier[];
  /** For what is not shown of a call that failed. */
  log?: Pick<Logger, 'warn'>;
}

/**
 * Asks the carriers once to stop the shipments of an order that are being stopped and due, or only these, and records what they say. Safe
 * to repeat, also while another call does the same. One that does not respond is asked again later, and delays no other.
 *
 * @throws what recording one of them failed with, once the others are recorded
 */
export async function askToStop(
  { db, carriers, log }: StopDeps,
  orderId: string,
  shipmentIds: readonly string[] | null = null,
): Promise<void> {
  const claimed = await claimStops(db, orderId, TIMES, shipmentIds);
  const recorded = await Promise.allSettled(
    claimed.map(async ({ tries, ...shipment }) => {
      const said = await askCarrier(carriers, shipment).catch((error: unknown) => {
        log?.warn({ err: error, shipmentId: shipment.shipmentId }, 'a carrier did not stop a shipment');
        return { why: shownReason(error) };
      });
      await db.retrying((tx) =>
        typeof said === 'string'
          ? recordStop(tx, shipment.shipmentId, said)
          : recordDelay(tx, shipment, { why: said.why, tries }),
      );
    }),
  );
  const failed = recorded.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}

async function askCarrier(
  carriers: readonly Carrier[],
  { carrier, shipmentId }: ShipmentRow,
): Promise<'voided' | 'refused'> {
  const said = await withTimeout(carrierNamed(carriers, carrier).void(shipmentId), CALL_MS);
  if (said === 'late') throw carrierUnavailable(`it has not responded after ${CALL_MS / 1_000} s`);
  return said;
}

/** Locks the shipment, then the order's row. */
async function recordStop(tx: Transaction, shipmentId: string, outcome: 'voided' | 'refused'): Promise<void> {
  const [shipment] = await lockShipments(tx, [shipmentId]);
  const status = shipment && afterVoid(shipment.status, outcome);
  if (!status) return;
  await changeShipments(tx, [{ shipmentId, status, stopRefused: outcome === 'refused' }]);
  await forgetDelays(tx, [shipmentId]);
  // Another stop of the same call may still hang.
  await enqueue(tx, [{ topic: 'order.wake', key: shipment.orderId }]);
  const type = status === 'voided' ? 'shipment_voided' : 'shipment_void_refused';
  await appendEvents(tx, [eventOf(shipment, type)]);
}

async function recordDelay(
  tx: Transaction,
  { shipmentId, orderId, warehouse }: ShipmentRow,
  { why, tries }: { why: string; tries: number },
): Promise<void> {
  const isOpen = (await updateStopError(tx, shipmentId, why)) > 0;
  if (!isOpen || tries < DELAYED_AFTER_TRIES) return;
  const attention: Attention = { orderId, ...attentionOn(shipmentId), why, details: { warehouse } };
  await raiseAttention(tx, [attention]);
}

/** Nobody is needed any more for shipments that were being stopped and have left, or were stopped, meanwhile. */
export function forgetDelays(tx: Transaction, shipmentIds: readonly string[]): Promise<void> {
  return resolveAttention(tx, shipmentIds.map(attentionOn));
}

function attentionOn(shipmentId: string) {
  return { kind: 'shipment_not_stopped' as const, about: shipmentId };
}

function eventOf({ orderId, shipmentId, warehouse }: ShipmentRow, type: string): NewEvent {
  return { orderId, type, data: { shipmentId, warehouse } };
}
