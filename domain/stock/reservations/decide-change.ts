import type { StockAccess } from '../ledger/stock-ledger';
import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { lockReservations, type ReservationRow } from './reservations';
import {
  decideReservation,
  reservationState,
  type ReservationAction,
  type ReservationRefusal,
} from './rules';

/** Stock, and the caller who changes it; without one it is nobody in particular. */
export type ActingAccess = StockAccess & { actor?: string | undefined };

const REFUSALS: Readonly<Record<ReservationRefusal, string>> = {
  HOLD_EXPIRED: 'The hold has expired.',
  HOLD_RELEASED: 'The hold was released.',
  HOLD_CONFIRMED: 'The hold is confirmed: it no longer falls due.',
  HOLD_NOT_CONFIRMED: 'The hold is not confirmed.',
  ALREADY_SHIPPED: 'The units of this hold have left.',
};

/**
 * Changes a reservation without an order. Decides under its lock, by PostgreSQL's clock, so that of several at once exactly one is done.
 *
 * @param isDone asked first: this very change was made before
 * @returns undefined: what is wanted is so already
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, and the refusals of `decideReservation`
 */
export function changeReservation<T>(
  db: Database,
  id: string,
  action: ReservationAction,
  change: (tx: Transaction, reservation: ReservationRow) => Promise<T>,
  isDone: (tx: Transaction) => Promise<boolean> = () => Promise.resolve(false),
): Promise<T | undefined> {
  return db.retrying(async (tx) => {
    const [reservation] = await lockReservations(tx, [id]);
    if (reservation?.kind === 'order') {
      const { orderId } = reservation;
      throw new AppError('HOLD_OF_ORDER', 'This hold belongs to an order, which alone may change it.', {
        orderId,
      });
    }
    if (reservation?.kind !== 'hold') throw notFound();
    if (await isDone(tx)) return undefined;
    const decision = decideReservation(action, reservationState(reservation.status, reservation.msLeft));
    if (decision === 'done') return undefined;
    if (decision !== 'do') throw new AppError(decision, REFUSALS[decision]);
    return change(tx, reservation);
  });
}

export function notFound(): Error {
  return new AppError('HOLD_NOT_FOUND', 'There is no such hold.');
}
