import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import type { LedgerEntry, StockKey } from '../ledger/types';
import { moveSerials, selectKnownLots, selectKnownSerials } from './assign-queries';
import { moveLots } from './queries';
import type { MovingEntry } from './types';

type UnitsToTakeOut = StockKey & { sku: string; entry: MovingEntry } & (
    | {
        /** Of a lot. */
        code: string;
        units: number;
        /** Takes up to so many units off the holds that the lot is on because it is blocked. */
        takeFromHolds: (lotId: number, units: number) => Promise<LedgerEntry[]>;
      }
    | { serials: readonly string[] }
  );

/**
 * Takes units out that never came: of a lot, also those that are on hold because it has expired or is recalled; or serial numbers. The
 * caller holds the stock row's lock.
 *
 * @returns entries that take units off holds
 * @throws UNITS_HAVE_LEFT when they are not there, are packed or on hold
 */
export async function takeOutOfStock(tx: Transaction, out: UnitsToTakeOut): Promise<LedgerEntry[]> {
  const { productId, warehouseId, sku, entry } = out;
  if ('serials' in out) {
    const known = await selectKnownSerials(tx, productId, out.serials);
    const there = known.filter(
      (s) => s.status === 'in_stock' && s.warehouseId === warehouseId && s.packedFor === null && !s.isHeld,
    );
    if (there.length < out.serials.length) {
      const found = new Set(there.map(({ given }) => given));
      const missing = out.serials.filter((serial) => !found.has(serial));
      throw new AppError('UNITS_HAVE_LEFT', `Of ${sku} some serial numbers are not there and free.`, {
        sku,
        serials: missing,
        there: there.length,
      });
    }
    const ids = there.map(({ id }) => id);
    await moveSerials(tx, ids, { warehouseId, incoming: false }, entry);
    return [];
  }
  const { code, units, takeFromHolds } = out;
  const [lot] = await selectKnownLots(tx, { productId, warehouseId }, [code], null);
  const free = Math.max(0, lot?.free ?? 0);
  const freed = lot && free < units ? await takeFromHolds(lot.id, units - free) : [];
  const released = freed.reduce((sum, { reservedDelta }) => sum - reservedDelta, 0);
  if (free + released < units) {
    throw new AppError(
      'UNITS_HAVE_LEFT',
      `Of lot ${code} of ${sku} ${units} would go, and only ${free + released} are there and free.`,
      { sku, lot: code, there: free + released },
    );
  }
  await moveLots(tx, [{ productId, warehouseId, code, expiresOn: null, units: -units }], entry);
  return freed;
}

/** How many units of a lot a place has, on hold or not, that are packed into no parcel. */
export async function unitsOfLot(tx: Transaction, key: StockKey, code: string): Promise<number> {
  const [lot] = await selectKnownLots(tx, key, [code], null);
  return lot ? Math.max(0, lot.free + lot.held) : 0;
}
