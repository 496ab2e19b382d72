import { MAX_RESERVATION_SECONDS } from '../../domain/stock/reservations/rules';
import { derivedId } from '../../platform/ids';
import { invalid } from '../http/problems';
import { type ApiResponse, okOrNotFound } from '../http/response';
import { dueOf, type Due } from '../schemas/reservations';
import type { ApiContext } from '../services/context';

/** The tag of their routes. */
export const RESERVATIONS = 'Reservations';

/** The id of the reservation that a caller calls by this name. */
export function idOfReference({ caller }: { caller: string }, reference: string): string {
  return derivedId('reservation', caller, reference);
}

export const NO_RESERVATION = 'There is no such hold.';

/**
 * When a reservation falls due.
 *
 * @throws AppError `VALIDATION_FAILED` for a time that is past or too far ahead.
 */
export function checkedDue(given: Due): ReturnType<typeof dueOf> {
  const due = dueOf(given);
  const ahead = due.expiresAt ? due.expiresAt.getTime() - Date.now() : 1;
  if (ahead <= 0) throw invalid([{ path: 'expiresAt', message: 'must be in the future' }]);
  if (ahead > MAX_RESERVATION_SECONDS * 1_000)
    throw invalid([{ path: 'expiresAt', message: 'must be at most 30 days from now' }]);
  return due;
}

/** 200 with the reservation as it is now. */
export async function reservationResponse(
  { reservations }: Pick<ApiContext, 'reservations'>,
  id: string,
): Promise<ApiResponse> {
  return okOrNotFound(await reservations.view(id), NO_RESERVATION);
}
