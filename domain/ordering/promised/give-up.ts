import type { Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { newId } from '../../../platform/ids';
import { readActive } from '../../catalog/warehouse-state';
import { listWarehouses } from '../../catalog/warehouses';
import { createShipments } from '../../fulfilment/create';
import { lockShipmentsOf } from '../../fulfilment/shipments-of-order';
import { beginStops } from '../../fulfilment/stop';
import { raiseAttention } from '../../orders/attention';
import { writeOrderEffects } from '../../orders/effects';
import { settleStatus } from '../../orders/status';
import type { NewEvent } from '../../orders/types';
import { raiseBrokenPromise } from '../../stock/alerts/alerts';
import type { AffectedPromise, PromiseOutcome } from '../../stock/alerts/types';
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
import { SETTLED_RESERVATION_STATUSES } from '../../stock/reservations/types';
import { stock } from '../backorders/stock-with-backorders';
import { writeCuts } from '../cuts/request';
import { planRefundsOfUnshipped, unshippedOf } from '../unshipped';
import { existsWaiting, selectKeptPlaces, type KeptPlace, type Promised } from './queries';

export type GiveUpCause = 'blocked' | 'missing' | 'closed';

/** How each cause is told of. `what` happened to the units; `attention`: where they are cut; `alert`: null where nothing is wrong. */
const WORDS = {
  blocked: { what: 'were blocked', event: 'units_blocked', attention: 'units_blocked', alert: 'recall' },
  missing: {
    what: 'were not found',
    event: 'units_missing',
    attention: 'units_missing',
    alert: 'count_short',
  },
  closed: {
    what: 'were in a closed warehouse',
    event: 'units_re_sourced',
    attention: 'units_blocked',
    alert: null,
  },
} as const satisfies Record<GiveUpCause, unknown>;

/** A place whose promised units are given up. */
export interface Place extends StockKey {
  sku: string;
  warehouse: string;
  /** Why its units are given up. */
  why: string;
  /**
   * `blocked`: they may not leave; `missing`: a count did not find them; `closed`: they come from another place as far as one has any.
   */
  cause: GiveUpCause;
}

export interface Given {
  place: Place;
  reservationId: string;
  orderId: string | null;
  /** To be given up. */
  units: number;
  /** All of the reservation. */
  lines: readonly OpenLine[];
  levels: readonly StockLevel[];
}

/** What a reservation has open at a place, before it is decided how much of that is given up. */
export type Open = Omit<Given, 'units'> & {
  open: number;
  /** Where else nothing of it may come from, since a parcel of its is on its way to the carrier there. */
  busy: readonly number[];
};

/**
 * Gives up units of a reservation at a place, unless it has moved on since it was found: it is not live any more, or its parcel has been
 * booked or is being stopped. Locks the reservation, the stock of the product everywhere, then what follows.
 *
 * @param wanted how many units, under these locks
 * @returns units that were given up
 */
export async function giveUpSome(
  tx: Transaction,
  place: Place,
  { reservationId, orderId, shipmentId }: Promised,
  wanted: (open: Open) => number | Promise<number>,
): Promise<number> {
  const reservations =
    orderId === null ? await lockReservations(tx, [reservationId]) : await lockOrderReservations(tx, orderId);
  const reservation = reservations.find(({ id }) => id === reservationId);
  const lines = await openLines(tx, [reservationId]);
  const levels = await lockEverywhere(tx, place);
  const open = lines.find((line) => isAt(line, place))?.openQuantity ?? 0;
  if (open <= 0 || !SETTLED_RESERVATION_STATUSES.some((status) => status === reservation?.status)) return 0;
  const isInParcel = orderId !== null && shipmentId !== null;
  const kept = isInParcel ? await selectKeptPlaces(tx, reservationId) : [];
  const known = { place, reservationId, orderId, lines, levels };
  const units = await wanted({ ...known, open, busy: busyPlaces(kept, lines) });
  if (units <= 0) return 0;
  const given: Given = { ...known, units };
  if (isInParcel) {
    const [shipment] = (await lockShipmentsOf(tx, orderId)).filter((one) => one.shipmentId === shipmentId);
    if (shipment?.status !== 'pending') return 0;
    await giveUpOfParcel(tx, { ...given, orderId, shipment });
    return units;
  }
  if (await existsWaiting(tx, reservationId, place.warehouseId)) return 0;
  await giveUpUnshipped(tx, given);
  return units;
}

function busyPlaces(kept: readonly KeptPlace[], lines: readonly OpenLine[]): number[] {
  return kept
    .filter(
      ({ status, warehouseId }) =>
        status !== null && status !== 'pending' && lines.some((line) => line.warehouseId === warehouseId),
    )
    .map(({ warehouseId }) => warehouseId);
}

/** What is in no parcel is moved or cut at once. */
async function giveUpUnshipped(tx: Transaction, given: Given): Promise<void> {
  const { place, reservationId, orderId, units, lines } = given;
  const moves = planElsewhere(given, []);
  const moved = unitsOf(moves);
  const cut = units - moved;
  const effectId = newId();
  const line = { productId: place.productId, warehouseId: place.warehouseId, reservationId };
  const isPaid = orderId !== null && cut > 0 && (await unshippedOf(tx, orderId)).has(reservationId);
  const taken = await post(tx, given, { moves, units, effectId });
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
 * the rest is cut as the parcel is released, out of this parcel and no other, which gives its price back. What remains is shipped anew.
 */
async function giveUpOfParcel(
  tx: Transaction,
  given: Given & { orderId: string; shipment: { shipmentId: string; carrier: string } },
): Promise<void> {
  const { place, reservationId, orderId, units, shipment } = given;
  // Again, under the shipments' locks.
  const kept = await selectKeptPlaces(tx, reservationId);
  const moves = planElsewhere(given, busyPlaces(kept, given.lines));
  const moved = unitsOf(moves);
  const cut = units - moved;
  const taken = await post(tx, given, { moves, units: moved, effectId: newId() });
  const merged = kept.filter(
    ({ status, warehouseId }) => status === 'pending' && moves.some((to) => to.warehouseId === warehouseId),
  );
  if (cut > 0) {
    const items = [{ sku: place.sku, quantity: cut }];
    const { shipmentId } = shipment;
    await writeCuts(tx, { orderId, requestId: newId(), items, reason: reasonOf(place), shipmentId });
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
  { place, reservationId, orderId }: Given,
  { moves, units, effectId }: { moves: readonly Allocation[]; units: number; effectId: string },
) {
  if (units === 0) return null;
  const { productId, warehouseId } = place;
  const shared = {
    onHandDelta: 0,
    effectId,
    reservationId,
    reason: `units ${WORDS[place.cause].what}`,
    ...(orderId === null ? {} : { orderId }),
  };
  const entries: LedgerEntry[] = [
    { ...shared, kind: 'release', productId, warehouseId, reservedDelta: -units },
    ...moves.map((move): LedgerEntry => ({
      ...shared,
      kind: 'reserve',
      productId,
      warehouseId: move.warehouseId,
      reservedDelta: move.quantity,
    })),
  ];
  await closeLines(tx, [{ productId, warehouseId, reservationId, openQuantity: units }]);
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
export function planElsewhere(
  { place, units, levels }: Pick<Given, 'place' | 'units' | 'levels'>,
  without: readonly number[],
): Allocation[] {
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

export function unitsOf(allocations: readonly Allocation[]): number {
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

function reasonOf({ cause, why }: Place): string {
  return cause === 'missing' ? why : `units ${WORDS[cause].what}: ${why}`;
}

export function eventOf(
  { sku, warehouse, why, cause }: Place,
  orderId: string,
  data: { outcome: PromiseOutcome; units?: number; shipmentId?: string },
): NewEvent {
  return {
    orderId,
    type: WORDS[cause].event,
    data: { sku, warehouse, why, ...data },
  };
}

/** The alert of the place counts everybody whose units were blocked, or missing, and its list names them. */
export async function tell(
  tx: Transaction,
  { productId, warehouseId, why, cause }: Place,
  affected: AffectedPromise,
): Promise<void> {
  const kind = WORDS[cause].alert;
  if (kind !== null) await raiseBrokenPromise(tx, { kind, productId, warehouseId, why, affected });
}

async function tellOfCut(tx: Transaction, place: Place, orderId: string, units: number): Promise<void> {
  const { sku, warehouse, productId, why, cause } = place;
  await tell(tx, place, { orderId, outcome: 'cut', units });
  await raiseAttention(tx, [
    {
      orderId,
      kind: WORDS[cause].attention,
      about: `${orderId}:${productId}`,
      why: `${units} units of ${sku} at ${warehouse} ${WORDS[cause].what} (${why}) and are cut from order ${orderId}, since there are no others.`,
      details: { sku, warehouse, units },
    },
  ]);
}
