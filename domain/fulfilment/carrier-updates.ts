import { validate } from 'uuid';
import type { Database, Transaction } from '../../platform/database/database';
import { failuresByDue, forgetFailures, forgetSettled, runIsolated } from '../stock/alerts/failed-work';
import { enqueue } from '../../platform/database/outbox';
import {
  closeLines,
  lockReservations,
  openLines,
  setReservationStatus,
  type OpenLine,
} from '../stock/reservations/reservations';
import { lockStock, type StockLedger } from '../stock/ledger/stock-ledger';
import { writeOrderEffects, type OrderEffects } from '../orders/effects';
import type { NewEvent, UnitMove } from '../orders/types';
import { advanceStatus, settleStatus } from '../orders/status';
import {
  insertCarrierEvents,
  lockShipments,
  selectSettledUpdateFailures,
  selectShipments,
  type FilledShipment,
  type ShipmentRow,
} from './queries';
import { changeShipments, type ShipmentChange } from './change';
import { afterCarrierEvent, hasLeft, mayStillLeave } from './rules';
import { forgetDelays } from './stop';
import { contentOf, raiseBlockedLeft, recordLeftAfterStop } from './left-parcels';
import type { CarrierEvent } from './types';

/** `failed`: it could not be applied by an error of its own. The carrier sends it again. */
export type UpdateResult = 'applied' | 'duplicate' | 'stale' | 'unknown_shipment' | 'failed';

export interface UpdateOutcome {
  eventId: string;
  result: UpdateResult;
}

/**
 * Applies a carrier's updates, at most 500, and returns what became of each, in their order: in one transaction or, where one
 * fails by an error of its own, in halves. That one stops no other: it is `failed`, an alert tells of its shipment, and for a while the updates of
 * that shipment fail without being tried. One whose rows somebody else keeps locked is `failed` as well, without an alert. Nothing of it is
 * kept here, so the carrier must send it again.
 *
 * An update is taken once, by carrier and event id; statuses only go forward, so repeats, delays and any order are
 * harmless. `picked_up`, also when a `delivered` implies it, takes the goods off the stock and out of the reservation
 * and wakes the saga; the order ends when nothing is left to leave. `failed` before pick-up wakes the saga to undo that
 * shipment; after pick-up it only goes into the history.
 *
 * A shipment that was voided or has failed and is picked up all the same stays as it is, since its money goes back. Its goods
 * are counted as gone, once, and an alert names its order. So does one for units that were recalled, on quality hold or expired: they
 * have left all the same.
 */
export async function applyCarrierEvents(
  { db, stock }: { db: Database; stock: StockLedger<OrderEffects> },
  carrier: string,
  events: readonly CarrierEvent[],
): Promise<UpdateOutcome[]> {
  const results: UpdateResult[] = events.map(() => 'failed');
  const { due, putOff } = await failuresByDue(db, WORK);
  const failedBefore = new Set(due);
  const placed = events.map((event, place) => ({ event, place, subject: subjectOf(event) }));
  const tried = placed.filter(({ subject }) => !putOff.has(subject));
  await runIsolated(tried, {
    db,
    work: WORK,
    idOf: ({ subject }) => subject,
    leavesLocked: true,
    async run(some, limits) {
      const retried = new Set(some.map(({ subject }) => subject).filter((id) => failedBefore.has(id)));
      const found = await db.retrying(async (tx) => {
        const outcomes = await applyAll(
          tx,
          stock,
          carrier,
          some.map(({ event }) => event),
        );
        await forgetFailures(tx, WORK, [...retried]);
        return outcomes;
      }, limits);
      for (const [index, { place }] of some.entries()) results[place] = found[index] ?? 'failed';
    },
  });
  return events.map(({ eventId }, place) => ({ eventId, result: results[place] ?? 'failed' }));
}

const WORK = 'apply_carrier_update';

/** Updates of one shipment change the same rows: they fail, and are put off, together. */
function subjectOf({ shipmentId }: CarrierEvent): string {
  return shipmentId.toLowerCase();
}

/** Resolves the alerts of shipments whose updates failed and that no update changes any more. */
export function forgetSettledUpdates(db: Database): Promise<void> {
  return forgetSettled(db, WORK, selectSettledUpdateFailures);
}

async function applyAll(
  tx: Transaction,
  stock: StockLedger<OrderEffects>,
  carrier: string,
  events: readonly CarrierEvent[],
): Promise<UpdateResult[]> {
  const asked = [...new Set(events.map(subjectOf).filter((id) => validate(id)))];
  const known = new Map((await selectShipments(tx, carrier, asked)).map((row) => [row.shipmentId, row]));
  const fresh = await takeFresh(
    tx,
    carrier,
    events.filter((event) => known.has(subjectOf(event))),
  );
  const touched = [...new Set(fresh.map(subjectOf))];
  const reserved = await lockGoods(
    tx,
    touched.flatMap((id) => known.get(id) ?? []),
  );
  const shipments = new Map((await lockShipments(tx, touched)).map((row) => [row.shipmentId, row]));
  const filled = new Map(
    [...shipments].flatMap(([id, row]) => {
      const items = known.get(id)?.items;
      return items ? [[id, { ...row, items }] as const] : [];
    }),
  );
  const outcome = foldEvents(carrier, fresh, filled);
  await writeOutcome(tx, stock, carrier, { outcome, reserved });

  const results = new Map<string, UpdateResult>(
    fresh.map(({ eventId }) => [eventId, outcome.applied.has(eventId) ? 'applied' : 'stale']),
  );
  return events.map((event) => {
    if (!known.has(subjectOf(event))) return 'unknown_shipment';
    const result = results.get(event.eventId) ?? 'duplicate';
    results.delete(event.eventId);
    return result;
  });
}

/** The events that were not taken before, each once, in the order given. */
async function takeFresh(
  tx: Transaction,
  carrier: string,
  events: readonly CarrierEvent[],
): Promise<CarrierEvent[]> {
  const first = new Map<string, CarrierEvent>();
  for (const event of events) if (!first.has(event.eventId)) first.set(event.eventId, event);
  if (first.size === 0) return [];
  const sorted = [...first.values()].sort((a, b) => (a.eventId < b.eventId ? -1 : 1));
  const added = new Set(await insertCarrierEvents(tx, carrier, sorted));
  return [...first.values()].filter((event) => added.has(event.eventId));
}

interface ReservedGoods {
  /** Confirmed reservations: the only ones that may become `shipped`. */
  confirmed: ReadonlySet<string>;
  /** All open lines of the reservations, not only those of the shipments in question. */
  lines: readonly OpenLine[];
}

/**
 * Locks the reservations of shipments that may still leave, and the stock of all that have not left yet: one that is stopped may
 * have left all the same, and one that may still leave may be stopped by the time it is locked. A status read without a lock
 * is enough to leave out the others: once gone, they stay so.
 */
async function lockGoods(tx: Transaction, shipments: readonly FilledShipment[]): Promise<ReservedGoods> {
  const leaving = shipments.filter((shipment) => mayStillLeave(shipment.status));
  const reservationIds = [...new Set(leaving.map((shipment) => shipment.reservationId))];
  const reservations = await lockReservations(tx, reservationIds);
  const lines = await openLines(tx, reservationIds);
  const there = shipments.filter(({ status, leftAfterStop }) => !hasLeft(status) && !leftAfterStop);
  await lockStock(
    tx,
    there.flatMap(({ warehouseId, items }) => items.map(({ productId }) => ({ productId, warehouseId }))),
  );
  return {
    confirmed: new Set(reservations.filter((r) => r.status === 'confirmed').map((r) => r.id)),
    lines,
  };
}

function parcelKey(of: { reservationId: string; warehouseId: number }): string {
  return `${of.reservationId}:${of.warehouseId}`;
}

interface Outcome {
  /** Ids of events. */
  applied: ReadonlySet<string>;
  changed: ReadonlyMap<string, Omit<ShipmentChange, 'shipmentId'>>;
  /** Shipments as they were before they left. */
  left: readonly ShipmentRow[];
  failed: readonly ShipmentRow[];
  /** Stopped shipments that have left all the same. */
  leftAfterStop: readonly FilledShipment[];
  history: readonly NewEvent[];
}

function foldEvents(
  carrier: string,
  events: readonly CarrierEvent[],
  shipments: ReadonlyMap<string, FilledShipment>,
): Outcome {
  const applied = new Set<string>();
  const changed = new Map<string, Omit<ShipmentChange, 'shipmentId'>>();
  const left: ShipmentRow[] = [];
  const failed: ShipmentRow[] = [];
  const leftAfterStop: FilledShipment[] = [];
  const history: NewEvent[] = [];
  for (const event of events) {
    const shipment = shipments.get(subjectOf(event));
    if (!shipment) continue;
    const { shipmentId, orderId, warehouse } = shipment;
    const standing = { ...shipment, ...changed.get(shipmentId) };
    // A dispatcher that died between the booking and its record left none, and what has left is not booked again.
    const trackingNumber = shipment.trackingNumber ?? standing.trackingNumber ?? event.trackingNumber;
    const effect = afterCarrierEvent(standing, event.type);
    if (effect.effect === 'stale') continue;
    applied.add(event.eventId);
    const data = {
      shipmentId,
      warehouse,
      carrier,
      trackingNumber,
      detail: event.detail,
      occurredAt: event.occurredAt,
    };
    if (effect.effect === 'lost') {
      history.push({ orderId, type: 'shipment_lost', data });
      continue;
    }
    if (effect.effect === 'left_after_stop') {
      const { status } = standing;
      for (const news of effect.news) {
        const isPickUp = news === 'left';
        changed.set(shipmentId, {
          ...changed.get(shipmentId),
          status,
          trackingNumber,
          ...(isPickUp ? { leftAfterStop: true } : { deliveredAfterStop: true }),
        });
        if (isPickUp) leftAfterStop.push({ ...shipment, status, trackingNumber: trackingNumber ?? null });
        history.push(
          isPickUp
            ? { orderId, type: 'shipment_left_after_stop', data: { ...data, status, ...contentOf(shipment) } }
            : { orderId, type: 'shipment_delivered', data },
        );
      }
      continue;
    }
    for (const status of effect.through) {
      changed.set(shipmentId, {
        status,
        trackingNumber,
        error: status === 'failed' ? (event.detail ?? 'the carrier failed') : undefined,
      });
      history.push({ orderId, type: `shipment_${status}`, data });
      if (status === 'picked_up') left.push(shipment);
      if (status === 'failed') failed.push(shipment);
    }
  }
  return { applied, changed, left, failed, leftAfterStop, history };
}

async function writeOutcome(
  tx: Transaction,
  stock: StockLedger<OrderEffects>,
  carrier: string,
  { outcome, reserved }: { outcome: Outcome; reserved: ReservedGoods },
): Promise<void> {
  const { left, failed } = outcome;
  await recordLeftAfterStop(tx, carrier, outcome.leftAfterStop);
  const parcels = new Map(left.map((shipment) => [parcelKey(shipment), shipment]));
  const shipped = reserved.lines.flatMap((line) => {
    const shipment = parcels.get(parcelKey(line));
    return shipment ? [{ line, shipment }] : [];
  });
  const taken = await stock.post(
    tx,
    shipped.map(({ line, shipment }) => ({
      kind: 'ship',
      productId: line.productId,
      warehouseId: line.warehouseId,
      onHandDelta: -line.openQuantity,
      reservedDelta: -line.openQuantity,
      effectId: shipment.shipmentId,
      reservationId: shipment.reservationId,
      orderId: shipment.orderId,
      actor: `carrier:${carrier}`,
    })),
  );
  await raiseBlockedLeft(tx, [...left, ...outcome.leftAfterStop]);
  await closeLines(
    tx,
    shipped.map(({ line }) => line),
  );
  await setReservationStatus(tx, emptied(reserved, left, parcels), 'shipped');
  await changeShipments(
    tx,
    [...outcome.changed].map(([shipmentId, change]) => ({ shipmentId, ...change })),
  );
  await forgetDelays(
    tx,
    [...left, ...failed].filter(({ status }) => status === 'voiding').map(({ shipmentId }) => shipmentId),
  );
  await enqueue(
    tx,
    orderIdsOf([...left, ...failed, ...outcome.leftAfterStop]).map((orderId) => ({
      topic: 'order.wake',
      key: orderId,
    })),
  );
  const moves = shipped.map(({ line, shipment }): UnitMove => {
    const { orderId } = shipment;
    const { productId, openQuantity: quantity } = line;
    return { orderId, productId, from: 'reserved', to: 'fulfilled', quantity };
  });
  // Locks the rows of all these orders, in order; what follows touches only orders among them.
  await writeOrderEffects(tx, [{ moves, events: outcome.history }, taken?.effects]);
  await advanceStatus(tx, orderIdsOf(left.filter((shipment) => shipment.status !== 'booked')), 'fulfilling');
  await settleStatus(tx, orderIdsOf(left), 'fulfilled');
}

/** The reservations that have no open line any more. */
function emptied(
  reserved: ReservedGoods,
  left: readonly ShipmentRow[],
  parcels: ReadonlyMap<string, ShipmentRow>,
): string[] {
  const stillReserved = new Set(
    reserved.lines.filter((line) => !parcels.has(parcelKey(line))).map((line) => line.reservationId),
  );
  const candidates = new Set(left.map((shipment) => shipment.reservationId));
  return [...candidates].filter((id) => reserved.confirmed.has(id) && !stillReserved.has(id));
}

function orderIdsOf(shipments: readonly ShipmentRow[]): string[] {
  return [...new Set(shipments.map((shipment) => shipment.orderId))];
}
