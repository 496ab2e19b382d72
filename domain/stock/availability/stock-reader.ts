import type { Database } from '../../../platform/database/database';
import { createSharedReads } from '../../../platform/shared-reads';
import { selectStockOfMany, type PackedStockRow } from './queries';
import { placesOf, stockJson, type Places } from './stock-json';
import type { Warehouse } from '../../catalog/types';
import type { WarehouseDirectory } from '../../catalog/warehouses';

export interface StockReader {
  /** Stock of a product over all its locations, read after this call, as the JSON text of a `StockView`. Null: no such product. */
  readJson(sku: string): Promise<string | null>;
}

export interface StockReaderOptions {
  db: Database;
  warehouses: WarehouseDirectory;
  /** Statements that run at once. What is asked meanwhile goes together with the next one. */
  lanes?: number;
  /** SKUs of one statement at most. */
  maxBatch?: number;
}

const LANES = 2;
const MAX_BATCH = 64;

/** Reads of many callers share statements (`createSharedReads`). The result is text, which is sent as it is. */
export function createStockReader(options: StockReaderOptions): StockReader {
  const { db, warehouses, lanes = LANES, maxBatch = MAX_BATCH } = options;
  /** Of the list that the directory returned last. */
  let places: { of: readonly Warehouse[]; map: Places } | undefined;

  function listed(list: readonly Warehouse[]): Places {
    if (places?.of !== list) places = { of: list, map: placesOf(list) };
    return places.map;
  }

  /** One was opened a moment ago: of those that are read after its stock was, none is missing. */
  async function withNewWarehouses(row: PackedStockRow): Promise<string> {
    const text = stockJson(row, listed(await warehouses.refreshed()));
    if (text === null) throw new Error(`stock of ${row.sku} is at a warehouse that does not exist`);
    return text;
  }

  const readJson = createSharedReads({
    lanes,
    maxBatch,
    async read(skus) {
      const [rows, known] = await Promise.all([selectStockOfMany(db, skus), warehouses.all()]);
      const texts = new Map<string, string>();
      for (const row of rows)
        texts.set(row.sku, stockJson(row, listed(known)) ?? (await withNewWarehouses(row)));
      return texts;
    },
  });
  return { readJson };
}
