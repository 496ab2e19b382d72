import type { Transaction } from '../../../platform/database/database';
import { measureExpiries, type Expiries } from '../../../platform/database/effects';
import {
  reduceOpenLines,
  selectOpenLines,
  selectReservationsAndOfOrdersForUpdate,
  selectOrderReservationsForUpdate,
  selectReservationsForUpdate,
  updateReservationsExpired,
  updateReservationStatus,
  type OpenLine,
  type ReservationRow,
} from './queries';
import type { ReservationStatus } from './types';

export { selectOrderReservationsForUpdate as lockOrderReservations };
export { selectReservationsAndOfOrdersForUpdate as lockReservationsAndOfOrders };
export type { OpenLine, ReservationRow };

/** Locks reservations by id: the first locks of every transaction that changes one. */
export async function lockReservations(tx: Transaction, ids: readonly string[]): Promise<ReservationRow[]> {
  return ids.length === 0 ? [] : selectReservationsForUpdate(tx, ids);
}

/** What these reservations still keep. */
export async function openLines(tx: Transaction, reservationIds: readonly string[]): Promise<OpenLine[]> {
  return reservationIds.length === 0 ? [] : selectOpenLines(tx, reservationIds);
}

/** Takes `openQuantity` of each line off what it keeps. The stock itself is changed through the ledger. */
export async function closeLines(tx: Transaction, lines: readonly OpenLine[]): Promise<void> {
  if (lines.length > 0) await reduceOpenLines(tx, lines);
}

/** Sets the status of reservations whose locks the caller has. To expire them: `setReservationsExpired`. */
export async function setReservationStatus(
  tx: Transaction,
  ids: readonly string[],
  status: ReservationStatus,
): Promise<void> {
  if (ids.length > 0) await updateReservationStatus(tx, ids, status);
}

/** The same for reservations that are past due: how long they have been is measured. */
export async function setReservationsExpired(
  tx: Transaction,
  ids: readonly string[],
  of: Expiries['of'],
): Promise<void> {
  if (ids.length > 0) measureExpiries(tx, of, await updateReservationsExpired(tx, ids));
}
