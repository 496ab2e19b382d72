import { stock } from '../ordering/backorders/stock-with-backorders';
import type { Database } from '../../platform/database/database';
import { derivedId } from '../../platform/ids';
import { addMissingEntries } from '../catalog/add-missing';
import { listWarehouses } from '../catalog/warehouses';
import { openStock } from '../stock/ledger/opening';
import { demoProducts } from './demo-catalogue';
import { DEMO_CATEGORIES, DEMO_CURRENCY, DEMO_WAREHOUSES } from './demo-data';

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
    const {
      categories,
      warehouses,
      products: added,
    } = await addMissingEntries(tx, {
      categories: DEMO_CATEGORIES,
      warehouses: DEMO_WAREHOUSES,
      products,
      currency: DEMO_CURRENCY,
    });
    if (added.length > 0) {
      const codes = new Set(DEMO_WAREHOUSES.map(({ code }) => code));
      const demoWarehouses = (await listWarehouses(tx)).filter(({ code }) => codes.has(code));
      const levels = added.flatMap(({ id, sku }) =>
        demoWarehouses.map((warehouse) => ({
          key: { productId: id, warehouseId: warehouse.id },
          effectId: derivedId('opening', sku, warehouse.code),
          units: stockOf.get(sku)?.[warehouse.code] ?? 0,
        })),
      );
      await openStock(tx, stock, levels, {
        lowStockThreshold: LOW_STOCK_THRESHOLD,
        reason: 'demo catalogue',
      });
    }
    return { categories, warehouses, products: added.length };
  });
}
