import type { Database } from '../../../platform/database/database';
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

interface Waiting {
  resolve(text: string | null): void;
  reject(error: unknown): void;
}

/**
 * Reads of many callers share statements: a statement for each costs as much again as its rows. Nobody waits for others, nothing
 * is kept: while a lane is free a read goes out in the same turn of the event loop, and every result is read after it was asked for.
 *
 * The result is text, which is sent as it is.
 */
export function createStockReader(options: StockReaderOptions): StockReader {
  const { db, warehouses, lanes = LANES, maxBatch = MAX_BATCH } = options;
  const waiting = new Map<string, Waiting[]>();
  /** Of the list that the directory returned last. */
  let places: { of: readonly Warehouse[]; map: Places } | undefined;
  let running = 0;
  let scheduled = false;

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

  function schedule(): void {
    if (scheduled || running >= lanes || waiting.size === 0) return;
    scheduled = true;
    // Whatever else arrives in this turn goes along.
    setImmediate(() => {
      scheduled = false;
      void run();
    });
  }

  async function run(): Promise<void> {
    const batch = take();
    running += 1;
    schedule();
    try {
      const [rows, known] = await Promise.all([selectStockOfMany(db, [...batch.keys()]), warehouses.all()]);
      for (const row of rows) {
        const text = stockJson(row, listed(known)) ?? (await withNewWarehouses(row));
        for (const { resolve } of batch.get(row.sku) ?? []) resolve(text);
        batch.delete(row.sku);
      }
      for (const askers of batch.values()) for (const { resolve } of askers) resolve(null);
    } catch (error) {
      for (const askers of batch.values()) for (const { reject } of askers) reject(error);
    } finally {
      running -= 1;
      schedule();
    }
  }

  function take(): Map<string, Waiting[]> {
    const batch = new Map<string, Waiting[]>();
    for (const [sku, askers] of waiting) {
      if (batch.size === maxBatch) break;
      batch.set(sku, askers);
      waiting.delete(sku);
    }
    return batch;
  }

  return {
    readJson: (sku) =>
      new Promise((resolve, reject) => {
        const askers = waiting.get(sku);
        if (askers) askers.push({ resolve, reject });
        else waiting.set(sku, [{ resolve, reject }]);
        schedule();
      }),
  };
}
