import type { Database } from '../../platform/database/database';
import { derivedId } from '../../platform/ids';
import { insertStockRows } from '../stock/ledger/stock-ledger';
import { stock } from '../ordering/backorders/stock';
import { listWarehouses } from '../catalog/warehouses';
import { demoProducts } from './demo-catalogue';
import { DEMO_CATEGORIES, DEMO_CURRENCY, DEMO_WAREHOUSES } from './demo-data';
import { insertCategories, insertProducts, insertWarehouses } from '../catalog/seed';

/** How many of each were missing and have been added. */
export interface SeedResult {
  categories: number;
  warehouses: number;
  products: number;
}

const LOW_STOCK_THRESHOLD = 10;

/**
 * Loads the demo catalogue: warehouses on two continents, products in ten categories, and their opening stock, each unit
 * explained by a ledger entry. All in one transaction, so it is there whole or not at all.
 *
 * Adds only what is missing: products that exist keep their names, prices and stock, so a second run changes nothing.
 */
export async function seedCatalogue(db: Database): Promise<SeedResult> {
  const products = demoProducts();
  const stockOf = new Map(products.map(({ sku, stock }) => [sku, stock]));
  return db.retrying(async (tx) => {
    const categories = await insertCategories(tx, DEMO_CATEGORIES);
    const warehouses = await insertWarehouses(tx, DEMO_WAREHOUSES);
    const added = await insertProducts(tx, products, DEMO_CURRENCY);
    if (added.length > 0) {
      const codes = new Set(DEMO_WAREHOUSES.map(({ code }) => code));
      const ours = (await listWarehouses(tx)).filter(({ code }) => codes.has(code));
      const levels = added.flatMap(({ id, sku }) =>
        ours.map((warehouse) => ({
          key: { productId: id, warehouseId: warehouse.id },
          effectId: derivedId('opening', sku, warehouse.code),
          units: stockOf.get(sku)?.[warehouse.code] ?? 0,
        })),
      );
      await insertStockRows(
        tx,
        levels.map(({ key }) => key),
        LOW_STOCK_THRESHOLD,
      );
      // The rows are this transaction's own, so they need no other lock.
      await stock.change(
        tx,
        levels
          .filter(({ units }) => units > 0)
          .map(({ key, effectId, units }) => ({
            ...key,
            kind: 'opening' as const,
            onHandDelta: units,
            reservedDelta: 0,
            effectId,
            reason: 'demo catalogue',
          })),
      );
    }
    return { categories, warehouses, products: added.length };
  });
}
