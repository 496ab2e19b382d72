import type { Queryable, Transaction } from '../../platform/database/database';
import { AppError, translateDatabaseError } from '../../platform/errors';
import { recordChange } from '../audit/record';
import { stockKeyOf, unreserved } from '../stock/ledger/rules';
import { lockStock, takeBlocked, type StockAccess, type StockLedger } from '../stock/ledger/stock-ledger';
import type { LedgerEntry, StockKey } from '../stock/ledger/types';
import { exchangeLots } from '../stock/tracking/exchange-lots';
import { exchangeSerials } from '../stock/tracking/exchange-serials';
import {
  blockedUnitsOf,
  findToPack,
  readPacked,
  readShippedUnits,
  replacePacked,
  type PackedUnit,
  type UnitsOfProduct,
} from '../stock/tracking/packing';
import { refuse } from '../stock/tracking/assign-units';
import { namingFault } from '../stock/tracking/rules';
import type { NamedLot, NamedUnits } from '../stock/tracking/types';
import { tellAnewOfBlocked } from './left-parcels';
import { lockShipments, selectParcel, type Parcel } from './queries';
import { hasLeft, mayStillLeave } from './rules';
import type { ShipmentStatus } from './types';

export interface ParcelUnits {
  shipmentId: string;
  orderId: string;
  /** Code. */
  warehouse: string;
  status: ShipmentStatus;
  items: ({ sku: string; quantity: number } & UnitsOfProduct)[];
}

/**
 * Which units are in a parcel: before it leaves those that were named, then those that left; of one that left after it was
 * stopped, those that were taken for it at once. Null: no such parcel.
 */
export async function readParcelUnits(on: Queryable, shipmentId: string): Promise<ParcelUnits | null> {
  const parcel = await selectParcel(on, shipmentId);
  if (!parcel) return null;
  const { orderId, warehouse, status } = parcel;
  const items: ParcelUnits['items'] = [];
  const packed = hasLeft(status) || parcel.leftAfterStop ? null : await readPacked(on, shipmentId);
  for (const { sku, productId, quantity } of parcel.items) {
    const units = packed
      ? (packed.get(productId) ?? { serials: [], lots: [] })
      : await readShippedUnits(on, parcel, productId);
    items.push({ sku, quantity, ...units });
  }
  return { shipmentId, orderId, warehouse, status, items };
}

/**
 * Says which units are in a parcel, instead of what was said before. Of one that has not left they are kept for it, and
 * leave with it; of one that has, they are exchanged at once for those that were taken without being named, as of when it left: absolute
 * numbers of later have seen that. What is not named is chosen by rule: first expired, first out; the oldest numbers.
 *
 * What was in a parcel that has left is a fact: blocked units leave their holds, and an alert names the order.
 *
 * @throws NOT_FOUND; PARCEL_STOPPED when it will not leave; NOT_IN_PARCEL; NOT_TRACKED, TOO_MANY_UNITS_NAMED, SERIAL_NOT_THERE, SERIAL_PACKED,
 * UNKNOWN_LOT, LOT_SHORT, UNITS_NAMED_TWICE; before it leaves LOT_BLOCKED, SERIAL_BLOCKED; after it has BELOW_RESERVED where an absolute
 * number of one lot has seen it leave and what is on hand would be less than is reserved
 */
export async function nameParcelUnits(
  { db, stock }: StockAccess,
  request: NamedParcel,
): Promise<ParcelUnits> {
  try {
    return await db.retrying((tx) => nameUnits(tx, stock, request));
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

export interface NamedParcel {
  shipmentId: string;
  items: readonly NamedItem[];
  actor: string;
}

type NamedItem = NamedUnits & { sku: string };

async function nameUnits(
  tx: Transaction,
  stock: StockLedger,
  { shipmentId, items, actor }: NamedParcel,
): Promise<ParcelUnits> {
  const parcel = await selectParcel(tx, shipmentId);
  if (!parcel) throw new AppError('NOT_FOUND', 'There is no such shipment.');
  await lockStock(tx, keysOf(parcel));
  // Under the locks with which a parcel leaves: whether it has is now known.
  const [locked] = await lockShipments(tx, [shipmentId]);
  const status = locked?.status ?? parcel.status;
  if (!hasLeft(status) && !mayStillLeave(status)) {
    const detail = locked?.leftAfterStop
      ? `The shipment was ${status} and left all the same: correct its units with an adjustment.`
      : `The shipment is ${status}: it will not leave.`;
    throw new AppError('PARCEL_STOPPED', detail, { status });
  }

  const named = foldBySku(items).map(({ sku, ...units }) => {
    const item = parcel.items.find((candidate) => candidate.sku === sku);
    if (!item) throw new AppError('NOT_IN_PARCEL', `There is nothing of ${sku} in this parcel.`, { sku });
    refuse(namingFault(item, item.quantity, units));
    return { item, units };
  });
  const before = await readParcelUnits(tx, shipmentId);
  if (hasLeft(status)) await exchange(tx, stock, { ...parcel, actor }, named);
  else await replacePacked(tx, shipmentId, await toPack(tx, parcel, named));
  const units = await readParcelUnits(tx, shipmentId);
  if (!before || !units) throw new Error('a shipment disappeared');
  await recordChange(tx, {
    actor,
    action: 'shipment.units_named',
    subject: { type: 'shipment', id: shipmentId },
    before: { items: before.items },
    after: { items: units.items },
  });
  return units;
}

interface NamedOfItem {
  item: Parcel['items'][number];
  units: { serials: readonly string[]; lots: readonly NamedLot[] };
}

function keysOf({ items, warehouseId }: Parcel) {
  return items.map(({ productId }) => ({ productId, warehouseId }));
}

async function toPack(tx: Transaction, parcel: Parcel, named: readonly NamedOfItem[]): Promise<PackedUnit[]> {
  const packed: PackedUnit[] = [];
  for (const { item, units } of named) packed.push(...(await findToPack(tx, parcel, item, units)));
  return packed;
}

/** Several items may name units of the same product: they are looked at together. */
function foldBySku(items: readonly NamedItem[]) {
  const bySku = new Map<string, { sku: string; serials: string[]; lots: NamedLot[] }>();
  for (const { sku, serials = [], lots = [] } of items) {
    const all = bySku.get(sku) ?? { sku, serials: [], lots: [] };
    all.serials.push(...serials);
    all.lots.push(...lots);
    bySku.set(sku, all);
  }
  return [...bySku.values()];
}

/** Units of a parcel that has left. What holds keep no more goes to those who wait; what is back of blocked lots is put on hold. */
async function exchange(
  tx: Transaction,
  stock: StockLedger,
  parcel: Parcel & { actor: string },
  named: readonly NamedOfItem[],
): Promise<void> {
  const { shipmentId } = parcel;
  const keys = keysOf(parcel);
  const before = await levelsAt(tx, keys);
  const toldBefore = await blockedUnitsOf(tx, [shipmentId]);
  const entries: LedgerEntry[] = [];
  const others: string[] = [];
  for (const { item, units } of named) {
    const { serials } = units;
    if (serials.length > 0) {
      const onHand = before.get(stockKeyOf({ ...parcel, productId: item.productId }))?.onHand ?? 0;
      others.push(...(await exchangeSerials(tx, parcel, item, { serials, onHand })));
    }
    const entry = units.lots.length > 0 ? await exchangeLots(tx, parcel, item, units.lots) : null;
    if (entry) entries.push(entry);
  }
  const after = await levelsAt(tx, keys);
  const released = [...after].flatMap(([key, { productId, warehouseId, ...level }]) => {
    const quantity = unreserved(level) - unreserved(before.get(key));
    return quantity > 0 ? [{ productId, warehouseId, quantity }] : [];
  });
  const taken = await stock.post(tx, entries, released);
  // Units of a blocked lot may be back without anything becoming available.
  await takeBlocked(tx, keys);
  const isOther = JSON.stringify(await blockedUnitsOf(tx, [shipmentId])) !== JSON.stringify(toldBefore);
  const parcels: Parcel[] = isOther ? [parcel] : [];
  for (const id of isOther ? new Set(others) : []) {
    const other = await selectParcel(tx, id);
    if (other) parcels.push(other);
  }
  await tellAnewOfBlocked(tx, parcels);
  await taken?.write();
}

async function levelsAt(tx: Transaction, keys: readonly StockKey[]) {
  return new Map((await lockStock(tx, keys)).map((level) => [stockKeyOf(level), level]));
}
