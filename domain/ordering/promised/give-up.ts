import type { Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { newId } from '../../../platform/ids';
import { createShipments } from '../../fulfilment/create';
import { lockShipmentsOf, type ShipmentRow } from '../../fulfilment/shipments-of-order';
import { stopLocked } from '../../fulfilment/stop';
import { writeOrderEffects } from '../../orders/effects';
import { settleStatus } from '../../orders/status';
import type { NewEvent, UnitMove } from '../../orders/types';
import type { AffectedPromise } from '../../stock/alerts/types';
import type { Allocation, LedgerEntry, StockKey, StockLevel } from '../../stock/ledger/types';
import { growLines } from '../../stock/reservations/more-units';
import {
  closeLines,
  lockReservationsAndOfOrders,
  openLines,
  setReservationStatus,
  type OpenLine,
} from '../../stock/reservations/reservations';
import { openUnits } from '../../stock/reservations/rules';
import { SETTLED_RESERVATION_STATUSES } from '../../stock/reservations/types';
import { stock } from '../backorders/stock-with-backorders';
import { writeCuts } from '../cuts/request';
import { planRefundsOfEach, unshippedAmong } from '../unshipped';
import { lockEverywhere, planElsewhere, unitsOf, without } from './elsewhere';
import { selectKeptPlaces, selectWaiting, type KeptPlace, type Promised } from './queries';
import { eventOf, ledgerReason, raiseCuts, reasonOf, tell, type Place } from './told';

/** What a reservation has open at a place, before it is decided how much of that is given up. */
export interface Open {
  open: number;
  levels: readonly StockLevel[];
  /** Where else nothing of it may come from, since a parcel of its is on its way to the carrier there. */
  busy: readonly number[];
}

/** What a reservation gives up. */
interface Given {
  reservationId: string;
  orderId: string | null;
  /** What it is of its effects. */
  effectId: string;
  /** Given up of the place. */
  units: number;
  /** From where else they come. */
  moves: readonly Allocation[];
  /** What no other place has. */
  cut: number;
  /** It has nothing else. */
  isAll: boolean;
  /** Null: they are in no parcel, and free at once. */
  parcel: (ShipmentRow & { kept: readonly KeptPlace[] }) | null;
}

export interface GivenUp {
  units: number;
  /** Of them, those that are cut only once their parcel is released. */
  stopping: number;
}

/**
 * Lets reservations give up units at a place, in the order given, unless they have moved on since they were found: a reservation is not
 * live any more, or its parcel has been booked or is being stopped. What another place has comes from there, the rest is cut. What is in
 * no parcel is moved or cut at once. A parcel that the carrier does not know is stopped at once, units that are elsewhere are shipped from
 * there, and the rest is cut as the parcel is released, out of this parcel and no other, which gives its price back; what remains is
 * shipped anew. Locks the reservations, the stock of the product everywhere, then what follows.
 *
 * @param promised each order once
 * @param wanted how many units of each, under these locks; what it returns is given up
 */
export async function giveUp(
  tx: Transaction,
  place: Place,
  promised: readonly Promised[],
  wanted: (open: Open) => number | Promise<number>,
): Promise<GivenUp> {
  const { given, shipments } = await decide(tx, place, promised, wanted);
  if (given.length > 0) await write(tx, place, given, shipments);
  return {
    units: given.reduce((sum, { units }) => sum + units, 0),
    stopping: given.filter(isInParcel).reduce((sum, { cut }) => sum + cut, 0),
  };
}

async function decide(
  tx: Transaction,
  place: Place,
  promised: readonly Promised[],
  wanted: (open: Open) => number | Promise<number>,
): Promise<{ given: Given[]; shipments: readonly ShipmentRow[] }> {
  const reservations = await lockReservationsAndOfOrders(tx, {
    ids: idsOf(promised.filter(({ orderId }) => orderId === null)),
    orderIds: ordersOf(promised),
  });
  const live = new Set(
    reservations
      .filter(({ status }) => SETTLED_RESERVATION_STATUSES.some((settled) => settled === status))
      .map(({ id }) => id),
  );
  const lines = await openLines(tx, idsOf(promised));
  let levels: readonly StockLevel[] = await lockEverywhere(tx, place);
  const inParcels = promised.filter(({ shipmentId }) => shipmentId !== null);
  const shipments = await lockShipmentsOf(tx, ordersOf(inParcels));
  const parcels = new Map(shipments.map((shipment) => [shipment.shipmentId, shipment]));
  const kept = await selectKeptPlaces(tx, idsOf(inParcels));
  const others = promised.filter(({ shipmentId }) => shipmentId === null);
  const waiting = await selectWaiting(tx, idsOf(others), place.warehouseId);

  const given: Given[] = [];
  for (const { reservationId, orderId, shipmentId } of promised) {
    const own = lines.filter((line) => line.reservationId === reservationId);
    const open = own.find((line) => isAt(line, place))?.openQuantity ?? 0;
    const parcel = shipmentId === null ? null : parcels.get(shipmentId);
    const isThere = parcel === null ? !waiting.has(reservationId) : parcel?.status === 'pending';
    if (open <= 0 || !live.has(reservationId) || !isThere || parcel === undefined) continue;
    const keptByIt = kept.filter((one) => one.reservationId === reservationId);
    const busy = busyPlaces(keptByIt, own);
    const units = await wanted({ open, levels, busy });
    if (units <= 0) continue;
    const moves = planElsewhere({ place, units, levels }, busy);
    levels = without(levels, moves);
    const cut = units - unitsOf(moves);
    given.push({
      reservationId,
      orderId,
      effectId: newId(),
      units,
      moves,
      cut,
      isAll: cut === openUnits(own),
      parcel: parcel && { ...parcel, kept: keptByIt },
    });
  }
  return { given, shipments };
}

async function write(
  tx: Transaction,
  place: Place,
  given: readonly Given[],
  shipments: readonly ShipmentRow[],
): Promise<void> {
  const unshipped = given.filter((one) => !isInParcel(one));
  const paid = await unshippedAmong(tx, idsOf(unshipped.filter(({ cut }) => cut > 0).filter(isOfOrder)));
  const taken = await post(tx, place, given);
  await setReservationStatus(tx, idsOf(unshipped.filter(({ isAll }) => isAll)), 'cancelled');
  const planned = await planRefundsOfEach(
    tx,
    unshipped.filter(isOfOrder).flatMap(({ reservationId, orderId, cut, effectId }) =>
      paid.has(reservationId)
        ? [
            {
              orderId,
              lines: [{ ...keyOf(place), reservationId, openQuantity: cut }],
              id: effectId,
              reason: reasonOf(place),
            },
          ]
        : [],
    ),
  );
  await cutOfParcels(tx, place, given);
  const ofOrders = given.filter(isOfOrder);
  await enqueue(
    tx,
    ofOrders.map(({ orderId }) => ({ topic: 'order.wake' as const, key: orderId })),
  );
  await tell(tx, place, given.flatMap(affectedBy));
  await raiseCuts(
    tx,
    place,
    ofOrders.flatMap(({ orderId, cut }) => (cut > 0 ? [{ orderId, units: cut }] : [])),
  );
  const moves = ofOrders.flatMap((one): UnitMove[] =>
    isInParcel(one) || one.cut === 0
      ? []
      : [
          {
            orderId: one.orderId,
            productId: place.productId,
            from: 'reserved',
            to: 'cancelled',
            quantity: one.cut,
          },
        ],
  );
  const events = [...ofOrders.flatMap((one) => outcomesOf(place, one)), ...planned];
  await writeOrderEffects(tx, [{ moves, events }, taken?.effects], ordersOf(given));
  await settleStatus(tx, ordersOf(unshipped), 'cancelled');
  await shipAnew(tx, given.filter(isInParcel), shipments);
}

/** Takes units off the reservations here, and adds those that are moved elsewhere. Of what is in a parcel only these: the rest is cut later. */
async function post(tx: Transaction, place: Place, given: readonly Given[]) {
  const key = keyOf(place);
  const released = given.flatMap((one) => {
    const units = isInParcel(one) ? unitsOf(one.moves) : one.units;
    return units > 0 ? [{ ...one, units }] : [];
  });
  await closeLines(
    tx,
    released.map(({ reservationId, units }) => ({ ...key, reservationId, openQuantity: units })),
  );
  await growLines(
    tx,
    released.flatMap(({ reservationId, moves }) => moves.map((move) => ({ ...move, reservationId }))),
  );
  return stock.post(
    tx,
    released.flatMap(({ reservationId, orderId, effectId, units, moves }) => {
      const shared = {
        onHandDelta: 0,
        effectId,
        reservationId,
        reason: ledgerReason(place),
        ...(orderId === null ? {} : { orderId }),
      };
      return [
        { ...shared, ...key, kind: 'release', reservedDelta: -units },
        ...moves.map(({ quantity, ...to }) => ({
          ...shared,
          ...to,
          kind: 'reserve' as const,
          reservedDelta: quantity,
        })),
      ] satisfies LedgerEntry[];
    }),
  );
}

async function cutOfParcels(tx: Transaction, place: Place, given: readonly Given[]): Promise<void> {
  await writeCuts(
    tx,
    given.filter(isInParcel).flatMap(({ parcel: { orderId, shipmentId }, cut }) =>
      cut === 0
        ? []
        : [
            {
              orderId,
              requestId: newId(),
              items: [{ sku: place.sku, quantity: cut }],
              reason: reasonOf(place),
              shipmentId,
            },
          ],
    ),
  );
}

/** Stops the parcels, and those of the places that units are moved to, which are made anew with them. */
async function shipAnew(
  tx: Transaction,
  given: readonly InParcel[],
  shipments: readonly ShipmentRow[],
): Promise<void> {
  const stopped = new Set([
    ...given.map(({ parcel }) => parcel.shipmentId),
    ...given.flatMap(mergedInto).map(({ shipmentId }) => shipmentId),
  ]);
  await stopLocked(
    tx,
    shipments.filter(({ shipmentId }) => stopped.has(shipmentId)),
    true,
  );
  await createShipments(
    tx,
    given.flatMap((one) => {
      const { reservationId, moves } = one;
      const { orderId, carrier, kept } = one.parcel;
      const anew = new Set(mergedInto(one).map(({ warehouseId }) => warehouseId));
      return moves
        .filter(({ warehouseId }) => !anew.has(warehouseId))
        .map(({ warehouseId }) => {
          const before = kept.find((place) => place.warehouseId === warehouseId)?.generation ?? 0;
          return { orderId, reservationId, carrier, again: { warehouseId, generation: before + 1 } };
        });
    }),
  );
}

/** Parcels of the same reservation, not booked yet, at the places that its units are moved to. */
function mergedInto({ moves, parcel }: InParcel): KeptPlace[] {
  return parcel.kept.filter(
    ({ status, warehouseId }) => status === 'pending' && moves.some((to) => to.warehouseId === warehouseId),
  );
}

function busyPlaces(kept: readonly KeptPlace[], lines: readonly OpenLine[]): number[] {
  return kept
    .filter(
      ({ status, warehouseId }) =>
        status !== null && status !== 'pending' && lines.some((line) => line.warehouseId === warehouseId),
    )
    .map(({ warehouseId }) => warehouseId);
}

function affectedBy({ reservationId, orderId, moves, cut }: Given): AffectedPromise[] {
  const who = orderId === null ? { reservationId } : { orderId };
  const moved = unitsOf(moves);
  return [
    ...(moved > 0 ? [{ ...who, outcome: 'moved' as const, units: moved }] : []),
    ...(cut > 0 ? [{ ...who, outcome: 'cut' as const, units: cut }] : []),
  ];
}

function outcomesOf(place: Place, { orderId, moves, cut }: Given & { orderId: string }): NewEvent[] {
  const moved = unitsOf(moves);
  return [
    ...(moved > 0 ? [eventOf(place, orderId, { outcome: 'moved', units: moved })] : []),
    ...(cut > 0 ? [eventOf(place, orderId, { outcome: 'cut', units: cut })] : []),
  ];
}

type InParcel = Given & { parcel: NonNullable<Given['parcel']> };

function isInParcel(one: Given): one is InParcel {
  return one.parcel !== null;
}

function isOfOrder(one: Given): one is Given & { orderId: string } {
  return one.orderId !== null;
}

function idsOf(some: readonly { reservationId: string }[]): string[] {
  return some.map(({ reservationId }) => reservationId);
}

function ordersOf(some: readonly { orderId: string | null }[]): string[] {
  return some.flatMap(({ orderId }) => orderId ?? []);
}

function keyOf({ productId, warehouseId }: StockKey): StockKey {
  return { productId, warehouseId };
}

function isAt(line: StockKey, place: StockKey): boolean {
  return line.productId === place.productId && line.warehouseId === place.warehouseId;
}
