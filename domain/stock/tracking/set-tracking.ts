import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { updateTracking } from '../../catalog/products';
import { listWarehouses } from '../../catalog/warehouses';
import { insertEmptyStock, lockStock, outdateDecisions } from '../ledger/stock-ledger';
import type { StockKey } from '../ledger/types';
import { selectTracked, selectUnitsElsewhere } from './queries';

export interface Tracking {
  sku: string;
  /** Kept by lot, with expiry dates. */
  lots: boolean;
  /** Each unit has a serial number. */
  serials: boolean;
}

/** What a product keeps beside counts. Null: no such product. */
export async function readTracking(on: Queryable, sku: string): Promise<Tracking | null> {
  const [product] = await selectTracked(on, [sku]);
  return product ? { sku, lots: product.lotTracked, serials: product.serialised } : null;
}

/**
 * Decides what a product keeps beside counts: only while there is no unit of it, on hand (packed, or on hold), on its way between
 * locations or come back and not inspected, since nobody knows the lots and serial numbers of those. Again, it changes nothing.
 *
 * @throws UNKNOWN_SKU; PRODUCT_HAS_STOCK
 */
export function setTracking(
  db: Database,
  { actor, ...wanted }: Tracking & { actor: string },
): Promise<Tracking> {
  return db.retrying(async (tx) => {
    const [product] = await selectTracked(tx, [wanted.sku]);
    if (!product) throw new AppError('UNKNOWN_SKU', `There is no product ${wanted.sku}.`);
    if (product.lotTracked === wanted.lots && product.serialised === wanted.serials) return wanted;
    const refusal = await trackingRefusal(tx, { sku: wanted.sku, productId: product.productId });
    if (refusal) throw refusal;
    await updateTracking(tx, product.productId, wanted);
    await recordChange(tx, {
      actor,
      action: 'product.tracking_set',
      subject: { type: 'product', id: wanted.sku },
      before: { lots: product.lotTracked, serials: product.serialised },
      after: { lots: wanted.lots, serials: wanted.serials },
    });
    return wanted;
  });
}

/**
 * Why what a product keeps cannot be changed now; null: it can, and stays so until the transaction ends. Locks all of its stock
 * rows, which are made where there are none.
 */
export async function trackingRefusal(
  tx: Transaction,
  { sku, productId }: { sku: string; productId: number },
): Promise<AppError | null> {
  const keys = await makeAllStock(tx, [productId]);
  const levels = await lockStock(tx, keys);
  if (levels.some((level) => level.onHand > 0)) {
    return new AppError('PRODUCT_HAS_STOCK', `${sku} has stock: this can be changed while none is on hand.`, {
      onHand: levels.reduce((sum, { onHand }) => sum + onHand, 0),
    });
  }
  const elsewhere = await selectUnitsElsewhere(tx, productId);
  if (elsewhere.inTransit + elsewhere.toInspect + elsewhere.short === 0) {
    // Of a feed that waits for these locks, and was decided before what the product keeps was changed.
    await outdateDecisions(tx, productId);
    return null;
  }
  return new AppError(
    'PRODUCT_HAS_STOCK',
    `Units of ${sku} are on their way, wait for an inspection or are missing on the counters: this can be changed while there are none.`,
    { onHand: 0, ...elsewhere },
  );
}

/** Makes the stock rows of products everywhere where there is none: locking them all then keeps any first unit from coming in. */
export async function makeAllStock(tx: Transaction, productIds: readonly number[]): Promise<StockKey[]> {
  const places = await listWarehouses(tx);
  const keys = productIds.flatMap((productId) =>
    places.map(({ id: warehouseId }) => ({ productId, warehouseId })),
  );
  if (keys.length > 0) await insertEmptyStock(tx, keys);
  return keys;
}
