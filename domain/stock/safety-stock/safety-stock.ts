import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { lockDefaults } from '../alerts/alerts';
import { insertEmptyStock, lockStock, selectStockKey, type StockAccess } from '../ledger/stock-ledger';
import { stockKeyOf } from '../ledger/rules';
import {
  deleteDefault,
  selectDefault,
  selectFollowing,
  selectSafetyStock,
  updateSafetyStock,
  upsertDefault,
  type SafetyStockOfRows,
} from './queries';
import type { SafetyStockView } from './types';

export interface SafetyStockRequest {
  sku: string;
  /** Code of a warehouse; null: everywhere where none is set, also where stock comes later. */
  location: string | null;
  /** `inherit` gives up what was set: at a location the product's holds again, of the product none. */
  units: number | 'inherit';
  /** Who sets it. */
  actor: string;
}

/** Safety stock of a product: what it gives, and what is in force at each of its locations. Null: no such product. */
export async function readSafetyStock(db: Database, sku: string): Promise<SafetyStockView | null> {
  return (await selectSafetyStock(db, sku)) ?? null;
}

/**
 * Sets how many units of a product are kept back from customers, at one location or (without one) at every location that has none of its
 * own. Nothing is taken back that is promised already; what is kept back no longer goes to those who wait, in the same transaction. Again,
 * it changes nothing. Where the process dies after the product's was set, rows keep what they had until it is set again.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOCATION
 */
export async function setSafetyStock(access: StockAccess, request: SafetyStockRequest): Promise<void> {
  const { sku, location, units, actor } = request;
  const subject = { type: 'product', id: sku } as const;
  const { db } = access;
  const { productId, warehouseId } = await selectStockKey(db, sku, location ?? '');
  if (productId === null) throw new AppError('UNKNOWN_SKU', `There is no product ${sku}.`);
  if (location !== null) {
    if (warehouseId === null) throw new AppError('UNKNOWN_LOCATION', `There is no location ${location}.`);
    await db.retrying(async (tx) => {
      await lockDefaults(tx, 'shared');
      await insertEmptyStock(tx, [{ productId, warehouseId }]);
      const before = (await selectSafetyStock(tx, sku))?.locations.find((at) => at.warehouse === location);
      const kept = units === 'inherit' ? await inheritedUnits(tx, productId) : units;
      await change(access, tx, {
        productId,
        warehouseIds: [warehouseId],
        units: kept,
        own: units !== 'inherit',
      });
      await recordChange(tx, {
        actor,
        action: 'product.safety_stock_set',
        subject,
        before: { [location]: before && { units: before.units, own: before.own } },
        after: { [location]: { units: kept, own: units !== 'inherit' } },
      });
    });
    return;
  }
  // Whoever makes stock rows may wait for this lock with locks of others: no row is locked under it.
  await db.retrying(async (tx) => {
    await lockDefaults(tx, 'alone');
    const before = (await selectDefault(tx, productId))?.units ?? null;
    if (units === 'inherit') await deleteDefault(tx, productId);
    else await upsertDefault(tx, productId, units);
    await recordChange(tx, {
      actor,
      action: 'product.safety_stock_set',
      subject,
      before: { units: before },
      after: { units: units === 'inherit' ? null : units },
    });
  });
  await db.retrying(async (tx) => {
    await lockDefaults(tx, 'shared');
    const following = await selectFollowing(tx, productId);
    const warehouseIds = following.map((row) => row.warehouseId);
    await change(access, tx, { productId, warehouseIds, units: await inheritedUnits(tx, productId) });
  });
}

async function inheritedUnits(tx: Transaction, productId: number): Promise<number> {
  return (await selectDefault(tx, productId))?.units ?? 0;
}

async function change({ stock }: StockAccess, tx: Transaction, rows: SafetyStockOfRows): Promise<void> {
  const { productId, warehouseIds } = rows;
  const before = await lockStock(
    tx,
    warehouseIds.map((warehouseId) => ({ productId, warehouseId })),
  );
  const availableBefore = new Map(before.map((level) => [stockKeyOf(level), level.available]));
  const after = await updateSafetyStock(tx, rows);
  await stock.offer(
    tx,
    after.flatMap(({ available, ...key }) => {
      const quantity = available - (availableBefore.get(stockKeyOf(key)) ?? 0);
      return quantity > 0 ? [{ ...key, quantity }] : [];
    }),
  );
}
