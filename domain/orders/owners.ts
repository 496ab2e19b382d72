import type { Queryable } from '../../platform/database/database';
import { selectOwners, type OwnerRow } from './owner-queries';

export type OrderOwner = OwnerRow;

/** To whom those of these orders belong that exist, by id, in one statement. */
export async function readOrderOwners(
  on: Queryable,
  orderIds: readonly string[],
): Promise<Map<string, OrderOwner>> {
  return new Map((await selectOwners(on, orderIds)).map((row) => [row.id, row]));
}
