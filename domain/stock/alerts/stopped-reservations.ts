import type { Queryable } from '../../../platform/database/database';
import { raiseStoppedReservations, resolveStoppedReservations } from './queries';

/** A confirmed reservation without an order never falls due by itself. One that nobody touches for so many days is told of. */
export const STOPPED_AFTER_DAYS = 30;
/** More are told of in the next run. */
const LIMIT = 1_000;

/** Tells of reservations that have stopped, an alert for each, and takes back what is over. */
export async function tellOfStoppedReservations(on: Queryable): Promise<void> {
  await resolveStoppedReservations(on, STOPPED_AFTER_DAYS);
  await raiseStoppedReservations(on, STOPPED_AFTER_DAYS, LIMIT);
}
