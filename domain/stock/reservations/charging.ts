import type { Transaction } from '../../../platform/database/database';
import { updateAttempt, updateToCharging, updateToPending } from './charging-queries';

/** Keeps a pending reservation from falling due while its payment is charged; false: it is past due, or not pending. */
export async function beginCharging(tx: Transaction, reservationId: string): Promise<boolean> {
  return (await updateToCharging(tx, reservationId)) > 0;
}

/**
 * Counts another attempt to charge a reservation that is being charged: it takes the place of the one before. False: it is past due, so
 * only the charge that is under way keeps it.
 */
export async function continueCharging(tx: Transaction, reservationId: string): Promise<boolean> {
  return (await updateAttempt(tx, reservationId)) > 0;
}

/**
 * Lets a reservation wait for another payment: its charge was declined. A later part of an order, which was charged without
 * asking, gets its whole time again, once: further declines do not make it longer.
 *
 * @param holdSeconds the whole time of a reservation of this order
 */
export async function endCharging(
  tx: Transaction,
  reservationId: string,
  holdSeconds: number,
): Promise<void> {
  await updateToPending(tx, reservationId, holdSeconds);
}
