import type { Database } from '../../../platform/database/database';
import { markClosed, readState } from '../../catalog/warehouse-state';
import type { StateChange, WarehouseState } from '../../catalog/types';
import { findWarehouseId } from '../../catalog/warehouses';
import { waitForStockWriters } from './wait-for-writers';

export interface Closing extends StateChange {
  /** Code of the warehouse. */
  code: string;
  /** Milliseconds that are waited for transactions that began before. */
  withinMs: number;
}

/**
 * Closes a warehouse. Once it is `settled`, nothing new is allocated there: not by an order, a reservation, an amendment, nor to a
 * backorder whatever comes free. What is reserved there stays and ships, and transfers leave from it. Again, it changes nothing.
 *
 * @returns not `settled`: transactions that began before are still running. Called again it waits for them again.
 * @throws AppError `UNKNOWN_LOCATION`
 */
export async function closeWarehouse(
  db: Database,
  { code, withinMs, ...change }: Closing,
): Promise<{ state: WarehouseState; settled: boolean }> {
  const id = await findWarehouseId(db, code);
  await db.retrying((tx) => markClosed(tx, { id, code }, change));
  const settled = await waitForStockWriters(db, withinMs);
  const state = await readState(db, id);
  if (!state) throw new Error(`the warehouse ${code} is gone`);
  return { state, settled };
}
