import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { request } from '../../../platform/told-commands';
import { moveLots, selectOtherExpiry } from './queries';
import type { LotMove, MovingEntry } from './types';

/**
 * Moves units of named lots, which are made where they are new. A code has one expiry date everywhere: one that is named without a date
 * is as it is known.
 *
 * @throws LOT_EXPIRY_MISMATCH with what is known and how that is corrected
 */
export async function moveKnownLots(
  tx: Transaction,
  moves: readonly LotMove[],
  entry: MovingEntry,
): Promise<void> {
  await moveLots(tx, moves, entry);
  await checkExpiryOf(tx, moves);
}

/** @throws LOT_EXPIRY_MISMATCH for a lot that is known with another date than the one given */
export async function checkExpiryOf(
  tx: Transaction,
  lots: readonly { productId: number; code: string; expiresOn: string | null }[],
): Promise<void> {
  const other = await selectOtherExpiry(tx, lots);
  if (!other) return;
  const { sku, code: lot, expiresOn: known, given } = other;
  const told = known === null ? 'without an expiry date' : `with the expiry date ${known}`;
  const correctWith = request`PUT /inventory/${sku}/lots/${lot}`;
  throw new AppError(
    'LOT_EXPIRY_MISMATCH',
    `Lot ${lot} of ${sku} is known ${told}, and ${given} was given. Where the known date is wrong, correct it with ${correctWith}; else leave expiresOn out, or name another lot.`,
    { sku, lot, known: { expiresOn: known }, given: { expiresOn: given }, correctWith },
  );
}
