import type { Queryable, Transaction } from '../../../platform/database/database';
import {
  selectKnownLots,
  selectKnownSerials,
  selectLotsOfParcel,
  selectSerialsOfParcel,
} from './assign-queries';
import { refuse } from './assign-units';
import { deletePacked, selectPacked, type PackedUnit } from './packing-queries';
import { blockedFault, heldFault, lotFault, packedFault, serialFault, twiceFault } from './rules';
import type { NamedProduct, NamedUnits } from './types';

export { selectBlockedUnits as blockedUnitsOf } from './packing-queries';
export { replacePacked, type PackedUnit } from './packing-queries';

/** Units of one product in a parcel. */
export interface UnitsOfProduct {
  /** `named`: somebody read it off; otherwise it was taken as the oldest when the parcel left. */
  serials: { serial: string; named: boolean }[];
  lots: { code: string; quantity: number }[];
}

/** What is named in a parcel that has not left, by product. */
export async function readPacked(
  on: Queryable,
  shipmentId: string,
): Promise<ReadonlyMap<number, UnitsOfProduct>> {
  const byProduct = new Map<number, UnitsOfProduct>();
  for (const { productId, serial, lot, quantity } of await selectPacked(on, shipmentId)) {
    const units = byProduct.get(productId) ?? { serials: [], lots: [] };
    if (serial !== null) units.serials.push({ serial, named: true });
    if (lot !== null) units.lots.push({ code: lot, quantity });
    byProduct.set(productId, units);
  }
  return byProduct;
}

/** Units of a product that left with a parcel, whatever the product keeps today: it may have kept more then. */
export async function readShippedUnits(
  on: Queryable,
  parcel: { shipmentId: string; orderId: string },
  productId: number,
): Promise<UnitsOfProduct> {
  const serials = await selectSerialsOfParcel(on, productId, parcel);
  const lots = await selectLotsOfParcel(on, productId, parcel.shipmentId);
  return {
    serials: serials.map(({ serial, named }) => ({ serial, named })),
    lots: lots.map(({ code, quantity }) => ({ code, quantity })),
  };
}

/**
 * The units of a product that are named for a parcel, as `replacePacked` takes them. What is on quality hold, recalled or has expired is refused.
 * The caller holds the stock row's lock.
 *
 * @throws UNITS_NAMED_TWICE, SERIAL_NOT_THERE, SERIAL_PACKED, SERIAL_BLOCKED, UNKNOWN_LOT, LOT_SHORT, LOT_BLOCKED
 */
export async function findToPack(
  tx: Transaction,
  { shipmentId, warehouseId }: { shipmentId: string; warehouseId: number },
  { sku, productId }: NamedProduct,
  { serials = [], lots = [] }: NamedUnits,
): Promise<PackedUnit[]> {
  refuse(twiceFault(sku, { serials, lots }));
  const known = serials.length > 0 ? await selectKnownSerials(tx, productId, serials) : [];
  refuse(serialFault(sku, serials, known, (s) => s.status === 'in_stock' && s.warehouseId === warehouseId));
  refuse(packedFault(sku, known, shipmentId));
  refuse(heldFault(sku, known));
  const codes = lots.map(({ code }) => code);
  const there =
    codes.length > 0 ? await selectKnownLots(tx, { productId, warehouseId }, codes, shipmentId) : [];
  refuse(lotFault(sku, lots, there));
  refuse(blockedFault(sku, there));
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

/** Frees what was packed into parcels that will not leave. */
export async function unpack(tx: Transaction, shipmentIds: readonly string[]): Promise<void> {
  if (shipmentIds.length > 0) await deletePacked(tx, shipmentIds);
}
