import type { Database, Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { newId } from '../../../platform/ids';
import { readActive } from '../../catalog/warehouse-state';
import { listWarehouses } from '../../catalog/warehouses';
import { createShipments } from '../../fulfilment/create';
import { beginVoid } from '../../fulfilment/rules';
import { lockShipmentsOf } from '../../fulfilment/shipments-of-order';
import { beginStops } from '../../fulfilment/stop';
import { raiseAttention } from '../../orders/attention';
import { writeOrderEffects } from '../../orders/effects';
import { appendEvents } from '../../orders/events';
import { settleStatus } from '../../orders/status';
import type { NewEvent } from '../../orders/types';
import { raiseBrokenPromise } from '../../stock/alerts/alerts';
import type { AffectedPromise, BlockedOutcome } from '../../stock/alerts/types';
import { lockStock } from '../../stock/ledger/stock-ledger';
import type { Allocation, LedgerEntry, StockKey, StockLevel } from '../../stock/ledger/types';
import { growLines } from '../../stock/reservations/more-units';
import {
  closeLines,
  lockOrderReservations,
  lockReservations,
  openLines,
  setReservationStatus,
  type OpenLine,
} from '../../stock/reservations/reservations';
import { openUnits } from '../../stock/reservations/rules';
import { stock } from '../backorders/stock-with-backorders';
import { writeCuts } from '../cuts/request';
import { planRefundsOfUnshipped, unshippedOf } from '../unshipped';
import {
  existsWaiting,
  selectKeptPlaces,
  selectLacking,
  selectNames,
  selectPlaces,
  selectPlacesOfOrder,
  selectPromised,
  selectWithBlocked,
  type Promised,
  type PromisedPosition,
} from './queries';

/** Those to whom units of a place are promised that are read at once. */
const PAGE = 500;

/** How long a request settles with those to whom units are promised. The schedule `stock-upkeep` does the rest. */
export const SETTLE_SOON_MS = 5_000;

/** How far it was settled: a place, and there the one that was looked at last. */
export interface SettledUpTo extends StockKey {
  promised: PromisedPosition | null;
}

export interface SettleLimits {
  /** Called after each that was settled: where to go on, should this process die. */
  beat?: (settled: SettledUpTo) => void;
  /** It ends after so many milliseconds, though something is left. */
  withinMs?: number;
  /** Of those to whom units are promised, so many are read at once. */
  page?: number;
}

/**
 * Settles with those to whom blocked units of a place are promised, or units that a count did not find. Parcels into which such units were packed are stopped and made
 * anew. Then, as far as quality holds await units: they are taken from another warehouse where it has any available, else cut. What is
 * not paid for gives up first, then what is in no parcel, then parcels that are not booked; a booked parcel is stopped, and what becomes
 * of its units is decided once it is. The orders' histories, their attention and an alert of the place say so. Each is a transaction of
 * its own, so that it may end anywhere; safe to repeat and at any time.
 *
 * @returns false where its time was up and something is left: the schedule `stock-upkeep` goes on with it
 */
export function settlePromised(db: Database, key: StockKey, limits: SettleLimits = {}): Promise<boolean> {
  return settleAt(db, key, { ...limits, until: untilOf(limits), after: null });
}

/**
 * The same everywhere.
 *
 * @param from where an earlier run was: places before it are left out, and there those before the last one
 */
export async function settleAllPromised(
  db: Database,
  { from = null, ...limits }: SettleLimits & { from?: SettledUpTo | null } = {},
): Promise<boolean> {
  const until = untilOf(limits);
  for (const key of await selectPlaces(db)) {
    if (from && comparePlaces(key, from) < 0) continue;
    limits.beat?.({ ...key, promised: null });
    const after = from && comparePlaces(key, from) === 0 ? from.promised : null;
    if (!(await settleAt(db, key, { ...limits, until, after }))) return false;
  }
  return true;
}

interface Settling extends SettleLimits {
  /** By the monotonic clock. */
  until: number;
  after: PromisedPosition | null;
}

function untilOf({ withinMs }: SettleLimits): number {
  return withinMs === undefined ? Infinity : performance.now() + withinMs;
}

function comparePlaces(a: StockKey, b: StockKey): number {
  return a.productId - b.productId || a.warehouseId - b.warehouseId;
}

async function settleAt(db: Database, key: StockKey, settling: Settling): Promise<boolean> {
  const { until, beat, page = PAGE } = settling;
  const place: Place = { ...key, ...(await selectNames(db, key)) };
  for (const { shipmentId, orderId } of await selectWithBlocked(db, key)) {
    if (performance.now() >= until) return false;
    await db.retrying((tx) => stopParcel(tx, place, { shipmentId, orderId }));
    beat?.({ ...key, promised: settling.after });
  }
  if ((await selectLacking(db, key)) <= 0) return true;
  let { after } = settling;
  for (;;) {
    const found = await selectPromised(db, key, { after, limit: page });
    for (const promised of found) {
      if (performance.now() >= until) return false;
      const lacking = await db.retrying((tx) => giveUp(tx, place, promised));
      after = promised.position;
      beat?.({ ...key, promised: after });
      if (lacking <= 0) return true;
    }
    if (found.length < page) return true;
  }
}

/** The same where shipments of an order were stopped. Returns whether there was anything to settle. */
export async function settlePromisedOfOrder(db: Database, orderId: string): Promise<boolean> {
  const places = await selectPlacesOfOrder(db, orderId);
  for (const key of places) await settlePromised(db, key);
  return places.length > 0;
}

interface Place extends StockKey {
  sku: string;
  warehouse: string;
  /** Why units are blocked, or missing. */
  why: string;
  /** A count did not find them. */
  isMissing: boolean;
}

/** Stops a parcel; what it is to have is shipped anew, with other units. One that has left meanwhile, or is being stopped, is left alone. */
async function stopParcel(
  tx: Transaction,
  place: Place,
  { shipmentId, orderId }: { shipmentId: string; orderId: string },
): Promise<void> {
  const shipment = (await lockShipmentsOf(tx, orderId)).find((one) => one.shipmentId === shipmentId);
  if (!shipment || shipment.stopRefused || !beginVoid(shipment.status)) return;
  await tell(tx, place, { orderId, outcome: 'parcel_stopped', shipmentId });
  await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
  await beginStops(tx, orderId, { shipmentIds: [shipmentId], forCut: true });
  await appendEvents(tx, [eventOf(place, orderId, { outcome: 'parcel_stopped', shipmentId })]);
}

/** @returns units that the place still lacks */
async function giveUp(tx: Transaction, place: Place, promised: Promised): Promise<number> {
  const { reservationId, orderId, shipmentId, shipmentStatus } = promised;
  if (orderId !== null && shipmentId !== null && shipmentStatus !== 'pending') {
    await stopParcel(tx, place, { shipmentId, orderId });
    return selectLacking(tx, place);
  }
  const reservations =
    orderId === null ? await lockReservations(tx, [reservationId]) : await lockOrderReservations(tx, orderId);
  const reservation = reservations.find(({ id }) => id === reservationId);
  const lines = await openLines(tx, [reservationId]);
  const levels = await lockEverywhere(tx, place);
  const lacking = await selectLacking(tx, place);
  const open = lines.find((line) => isAt(line, place))?.openQuantity ?? 0;
  const units = Math.min(lacking, open);
  // It has moved on since it was found: what comes next is tried.
  if (units <= 0 || (reservation?.status !== 'pending' && reservation?.status !== 'confirmed'))
    return lacking;
  const given: Given = { place, reservationId, orderId, units, lines, levels };
  if (orderId !== null && shipmentId !== null) {
    const [shipment] = (await lockShipmentsOf(tx, orderId)).filter((one) => one.shipmentId === shipmentId);
    if (shipment?.status === 'pending') await giveUpOfParcel(tx, { ...given, orderId, shipment });
  } else if (!(await existsWaiting(tx, reservationId, place.warehouseId))) {
    await giveUpUnshipped(tx, given);
  }
  return selectLacking(tx, place);
}

interface Given {
  place: Place;
  reservationId: string;
  orderId: string | null;
  /** To be given up. */
  units: number;
  /** All of the reservation. */
  lines: readonly OpenLine[];
  levels: readonly StockLevel[];
}

/** What is in no parcel is moved or cut at once. */
async function giveUpUnshipped(tx: Transaction, given: Given): Promise<void> {
  const { place, reservationId, orderId, units, lines } = given;
  const moves = takeElsewhere(given, []);
  const moved = unitsOf(moves);
  const cut = units - moved;
  const effectId = newId();
  const line = { productId: place.productId, warehouseId: place.warehouseId, reservationId };
  const isPaid = orderId !== null && cut > 0 && (await unshippedOf(tx, orderId)).has(reservationId);
  const taken = await post(tx, given, { moves, given: units, effectId });
  if (cut === openUnits(lines)) await setReservationStatus(tx, [reservationId], 'cancelled');
  if (orderId === null) {
    await taken?.write();
    if (moved > 0) await tell(tx, place, { reservationId, outcome: 'moved', units: moved });
    if (cut > 0) await tell(tx, place, { reservationId, outcome: 'cut', units: cut });
    return;
  }
  const planned = isPaid
    ? await planRefundsOfUnshipped(tx, orderId, {
        lines: [{ ...line, openQuantity: cut }],
        id: effectId,
        reason: reasonOf(place),
      })
    : [];
  await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
  if (moved > 0) await tell(tx, place, { orderId, outcome: 'moved', units: moved });
  if (cut > 0) await tellOfCut(tx, place, orderId, cut);
  const cuts =
    cut > 0
      ? [
          {
            orderId,
            productId: place.productId,
            from: 'reserved' as const,
            to: 'cancelled' as const,
            quantity: cut,
          },
        ]
      : [];
  const events = [...outcomesOf(place, orderId, { moved, cut }), ...planned];
  await writeOrderEffects(tx, [{ moves: cuts, events }, taken?.effects], [orderId]);
  await settleStatus(tx, [orderId], 'cancelled');
}

/**
 * What is in a parcel that the carrier does not know: the parcel is stopped at once, units that are elsewhere are shipped from there, and
 * the rest is cut as the parcel is released, which gives its price back. What remains is shipped anew.
 */
async function giveUpOfParcel(
  tx: Transaction,
  given: Given & { orderId: string; shipment: { shipmentId: string; carrier: string } },
): Promise<void> {
  const { place, reservationId, orderId, units, shipment } = given;
  const kept = await selectKeptPlaces(tx, reservationId);
  const isBusy = (status: string | null, warehouseId: number) =>
    status !== null && status !== 'pending' && given.lines.some((line) => line.warehouseId === warehouseId);
  const moves = takeElsewhere(
    given,
    kept
      .filter(({ status, warehouseId }) => isBusy(status, warehouseId))
      .map(({ warehouseId }) => warehouseId),
  );
  const moved = unitsOf(moves);
  const cut = units - moved;
  const taken = await post(tx, given, { moves, given: moved, effectId: newId() });
  const merged = kept.filter(
    ({ status, warehouseId }) => status === 'pending' && moves.some((to) => to.warehouseId === warehouseId),
  );
  if (cut > 0) {
    const items = [{ sku: place.sku, quantity: cut }];
    await writeCuts(tx, { orderId, requestId: newId(), items, reason: reasonOf(place) });
  }
  await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
  if (moved > 0) await tell(tx, place, { orderId, outcome: 'moved', units: moved });
  if (cut > 0) await tellOfCut(tx, place, orderId, cut);
  // In one go: the single calls below lock subsets of these rows.
  await writeOrderEffects(
    tx,
    [{ moves: [], events: outcomesOf(place, orderId, { moved, cut }) }, taken?.effects],
    [orderId],
  );
  const stopped = [shipment.shipmentId, ...merged.flatMap(({ shipmentId }) => shipmentId ?? [])];
  await beginStops(tx, orderId, { shipmentIds: stopped, forCut: true });
  const added = moves.filter(({ warehouseId }) => !merged.some((one) => one.warehouseId === warehouseId));
  await createShipments(
    tx,
    added.map(({ warehouseId }) => {
      const before = kept.find((one) => one.warehouseId === warehouseId)?.generation ?? 0;
      return {
        orderId,
        reservationId,
        carrier: shipment.carrier,
        again: { warehouseId, generation: before + 1 },
      };
    }),
  );
}

/** Takes units off the reservation here, and adds those that are moved elsewhere. */
async function post(
  tx: Transaction,
  { place: { productId, warehouseId, isMissing }, reservationId, orderId }: Given,
  { moves, given, effectId }: { moves: readonly Allocation[]; given: number; effectId: string },
) {
  if (given === 0) return null;
  const shared = {
    onHandDelta: 0,
    effectId,
    reservationId,
    reason: isMissing ? 'units were not found' : 'units were blocked',
    ...(orderId === null ? {} : { orderId }),
  };
  const entries: LedgerEntry[] = [
    { ...shared, kind: 'release', productId, warehouseId, reservedDelta: -given },
    ...moves.map((move): LedgerEntry => ({
      ...shared,
      kind: 'reserve',
      productId,
      warehouseId: move.warehouseId,
      reservedDelta: move.quantity,
    })),
  ];
  await closeLines(tx, [{ productId, warehouseId, reservationId, openQuantity: given }]);
  await growLines(tx, reservationId, moves);
  return stock.post(tx, entries);
}

async function lockEverywhere(tx: Transaction, { productId, warehouseId }: Place): Promise<StockLevel[]> {
  const places = (await listWarehouses(tx)).filter(({ active, id }) => active || id === warehouseId);
  const levels = await lockStock(
    tx,
    places.map(({ id }) => ({ productId, warehouseId: id })),
  );
  // One may have closed since they were listed: whoever closes it waits only for those who have locked its stock.
  const open = await readActive(tx);
  return levels.filter((level) => open.has(level.warehouseId) || level.warehouseId === warehouseId);
}

/** The fewest places: those with the most available first. */
function takeElsewhere({ place, units, levels }: Given, without: readonly number[]): Allocation[] {
  const found: Allocation[] = [];
  let open = units;
  const others = levels
    .filter((level) => level.warehouseId !== place.warehouseId && !without.includes(level.warehouseId))
    .sort((a, b) => b.available - a.available || a.warehouseId - b.warehouseId);
  for (const { productId, warehouseId, available } of others) {
    const quantity = Math.min(open, available);
    if (quantity <= 0) break;
    found.push({ productId, warehouseId, quantity });
    open -= quantity;
  }
  return found;
}

function unitsOf(allocations: readonly Allocation[]): number {
  return allocations.reduce((sum, { quantity }) => sum + quantity, 0);
}

function isAt(line: StockKey, place: StockKey): boolean {
  return line.productId === place.productId && line.warehouseId === place.warehouseId;
}

function outcomesOf(
  place: Place,
  orderId: string,
  { moved, cut }: { moved: number; cut: number },
): NewEvent[] {
  return [
    ...(moved > 0 ? [eventOf(place, orderId, { outcome: 'moved', units: moved })] : []),
    ...(cut > 0 ? [eventOf(place, orderId, { outcome: 'cut', units: cut })] : []),
  ];
}

function reasonOf({ isMissing, why }: Place): string {
  return isMissing ? why : `units were blocked: ${why}`;
}

function eventOf(
  { sku, warehouse, why, isMissing }: Place,
  orderId: string,
  data: { outcome: BlockedOutcome; units?: number; shipmentId?: string },
): NewEvent {
  return {
    orderId,
    type: isMissing ? 'units_missing' : 'units_blocked',
    data: { sku, warehouse, why, ...data },
  };
}

/** The alert of the place counts everybody whose units were blocked, or missing, and its list names them. */
async function tell(
  tx: Transaction,
  { productId, warehouseId, why, isMissing }: Place,
  affected: AffectedPromise,
): Promise<void> {
  const kind = isMissing ? 'count_short' : 'recall';
  await raiseBrokenPromise(tx, { kind, productId, warehouseId, why, affected });
}

async function tellOfCut(tx: Transaction, place: Place, orderId: string, units: number): Promise<void> {
  const { sku, warehouse, productId, why, isMissing } = place;
  const what = isMissing ? 'were not found' : 'were blocked';
  await tell(tx, place, { orderId, outcome: 'cut', units });
  await raiseAttention(tx, [
    {
      orderId,
      kind: isMissing ? 'units_missing' : 'units_blocked',
      about: `${orderId}:${productId}`,
      why: `${units} units of ${sku} at ${warehouse} ${what} (${why}) and are cut from order ${orderId}, since there are no others.`,
      details: { sku, warehouse, units },
    },
  ]);
}
