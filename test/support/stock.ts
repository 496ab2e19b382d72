import { stock } from '../../domain/ordering/backorders/stock-with-backorders';
import type { Database } from '../../platform/database/database';

/** A database with the stock of a shop that takes backorders, as the API and the worker put them together. */
export function withStock(db: Database) {
  return { db, stock };
}
