import type { Queryable } from '../../../platform/database/database';
import { selectOwners, type OwnerRow } from './owner-queries';

export type ReservationOwner = OwnerRow;

/** To whom those of these reservations belong that exist, by id, in one statement. */
export async function readReservationOwners(
  on: Queryable,
  ids: readonly string[],
): Promise<Map<string, ReservationOwner>> {
  return new Map((await selectOwners(on, ids)).map((row) => [row.id, row]));
}
