import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { changeReservation, notFound, type ActingAccess } from './decide-change';
import { selectSkusOfReservation, updateDueTime } from './expiry-queries';
import { freeReservations } from './free-reservations';
import { setReservationStatus } from './reservations';

/**
 * Keeps a reservation until it is shipped or released: it no longer falls due. Again, it changes nothing.
 *
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_EXPIRED (also when it is due and not freed yet), HOLD_RELEASED, ALREADY_SHIPPED
 */
export function confirmReservation(
  { db, actor }: { db: Database; actor: string },
  id: string,
): Promise<void> {
  return changeReservation(db, id, 'confirm', async (tx) => {
    await setReservationStatus(tx, [id], 'confirmed');
    await recordChange(tx, { actor, action: 'hold.confirmed', subject: { type: 'hold', id } });
  });
}

/**
 * Gives a reservation's stock back, confirmed or not. Again, or after it expired, it changes nothing.
 *
 * @param sku releases only a reservation of this SKU and no other
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_OF_SEVERAL_SKUS, ALREADY_SHIPPED
 */
export async function releaseReservation(
  { db, stock, actor }: ActingAccess,
  id: string,
  sku?: string,
): Promise<void> {
  if (sku !== undefined) {
    const skus = await selectSkusOfReservation(db, id);
    if (!skus.includes(sku)) throw notFound();
    if (skus.length > 1) {
      throw new AppError('HOLD_OF_SEVERAL_SKUS', 'This hold is on several SKUs: release it as a whole.', {
        skus: skus.sort(),
      });
    }
  }
  await changeReservation(db, id, 'release', (tx) => freeReservations(tx, stock, [id], 'release', actor));
}

/**
 * Lets a reservation fall due later: at `expiresAt`, or `holdSeconds` from now.
 *
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_EXPIRED, HOLD_CONFIRMED (it no longer falls due), HOLD_RELEASED,
 *   ALREADY_SHIPPED; NOT_LATER when it would fall due earlier than it does now
 */
export function extendReservation(
  { db, actor }: { db: Database; actor: string },
  id: string,
  until: { expiresAt: Date | null; holdSeconds: number },
): Promise<void> {
  return changeReservation(db, id, 'extend', async (tx, { expiresAt }) => {
    const after = await updateDueTime(tx, id, until);
    if (after)
      return recordChange(tx, {
        actor,
        action: 'hold.extended',
        subject: { type: 'hold', id },
        before: { expiresAt },
        after,
      });
    throw new AppError('NOT_LATER', 'The hold would fall due earlier than it does now.', { expiresAt });
  });
}
