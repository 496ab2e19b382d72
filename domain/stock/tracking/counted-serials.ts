import type { Transaction } from '../../../platform/database/database';
import type { FoundSerial } from './as-of-queries';
import { moveSerials } from './assign-queries';
import { insertSerials } from './queries';
import type { MovingEntry } from './types';

/** Takes serial numbers out that a count did not find. The caller holds the stock row's lock. */
export async function takeOutSerials(
  tx: Transaction,
  ids: readonly number[],
  { warehouseId, entry }: { warehouseId: number; entry: MovingEntry },
): Promise<void> {
  await moveSerials(tx, ids, { warehouseId, incoming: false }, entry);
}

/**
 * Brings serial numbers in that a count found: new ones, and those that were given up. One that has come in meanwhile is there already.
 * The caller holds the stock row's lock, and has seen that none is elsewhere.
 */
export async function bringInSerials(
  tx: Transaction,
  found: readonly string[],
  {
    productId,
    warehouseId,
    known,
    entry,
  }: { productId: number; warehouseId: number; known: readonly FoundSerial[]; entry: MovingEntry },
): Promise<void> {
  const had = new Set(known.map(({ given }) => given));
  const back = known.filter(({ mayComeIn }) => mayComeIn).map(({ id }) => id);
  if (back.length > 0) await moveSerials(tx, back, { warehouseId, incoming: true }, entry);
  const made = found
    .filter((serial) => !had.has(serial))
    .map((serial) => ({ productId, warehouseId, serial }));
  if (made.length > 0) await insertSerials(tx, made, entry);
}
