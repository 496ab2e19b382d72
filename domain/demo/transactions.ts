import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { insertAssortment, insertEmptyStock, insertPastOrders } from './transactions-queries';

export interface TransactionSeed {
  /** How many captures and refunds of merchants there are to be, at least. */
  rows: number;
  /** ISO 4217; USD unless given. */
  currency?: string;
  /** Days over which they are spread, at most back to the begin of the month before; 30 unless given. */
  days?: number;
  /** Orders of one transaction; 2,000 unless given. */
  batch?: number;
  /** Told after each batch how many there are by then. */
  onBatch?: (rows: number) => void;
}

const PRODUCTS = 500;
const DAYS = 30;
const BATCH = 2_000;
/** Captures and refunds of an order in the mean: the last batch is not much larger than what is left. */
const EACH = 1.5;

/**
 * Adds orders of the last weeks that were paid, shipped and delivered, some of them refunded, over merchants in several time zones: to see
 * settlement files, reports and lists with. They have products, merchants and warehouses of their own, which sell nothing more, and touch
 * nothing that was there. Each batch is a transaction: when it is interrupted, what is there is whole. Returns how many captures and refunds
 * of merchants there are.
 *
 * @param db as the owner of the schema: nobody else may write entries of the past
 */
export async function seedTransactions(
  db: Database,
  { rows, currency = 'USD', days = DAYS, batch = BATCH, onBatch }: TransactionSeed,
): Promise<number> {
  const run = newId().slice(-8);
  const assortment = await db.bulk(async (tx) => {
    const made = await insertAssortment(tx, { run, currency, products: PRODUCTS, days });
    await insertEmptyStock(tx, made);
    return made;
  });
  let written = 0;
  while (written < rows) {
    const orders = Math.min(batch, Math.ceil((rows - written) / EACH));
    written += await db.bulk((tx) => insertPastOrders(tx, assortment, { orders, currency }));
    onBatch?.(written);
  }
  return written;
}
