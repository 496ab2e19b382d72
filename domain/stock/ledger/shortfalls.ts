import type { Transaction } from '../../../platform/database/database';
import { distinctKeys, stockKeyOf } from './rules';
import { insertShortfalls, payShortfalls, selectShortfalls } from './shortfall-queries';
import type { Allocation, GoneUnits } from './types';

/**
 * Counts units as gone that left although nothing is reserved for them: as many as nobody has reserved go from the counters at
 * once, and what is reserved for others stays. The rest is a shortfall of its place, which the stock ledger takes from the next units
 * that become available there. The caller holds the stock rows' locks. Once for each parcel.
 *
 * @returns the units that the counters still show, by parcel and product; those with none are left out
 */
export async function countAsGone(
  tx: Transaction,
  gone: readonly GoneUnits[],
  actor: string,
): Promise<{ shipmentId: string; productId: number; open: number }[]> {
  if (gone.length === 0) return [];
  const leaving = [...new Set(gone.map(({ shipmentId }) => shipmentId))];
  const keys = distinctKeys(gone);
  await insertShortfalls(tx, gone);
  await payShortfalls(tx, keys, { leaving, actor });
  return selectShortfalls(tx, leaving);
}

/** Takes what places are short of from units that were freed there; returns what is left of them: `freed` itself where all is. */
export async function leftByShortfalls(
  tx: Transaction,
  freed: readonly Allocation[],
): Promise<readonly Allocation[]> {
  const taken = await payShortfalls(tx, freed, { leaving: [], actor: 'system' });
  if (taken.length === 0) return freed;
  const units = new Map(taken.map((row) => [stockKeyOf(row), row.quantity]));
  return freed.flatMap((row) => {
    const quantity = row.quantity - (units.get(stockKeyOf(row)) ?? 0);
    return quantity > 0 ? [{ ...row, quantity }] : [];
  });
}
