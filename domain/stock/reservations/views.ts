import type { Database, Queryable } from '../../../platform/database/database';
import { pageIn, type Page } from '../../../platform/database/pages';
import type { ReservationDetails } from './types';
import {
  selectReservationPage,
  selectReservationViews,
  type ReservationFilter,
  type ReservationViewRow,
} from './view-queries';

/** Those of these reservations that exist, by id, in one statement. */
export async function readReservations(
  on: Queryable,
  ids: readonly string[],
): Promise<Map<string, ReservationDetails>> {
  const found = await selectReservationViews(on, ids);
  return new Map(found.map((row) => [row.id, asView(row)]));
}

/** Null: no such reservation. */
export async function readReservation(on: Queryable, id: string): Promise<ReservationDetails | null> {
  return (await readReservations(on, [id])).get(id) ?? null;
}

/** A page of reservations without an order, newest first. `next` is where the next page begins, or null at the end. */
export async function listReservations(
  db: Database,
  filter: ReservationFilter,
): Promise<Page<ReservationDetails>> {
  return pageIn(await selectReservationPage(db, filter), filter.limit, asView);
}

function asView({ createdAtMicros: _sortedBy, ...row }: ReservationViewRow): ReservationDetails {
  return { ...row, status: row.status === 'charging' ? 'pending' : row.status };
}
