import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { moveLots, selectOtherExpiry } from './queries';
import type { LotMove, MovingEntry } from './types';

/**
 * Moves units of named lots, which are made where they are new. A code has one expiry date everywhere.
 *
 * @throws LOT_EXPIRY_MISMATCH
 */
export async function moveKnownLots(
  tx: Transaction,
  moves: readonly LotMove[],
  entry: MovingEntry,
): Promise<void> {
  await moveLots(tx, moves, entry);
  const other = await selectOtherExpiry(tx, moves);
  if (!other) return;
  const known = other.expiresOn === null ? 'no expiry' : `expiry ${other.expiresOn}`;
  throw new AppError('LOT_EXPIRY_MISMATCH', `Lot ${other.code} is known with ${known}.`);
}
