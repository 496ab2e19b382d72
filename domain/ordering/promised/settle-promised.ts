import type { Database, RetryLimits, Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { isLockTimeout, isRetryable, isSubjectsOwn } from '../../../platform/errors';
import { beginVoid } from '../../fulfilment/rules';
import { lockShipmentsOf } from '../../fulfilment/shipments-of-order';
import { beginStops } from '../../fulfilment/stop';
import { appendEvents } from '../../orders/events';
import {
  failuresByDue,
  forgetFailures,
  forgetSettled,
  recordFailure,
  type Failures,
} from '../../stock/alerts/failed-work';
import type { StockKey } from '../../stock/ledger/types';
import { eventOf, giveUpSome, tell, type Place } from './give-up';
import { openLacking, type Lacking } from './lacking';
import {
  selectNames,
  selectPlaces,
  selectPlacesOfOrder,
  selectPromised,
  selectSettledFailures,
  selectWithBlocked,
  subjectOf,
  type Promised,
  type PromisedPosition,
} from './queries';

/** Those to whom units of a place are promised that are read at once. */
const PAGE = 500;

/** How long a request settles with those to whom units are promised. The schedule `stock-upkeep` does the rest. */
export const SETTLE_SOON_MS = 5_000;

/** How often a transaction is tried there: each may wait seconds for a row. */
const ATTEMPTS_IN_TIME = 2;

/** How far it was settled: a place, and there the one that was looked at last. */
export interface SettledUpTo extends StockKey {
  promised: PromisedPosition | null;
}

export interface SettleLimits {
  /** Called after each that was settled: where to go on, should this process die. */
  beat?: (settled: SettledUpTo) => void;
  /** It ends after so many milliseconds, though something is left. */
  withinMs?: number;
  /** Of those to whom units are promised, so many are read at once. */
  page?: number;
}

/**
 * Settles with those to whom blocked units of a place are promised, or units that a count did not find. Parcels into which such units
 * were packed are stopped and made anew. Then, as far as quality holds await units: they are taken from another warehouse where
 * it has any available, else cut. What is not paid for gives up first, then what is in no parcel, then parcels that are not
 * booked; a booked parcel is stopped, and what becomes of its units is decided once it is. The orders' histories, their
 * attention and an alert of the place say so. Each is a transaction of its own, so that it may end anywhere; safe to repeat and
 * at any time. Somebody with whom it fails keeps what they have, and the alert `work_failed` names them.
 *
 * @returns false where its time was up, or rows that it needs stayed locked, and something is left: the schedule `stock-upkeep` goes on
 */
export async function settlePromised(
  db: Database,
  key: StockKey,
  limits: SettleLimits = {},
): Promise<boolean> {
  const settling = { ...limits, until: untilOf(limits), after: null };
  if (limits.withinMs === undefined) return settleAt(db, key, settling);
  try {
    return await settleAt(db, key, { ...settling, attempts: ATTEMPTS_IN_TIME });
  } catch (error) {
    // Somebody else has the rows.
    if (isRetryable(error)) return false;
    throw error;
  }
}

/**
 * The same everywhere.
 *
 * @param from where an earlier run was: places before it are left out, and there those before the last one
 */
export async function settleAllPromised(
  db: Database,
  { from = null, ...limits }: SettleLimits & { from?: SettledUpTo | null } = {},
): Promise<boolean> {
  const until = untilOf(limits);
  let all = true;
  for (const key of await selectPlaces(db)) {
    if (from && comparePlaces(key, from) < 0) continue;
    if (performance.now() >= until) return false;
    limits.beat?.({ ...key, promised: null });
    const after = from && comparePlaces(key, from) === 0 ? from.promised : null;
    all = (await settleAt(db, key, { ...limits, until, after })) && all;
  }
  return all;
}

interface Settling extends SettleLimits {
  /** By the monotonic clock. */
  until: number;
  after: PromisedPosition | null;
  /** Of each transaction. */
  attempts?: number;
}

function untilOf({ withinMs }: SettleLimits): number {
  return withinMs === undefined ? Infinity : performance.now() + withinMs;
}

function comparePlaces(a: StockKey, b: StockKey): number {
  return a.productId - b.productId || a.warehouseId - b.warehouseId;
}

/** A place, and what one run found there. */
interface Run {
  db: Database;
  place: Place;
  /** Of each transaction. */
  retries: RetryLimits;
  /** Those with whom it failed before. */
  failures: Failures;
  lacking: Lacking;
  /** Rows of somebody stayed locked. */
  leftLocked: boolean;
}

async function settleAt(db: Database, key: StockKey, settling: Settling): Promise<boolean> {
  const { until, beat, page = PAGE, attempts } = settling;
  const run: Run = {
    db,
    place: { ...key, ...(await selectNames(db, key)) },
    retries: { throwsLockTimeout: true, ...(attempts === undefined ? {} : { attempts }) },
    failures: await failuresByDue(db, 'settle_promise'),
    lacking: openLacking(key),
    leftLocked: false,
  };
  for (const parcel of await selectWithBlocked(db, key)) {
    if (performance.now() >= until) return false;
    await settleOne(run, parcel, (tx) => stopParcel(tx, run.place, parcel));
    beat?.({ ...key, promised: settling.after });
  }
  if ((await run.lacking.count(db, 1)) <= 0) return !run.leftLocked;
  let { after } = settling;
  for (;;) {
    const found = await selectPromised(db, key, { after, limit: page });
    for (const promised of found) {
      if (performance.now() >= until) return false;
      const lacking = await settleOne(run, promised, (tx) => giveUp(tx, run, promised));
      after = promised.position;
      beat?.({ ...key, promised: after });
      if (lacking === undefined) run.lacking.noteOwed(promised.units);
      else if (lacking <= 0) return !run.leftLocked;
      else if (promised.shipmentId !== null) run.lacking.noteStopped(promised.units);
    }
    if (found.length < page) return !run.leftLocked;
  }
}

/**
 * Settles with one of those to whom units of a place are promised. One that fails by an error of its own is written down and left out for
 * a while, one whose rows stay locked is left to the next run, and the others go on.
 *
 * @returns undefined: it failed, or was left out
 */
async function settleOne<Result>(
  run: Run,
  who: { reservationId: string },
  act: (tx: Transaction) => Promise<Result>,
): Promise<Result | undefined> {
  const { db, place, retries, failures } = run;
  const subject = subjectOf(who.reservationId, place);
  if (failures.putOff.has(subject)) return undefined;
  let result: Result;
  try {
    result = await db.retrying(act, retries);
  } catch (error) {
    if (isLockTimeout(error)) run.leftLocked = true;
    else if (isSubjectsOwn(error)) await recordFailure(db, { work: 'settle_promise', subject, error });
    else throw error;
    return undefined;
  }
  if (failures.due.includes(subject)) await forgetFailures(db, 'settle_promise', [subject]);
  return result;
}

/** Resolves the alerts of those who could not be settled with and have nothing at the place any more, or of whom nothing is wanted. */
export function forgetSettledPromises(db: Database): Promise<void> {
  return forgetSettled(db, 'settle_promise', selectSettledFailures);
}

/** The same where shipments of an order were stopped. Returns whether there was anything to settle. */
export async function settlePromisedOfOrder(db: Database, orderId: string): Promise<boolean> {
  const places = await selectPlacesOfOrder(db, orderId);
  for (const key of places) await settlePromised(db, key);
  return places.length > 0;
}

/**
 * Stops a parcel; what it is to have is shipped anew, with other units. One that has left meanwhile, or is being stopped, is
 * left alone.
 */
async function stopParcel(
  tx: Transaction,
  place: Place,
  { shipmentId, orderId }: { shipmentId: string; orderId: string },
): Promise<void> {
  const shipment = (await lockShipmentsOf(tx, orderId)).find((one) => one.shipmentId === shipmentId);
  if (!shipment || shipment.stopRefused || !beginVoid(shipment.status)) return;
  await tell(tx, place, { orderId, outcome: 'parcel_stopped', shipmentId });
  await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
  await beginStops(tx, orderId, { shipmentIds: [shipmentId], forCut: true });
  await appendEvents(tx, [eventOf(place, orderId, { outcome: 'parcel_stopped', shipmentId })]);
}

/** @returns units that the place lacks beyond these */
async function giveUp(
  tx: Transaction,
  { place, lacking }: Pick<Run, 'place' | 'lacking'>,
  promised: Promised,
): Promise<number> {
  const { orderId, shipmentId, shipmentStatus } = promised;
  if (orderId !== null && shipmentId !== null && shipmentStatus !== 'pending') {
    await stopParcel(tx, place, { shipmentId, orderId });
    return lacking.count(tx, promised.units);
  }
  let before: number | undefined;
  const units = await giveUpSome(tx, place, promised, async ({ open }) => {
    before = await lacking.count(tx, open);
    return Math.min(open, before);
  });
  return before === undefined ? lacking.count(tx, promised.units) : before - units;
}
