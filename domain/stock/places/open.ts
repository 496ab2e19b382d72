import { activate, finishOpening, listOpening, markOpening, readState } from '../../catalog/warehouse-state';
import type { StateChange, WarehouseState } from '../../catalog/types';
import { findWarehouseId } from '../../catalog/warehouses';
import type { StockAccess } from '../ledger/stock-ledger';
import { waitForStockWriters } from './wait-for-writers';

export interface Opening extends StateChange {
  /** Code of the warehouse. */
  code: string;
  /** Milliseconds that the opening may take in this call. */
  withinMs: number;
}

/** Products of one transaction. */
const BATCH = 100;

/**
 * Opens a warehouse: first the queues of backorders are served from it, in batches, then orders are placed from it. What was put
 * into a queue meanwhile is served as well. Again, it goes on where it stopped; of an open one it changes nothing.
 *
 * @returns not `settled`: it is not finished yet. `finishOpenings` goes on with it, and so does another call.
 * @throws AppError `UNKNOWN_LOCATION`
 */
export async function openWarehouse(
  access: StockAccess,
  { code, withinMs, ...change }: Opening,
): Promise<{ state: WarehouseState; settled: boolean }> {
  const { db } = access;
  const id = await findWarehouseId(db, code);
  await db.retrying((tx) => markOpening(tx, { id, code }, change));
  const opening = await listOpening(db);
  const settled = opening.every((other) => other.id !== id) || (await goOn(access, id, withinMs));
  const state = await readState(db, id);
  if (!state) throw new Error(`the warehouse ${code} is gone`);
  return { state, settled };
}

/** Goes on with openings that whoever began them did not finish; returns their codes. */
export async function finishOpenings(access: StockAccess, withinMs: number): Promise<string[]> {
  const finished: string[] = [];
  for (const { id, code } of await listOpening(access.db)) {
    if (await goOn(access, id, withinMs)) finished.push(code);
  }
  return finished;
}

async function goOn(access: StockAccess, id: number, withinMs: number): Promise<boolean> {
  const { db } = access;
  const until = performance.now() + withinMs;
  if (!(await serveQueues(access, id, until))) return false;
  await activate(db, id);
  // An order that saw the warehouse closed may just be entering a queue: after it has, the queues are served again.
  if (!(await waitForStockWriters(db, Math.max(0, until - performance.now())))) return false;
  if (!(await serveQueues(access, id, until))) return false;
  await finishOpening(db, id);
  return true;
}

async function serveQueues({ db, stock }: StockAccess, id: number, until: number): Promise<boolean> {
  let after = 0;
  for (;;) {
    const from = after;
    const last = await db.retrying((tx) =>
      stock.serveWaiting(tx, { warehouseId: id, after: from, limit: BATCH }),
    );
    if (last === null) return true;
    after = last;
    if (performance.now() >= until) return false;
  }
}
