import type { Database } from '../../../platform/database/database';
import { AppError, isLockTimeout, isSubjectsOwn } from '../../../platform/errors';
import { readState } from '../../catalog/warehouse-state';
import { recordChange } from '../../audit/record';
import { findWarehouseId } from '../../catalog/warehouses';
import { failedSubjects, forgetFailures, forgetSettled, recordFailure } from '../../stock/alerts/failed-work';
import { planElsewhere, unitsOf } from './elsewhere';
import { giveUp } from './give-up';
import {
  selectMovable,
  selectNames,
  selectUnmovedFailures,
  subjectOf,
  type Promised,
  type PromisedPosition,
} from './queries';
import type { Place } from './told';

export interface ReSourcing {
  /** Code of the warehouse. */
  code: string;
  /** Where an earlier call was; null: from the beginning. */
  after: PromisedPosition | null;
  /** It ends after so many milliseconds, though something is left. */
  withinMs: number;
  /** Who asks for it. */
  actor: string;
  /** So many are read at once. */
  page?: number;
}

export interface ReSourced {
  warehouse: string;
  /** Reservations of which anything was moved in this call, each product of one for itself, and their units. */
  reservations: number;
  units: number;
  /** Reservations that could not be moved in this call, and stay. */
  failed: number;
  /** Where to go on; null: all were looked at. */
  after: PromisedPosition | null;
}

const PAGE = 500;

/**
 * Moves what is promised of a closed warehouse to other warehouses, as far as they have it available. A parcel that the carrier does not
 * know is made anew; one that is booked, being charged or amended stays and ships. What nobody else has stays as well: nothing is cut. Each is
 * a transaction of its own, so that it may end anywhere; again, it goes on. One that fails by an error of its own has the alert
 * `work_failed`; that one, and one whose rows stay locked, stays, and the others are moved.
 *
 * @throws AppError `UNKNOWN_LOCATION`; `WAREHOUSE_NOT_CLOSED`
 */
export async function reSourceWarehouse(
  db: Database,
  { code, withinMs, actor, page = PAGE, ...from }: ReSourcing,
): Promise<ReSourced> {
  const warehouseId = await findWarehouseId(db, code);
  const state = await readState(db, warehouseId);
  if (state?.status !== 'closed')
    throw new AppError('WAREHOUSE_NOT_CLOSED', `The warehouse ${code} is ${state?.status ?? 'gone'}.`);
  if (from.after === null)
    await db.retrying((tx) =>
      recordChange(tx, { actor, action: 'warehouse.re_sourced', subject: { type: 'warehouse', id: code } }),
    );
  const until = performance.now() + withinMs;
  const failures = await failedSubjects(db, 're_source_reservation');
  const done = { warehouse: code, reservations: 0, units: 0, failed: 0 };
  let { after } = from;
  for (;;) {
    const found = await selectMovable(db, warehouseId, { after, limit: page });
    for (const promised of found) {
      const units = await moveOne(db, { warehouseId, promised, failures });
      if (units === null) done.failed += 1;
      else if (units > 0) done.reservations += 1;
      done.units += units ?? 0;
      after = promised.position;
      if (performance.now() >= until) return { ...done, after };
    }
    if (found.length < page) return { ...done, after: null };
  }
}

interface Moving {
  warehouseId: number;
  promised: Promised;
  /** Subjects that failed before. */
  failures: ReadonlySet<string>;
}

/** @returns units that were moved; null: it failed, or its rows stayed locked */
async function moveOne(db: Database, { warehouseId, promised, failures }: Moving): Promise<number | null> {
  const key = { productId: promised.productId, warehouseId };
  const { sku, warehouse } = await selectNames(db, key);
  const place: Place = { ...key, sku, warehouse, why: 'the warehouse is closed', cause: 'closed' };
  const subject = subjectOf(promised.reservationId, place);
  let units: number;
  try {
    const given = await db.retrying(
      (tx) =>
        giveUp(tx, place, [promised], ({ open, busy, levels }) =>
          unitsOf(planElsewhere({ place, units: open, levels }, busy)),
        ),
      { throwsLockTimeout: true },
    );
    units = given.units;
  } catch (error) {
    if (isLockTimeout(error)) return null;
    if (!isSubjectsOwn(error)) throw error;
    await recordFailure(db, { work: 're_source_reservation', subject, error });
    return null;
  }
  if (failures.has(subject)) await forgetFailures(db, 're_source_reservation', [subject]);
  return units;
}

/** Resolves the alerts of reservations that could not be moved and have nothing there any more, or whose warehouse is not closed any more. */
export function forgetSettledMoves(db: Database): Promise<void> {
  return forgetSettled(db, 're_source_reservation', selectUnmovedFailures);
}
