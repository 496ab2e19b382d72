import type { Queryable, Transaction } from '../../platform/database/database';
import { recordChange } from '../audit/record';
import type { StateChange, Warehouse, WarehouseState, WarehouseStatus } from './types';
import {
  insertWarehouseEvent,
  selectActive,
  selectOpening,
  selectServing,
  selectState,
  updateClosed,
  updateOpening,
} from './warehouse-queries';

export { selectOpening as listOpening };
export { updateActive as activate, updateOpened as finishOpening } from './warehouse-queries';

export function statusOf({ active, opening }: Pick<Warehouse, 'active' | 'opening'>): WarehouseStatus {
  if (active) return 'open';
  return opening ? 'opening' : 'closed';
}

/**
 * Warehouses that orders are placed from. Who allocates asks in the transaction that does, after it has locked the stock rows:
 * closing waits for those that have.
 */
export async function readActive(tx: Transaction): Promise<ReadonlySet<number>> {
  return new Set((await selectActive(tx)).map(({ id }) => id));
}

/** Those of these from which units that come free go to who waits. Asked as `readActive` is. */
export async function readServing(tx: Transaction, ids: readonly number[]): Promise<ReadonlySet<number>> {
  return new Set((await selectServing(tx, ids)).map(({ id }) => id));
}

/** Nothing is allocated from it by who asks from now on. Again, it changes nothing. */
export async function markClosed(
  tx: Transaction,
  warehouse: { id: number; code: string },
  change: StateChange,
): Promise<void> {
  if (await updateClosed(tx, warehouse.id)) await recordState(tx, warehouse, 'closed', change);
}

/** Who waits for stock is served from it; orders are not placed from it yet. Of an open one it changes nothing. */
export async function markOpening(
  tx: Transaction,
  warehouse: { id: number; code: string },
  change: StateChange,
): Promise<void> {
  if (await updateOpening(tx, warehouse.id)) await recordState(tx, warehouse, 'opened', change);
}

async function recordState(
  tx: Transaction,
  { id, code }: { id: number; code: string },
  type: 'closed' | 'opened',
  { actor, reason }: StateChange,
): Promise<void> {
  await insertWarehouseEvent(tx, { warehouseId: id, type, actor, reason });
  await recordChange(tx, { actor, action: `warehouse.${type}`, subject: { type: 'warehouse', id: code } });
}

export async function readState(on: Queryable, warehouseId: number): Promise<WarehouseState | null> {
  const row = await selectState(on, warehouseId);
  if (!row) return null;
  const { code, at, actor, reason } = row;
  return { code, status: statusOf(row), since: at?.toISOString() ?? null, actor, reason };
}
