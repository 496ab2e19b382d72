import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { lockStock } from '../stock/ledger/stock-ledger';
import { exchangeLots, exchangeSerials } from '../stock/tracking/exchange';
import {
  findToPack,
  readPacked,
  readShippedUnits,
  replacePacked,
  type PackedUnit,
  type UnitsOfProduct,
} from '../stock/tracking/packing';
import { refuse } from '../stock/tracking/assign-units';
import { namingFault } from '../stock/tracking/rules';
import type { NamedLot, NamedUnits, NamedProduct } from '../stock/tracking/types';
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
 * leave with it; of one that has, they are exchanged at once for those that were taken without being named. What is not
 * named is chosen by rule: first expired, first out; the oldest numbers.
 *
 * @throws NOT_FOUND; PARCEL_STOPPED when it will not leave; NOT_IN_PARCEL; NOT_TRACKED, TOO_MANY_UNITS_NAMED, SERIAL_NOT_THERE, SERIAL_PACKED,
 * UNKNOWN_LOT, LOT_SHORT, LOT_BLOCKED, SERIAL_BLOCKED, UNITS_NAMED_TWICE
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
    if (!hasLeft(status) && !mayStillLeave(status)) {
      const detail = locked?.leftAfterStop
        ? `The shipment was ${status} and left all the same: correct its units with an adjustment.`
        : `The shipment is ${status}: it will not leave.`;
      throw new AppError('PARCEL_STOPPED', detail, { status });
    }

    const packed: PackedUnit[] = [];
    for (const { sku, ...named } of foldBySku(request.items)) {
      const item = parcel.items.find((candidate) => candidate.sku === sku);
      if (!item) throw new AppError('NOT_IN_PARCEL', `There is nothing of ${sku} in this parcel.`, { sku });
      refuse(namingFault(item, item.quantity, named));
      if (hasLeft(status)) await exchange(tx, parcel, item, named);
      else packed.push(...(await findToPack(tx, parcel, item, named)));
    }
    if (!hasLeft(status)) await replacePacked(tx, shipmentId, packed);
    const units = await readParcelUnits(tx, shipmentId);
    if (!units) throw new Error('a shipment disappeared');
    return units;
  });
}

/** Several items may name units of the same product: they are looked at together. */
function foldBySku(items: readonly (NamedUnits & { sku: string })[]) {
  const bySku = new Map<string, { sku: string; serials: string[]; lots: NamedLot[] }>();
  for (const { sku, serials = [], lots = [] } of items) {
    const all = bySku.get(sku) ?? { sku, serials: [], lots: [] };
    all.serials.push(...serials);
    all.lots.push(...lots);
    bySku.set(sku, all);
  }
  return [...bySku.values()];
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
