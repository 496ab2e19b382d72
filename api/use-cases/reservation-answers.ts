import { MAX_RESERVATION_SECONDS } from '../../domain/stock/reservations/rules';
import { ok, type Answer } from '../http/answer';
import type { ApiContext } from '../context';
import { invalid, problem } from '../http/problems';
import { dueOf, type Due } from '../schemas/reservations';

/** The tag of their routes. */
export const RESERVATIONS = 'Reservations';

/**
 * When a hold is to fall due.
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

/** 200 with the hold as it is now. */
export async function viewAnswer({ holds }: Pick<ApiContext, 'holds'>, id: string): Promise<Answer> {
  const view = await holds.view(id);
  if (!view) throw noSuchReservation();
  return ok(view);
}

export function noSuchReservation(): Error {
  return problem('NOT_FOUND', 'There is no such hold.');
}
