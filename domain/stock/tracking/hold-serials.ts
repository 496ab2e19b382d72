import type { Transaction } from '../../../platform/database/database';
import type { StockKey } from '../ledger/types';
import { refuse } from './assign-units';
import { selectKnownSerials, selectSerialsOnHold, updateSerialHold } from './assign-queries';
import { heldFault, serialFault, twiceFault } from './rules';

/**
 * Puts serial numbers on a quality hold. The caller holds the stock row's lock.
 *
 * @throws UNITS_NAMED_TWICE, SERIAL_NOT_THERE, SERIAL_BLOCKED
 */
export async function holdSerials(
  tx: Transaction,
  {
    productId,
    warehouseId,
    sku,
    holdId,
    serials,
  }: StockKey & { sku: string; holdId: string; serials: readonly string[] },
): Promise<void> {
  refuse(twiceFault(sku, { serials }));
  const known = await selectKnownSerials(tx, productId, serials);
  refuse(serialFault(sku, serials, known, (s) => s.status === 'in_stock' && s.warehouseId === warehouseId));
  refuse(heldFault(sku, known));
  await updateSerialHold(
    tx,
    known.map(({ id }) => id),
    holdId,
  );
}

/**
 * The serial numbers of units that leave a quality hold: those that are named, else the oldest on it.
 *
 * @throws SERIAL_NOT_THERE for a number that is not on this hold
 */
export async function serialsOfHold(
  tx: Transaction,
  {
    productId,
    sku,
    holdId,
    quantity,
    named,
  }: { productId: number; sku: string; holdId: string; quantity: number; named: readonly string[] },
): Promise<{ id: number; serial: string }[]> {
  const onHold = await selectSerialsOnHold(tx, holdId);
  if (named.length === 0) return onHold.slice(0, quantity);
  const known = await selectKnownSerials(tx, productId, named);
  const ids = new Set(onHold.map(({ id }) => id));
  refuse(serialFault(sku, named, known, ({ id }) => ids.has(id)));
  return known.map(({ id, serial }) => ({ id, serial }));
}

/** Takes serial numbers off their quality hold. */
export async function freeSerials(tx: Transaction, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await updateSerialHold(tx, ids, null);
}
