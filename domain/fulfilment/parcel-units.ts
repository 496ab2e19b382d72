import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { lockStock } from '../stock/ledger/stock-ledger';
import { exchangeLots, exchangeSerials } from '../stock/tracking/exchange';
import {
  replacePacked,
  selectKnownLots,
  selectKnownSerials,
  selectLotsOfParcel,
  selectPacked,
  selectSerialsOfParcel,
  type PackedUnit,
} from '../stock/tracking/tracking';
import { refuse } from '../stock/tracking/assign-units';
import { lotFault, namingFault, packedFault, serialFault } from '../stock/tracking/rules';
import type { NamedUnits, NamedProduct } from '../stock/tracking/types';
import { lockShipments, selectParcel, type Parcel } from './queries';
import { hasLeft, mayStillLeave } from './rules';
import type { ShipmentStatus } from './types';

export interface ParcelUnits {
  shipmentId: string;
  orderId: string;
  /** Code. */
  warehouse: string;
  status: ShipmentStatus;
  items: {
    sku: string;
    quantity: number;
    /** `named`: somebody read it off; otherwise it was taken as the oldest when the parcel left. */
    serials: { serial: string; named: boolean }[];
    lots: { code: string; quantity: number }[];
  }[];
}

/** Which units are in a parcel: before it leaves those that were named, after that those that left. Null: no such parcel. */
export async function readParcelUnits(on: Queryable, shipmentId: string): Promise<ParcelUnits | null> {
  const parcel = await selectParcel(on, shipmentId);
  if (!parcel) return null;
  const { orderId, warehouse, status } = parcel;
  const items: ParcelUnits['items'] = [];
  const packed = hasLeft(status) ? null : await selectPacked(on, shipmentId);
  for (const item of parcel.items) {
    const units = packed ? packedOf(packed, item) : await leftOf(on, parcel, item);
    items.push({ sku: item.sku, quantity: item.quantity, ...units });
  }
  return { shipmentId, orderId, warehouse, status, items };
}

type UnitsOfItem = Pick<ParcelUnits['items'][number], 'serials' | 'lots'>;

function packedOf(
  packed: Awaited<ReturnType<typeof selectPacked>>,
  { productId }: NamedProduct,
): UnitsOfItem {
  const mine = packed.filter((unit) => unit.productId === productId);
  return {
    serials: mine.flatMap(({ serial }) => (serial === null ? [] : [{ serial, named: true }])),
    lots: mine.flatMap(({ lot, quantity }) => (lot === null ? [] : [{ code: lot, quantity }])),
  };
}

async function leftOf(on: Queryable, parcel: Parcel, { productId }: NamedProduct): Promise<UnitsOfItem> {
  // Whatever the product keeps today: it may have kept more when the parcel left.
  const serials = await selectSerialsOfParcel(on, productId, parcel);
  const lots = await selectLotsOfParcel(on, productId, parcel.shipmentId);
  return {
    serials: serials.map(({ serial, named }) => ({ serial, named })),
    lots: lots.map(({ code, quantity }) => ({ code, quantity })),
  };
}

/**
 * Says which units are in a parcel, instead of what was said before. Of one that has not left they are kept for it, and
 * leave with it; of one that has, they are exchanged at once for those that were taken without being named. What is not
 * named is chosen by rule: first expired, first out; the oldest numbers.
 *
 * @throws NOT_FOUND; PARCEL_STOPPED when it will not leave; NOT_IN_PARCEL; NOT_TRACKED, TOO_MANY_UNITS_NAMED, SERIAL_NOT_THERE, SERIAL_PACKED,
 * UNKNOWN_LOT, LOT_SHORT
 */
export function nameParcelUnits(
  db: Database,
  request: { shipmentId: string; items: readonly (NamedUnits & { sku: string })[] },
): Promise<ParcelUnits> {
  const { shipmentId } = request;
  return db.retrying(async (tx) => {
    const parcel = await selectParcel(tx, shipmentId);
    if (!parcel) throw new AppError('NOT_FOUND', 'There is no such shipment.');
    const { warehouseId } = parcel;
    await lockStock(
      tx,
      parcel.items.map(({ productId }) => ({ productId, warehouseId })),
    );
    // Under the locks with which a parcel leaves: whether it has is now known.
    const [locked] = await lockShipments(tx, [shipmentId]);
    const status = locked?.status ?? parcel.status;
    if (!hasLeft(status) && !mayStillLeave(status))
      throw new AppError('PARCEL_STOPPED', `The shipment is ${status}: it will not leave.`, { status });

    const packed: PackedUnit[] = [];
    for (const { sku, ...named } of request.items) {
      const item = parcel.items.find((candidate) => candidate.sku === sku);
      if (!item) throw new AppError('NOT_IN_PARCEL', `There is nothing of ${sku} in this parcel.`, { sku });
      refuse(namingFault(item, item.quantity, named));
      if (hasLeft(status)) await exchange(tx, parcel, item, named);
      else packed.push(...(await pack(tx, parcel, item, named)));
    }
    if (!hasLeft(status)) await replacePacked(tx, shipmentId, packed);
    const units = await readParcelUnits(tx, shipmentId);
    if (!units) throw new Error('a shipment disappeared');
    return units;
  });
}

async function pack(
  tx: Transaction,
  { shipmentId, warehouseId }: Parcel,
  { sku, productId }: NamedProduct,
  { serials = [], lots = [] }: NamedUnits,
): Promise<PackedUnit[]> {
  const known = serials.length > 0 ? await selectKnownSerials(tx, productId, serials) : [];
  refuse(serialFault(sku, serials, known, (s) => s.status === 'in_stock' && s.warehouseId === warehouseId));
  refuse(packedFault(sku, known, shipmentId));
  const codes = lots.map(({ code }) => code);
  const there =
    codes.length > 0 ? await selectKnownLots(tx, { productId, warehouseId }, codes, shipmentId) : [];
  refuse(lotFault(sku, lots, there));
  const ids = new Map(there.map(({ code, id }) => [code, id]));
  return [
    ...known.map(({ id }) => ({ productId, serialId: id, lotId: null, quantity: 1 })),
    ...lots.map(({ code, quantity }) => ({
      productId,
      serialId: null,
      lotId: ids.get(code) ?? null,
      quantity,
    })),
  ];
}

async function exchange(
  tx: Transaction,
  { shipmentId, orderId, warehouseId }: Parcel,
  product: NamedProduct,
  { serials = [], lots = [] }: NamedUnits,
): Promise<void> {
  const parcel = { shipmentId, orderId, warehouseId };
  if (serials.length > 0) await exchangeSerials(tx, parcel, product, serials);
  if (lots.length > 0) await exchangeLots(tx, parcel, product, lots);
}
