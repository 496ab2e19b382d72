import type { Database, Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { isLockTimeout, isRetryable } from '../../../platform/errors';
import { lockShipmentsOf, type ShipmentRow } from '../../fulfilment/shipments-of-order';
import { stoppedAs, stopLocked } from '../../fulfilment/stop';
import { appendEvents } from '../../orders/events';
import {
  failuresByDue,
  forgetFailures,
  forgetSettled,
  runIsolated,
  type Failures,
} from '../../stock/alerts/failed-work';
import type { StockKey } from '../../stock/ledger/types';
import { lockEverywhere } from './elsewhere';
import { giveUp } from './give-up';
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
import { eventOf, tell, type Place } from './told';

/** Those to whom units of a place are promised that are read at once: each time all of them are put in their order. */
const PAGE = 2_000;

/** How long a request settles with those to whom units are promised. The schedule `stock-upkeep` does the rest. */
export const SETTLE_SOON_MS = 5_000;

/** How often a transaction is tried there: each may wait seconds for a row. */
const ATTEMPTS_IN_TIME = 2;

/** How far it was settled: a place, and there the one that was looked at last. */
export interface SettledUpTo extends StockKey {
  promised: PromisedPosition | null;
}

export interface SettleLimits {
  /** Called after each transaction: where to go on, should this process die. */
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
 * attention and an alert of the place say so. Some at a time are a transaction, so that it may end anywhere; safe to repeat and
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
  /** By the monotonic clock. */
  until: number;
  /** Of each transaction. */
  attempts: number | undefined;
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
    until,
    attempts,
    failures: await failuresByDue(db, 'settle_promise'),
    lacking: openLacking(key),
    leftLocked: false,
  };
  const withBlocked = await selectWithBlocked(db, key);
  for (const some of inBatches(withBlocked.filter((one) => !isPutOff(run, one)))) {
    const isDone = await settleTogether(run, some, {
      act: (tx, ready) => stopParcels(tx, run.place, ready, () => true),
    });
    if (!isDone) return false;
    beat?.({ ...key, promised: settling.after });
  }
  if ((await run.lacking.count(db, [1])) <= 0) return !run.leftLocked;
  let { after } = settling;
  for (;;) {
    const found = await selectPromised(db, key, { after, limit: page });
    for (const some of inBatches(found, (one) => `${isOnItsWay(one)} ${isPutOff(run, one)}`)) {
      const left = await settleSome(run, some);
      if (left === null) return false;
      after = some.at(-1)?.position ?? after;
      beat?.({ ...key, promised: after });
      if (left <= 0) return !run.leftLocked;
    }
    if (found.length < page) return !run.leftLocked;
  }
}

/** So many are settled with in one transaction, which keeps the stock rows of the product locked. */
const BATCH = 200;

/** Neighbours of one kind, and each order once. */
function inBatches<Who extends { orderId: string | null }>(
  some: readonly Who[],
  kindOf: (one: Who) => string = () => '',
): Who[][] {
  const batches: { kind: string; orders: Set<string>; some: Who[] }[] = [];
  for (const one of some) {
    const { orderId } = one;
    const kind = kindOf(one);
    let batch = batches.at(-1);
    if (
      batch?.kind !== kind ||
      batch.some.length === BATCH ||
      (orderId !== null && batch.orders.has(orderId))
    ) {
      batch = { kind, orders: new Set(), some: [] };
      batches.push(batch);
    }
    batch.some.push(one);
    if (orderId !== null) batch.orders.add(orderId);
  }
  return batches.map((batch) => batch.some);
}

/** What was settled in a transaction. */
interface Settled {
  /** Units that the place lacks beyond it; undefined: nobody had any, so it was not counted. */
  left: number | undefined;
  /** Units in parcels that are being stopped by it. */
  stopping: number;
}

/**
 * Settles with some of those to whom units are promised, in the order given: all of them are put off, or none; and their parcels are on
 * their way to the carrier, or none is.
 *
 * @returns units that the place lacks beyond these, as far as they were counted; null: its time was up, or the stock is locked
 */
async function settleSome(run: Run, some: readonly Promised[]): Promise<number | null> {
  const { lacking } = run;
  const owe = ({ units }: Promised) => {
    lacking.noteOwed(units);
  };
  if (some.some((one) => isPutOff(run, one))) {
    some.forEach(owe);
    return Infinity;
  }
  let left = Infinity;
  const isDone = await settleTogether(run, some, {
    act: (tx, ready) => (some.some(isOnItsWay) ? stopAsMany(tx, run, ready) : giveUpAsMany(tx, run, ready)),
    done(settled) {
      left = settled.left ?? left;
      lacking.noteStopped(settled.stopping);
    },
    without: owe,
  });
  return isDone ? left : null;
}

interface Together<Who, Result> {
  act(tx: Transaction, some: readonly Who[]): Promise<Result>;
  /** Told once that is committed. */
  done?(result: Result): void;
  /** Told of each with whom it failed, or whose rows stay locked. */
  without?(one: Who): void;
}

/**
 * Settles with some in one transaction and, where one fails by an error of its own, in halves until it stands alone: it is written down and
 * left out for a while. One whose rows stay locked is left to the next run, and the others go on; all of them are where it is the stock of
 * the place that is locked: each would wait for it in vain.
 *
 * @returns false: its time was up, or the stock is locked, before all were settled with
 */
async function settleTogether<Who extends { reservationId: string }, Result>(
  run: Run,
  some: readonly Who[],
  { act, done, without }: Together<Who, Result>,
): Promise<boolean> {
  const { db, place, until, attempts, failures } = run;
  const idOf = ({ reservationId }: Who) => subjectOf(reservationId, place);
  let goesOn = true;
  await runIsolated(some, {
    db,
    work: 'settle_promise',
    idOf,
    leavesLocked: true,
    async run(ready, limits) {
      goesOn &&= performance.now() < until;
      if (!goesOn) return;
      const result = await db.retrying((tx) => act(tx, ready), { ...limits, ...(attempts && { attempts }) });
      done?.(result);
      const due = ready.map(idOf).filter((subject) => failures.due.includes(subject));
      await forgetFailures(db, 'settle_promise', due);
    },
    async without(one, error) {
      without?.(one);
      if (!isLockTimeout(error)) return;
      run.leftLocked = true;
      goesOn &&= !(await isStockLocked(run));
    },
  });
  return goesOn;
}

/** How long it is waited for stock that may be what kept somebody waiting. */
const STOCK_WAIT_MS = 250;

async function isStockLocked({ db, place }: Run): Promise<boolean> {
  try {
    await db.retrying((tx) => lockEverywhere(tx, place), {
      throwsLockTimeout: true,
      lockTimeoutMs: STOCK_WAIT_MS,
    });
    return false;
  } catch (error) {
    if (isLockTimeout(error)) return true;
    throw error;
  }
}

function isPutOff({ place, failures }: Run, { reservationId }: { reservationId: string }): boolean {
  return failures.putOff.has(subjectOf(reservationId, place));
}

function isOnItsWay({ shipmentId, shipmentStatus }: Promised): boolean {
  return shipmentId !== null && shipmentStatus !== 'pending';
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
 * Stops parcels; what they are to have is shipped anew, with other units. One that has left meanwhile, or is being stopped, is
 * left alone.
 *
 * @param wants asked of each that can be stopped, under its lock
 */
async function stopParcels<Parcel extends { shipmentId: string | null; orderId: string | null }>(
  tx: Transaction,
  place: Place,
  parcels: readonly Parcel[],
  wants: (parcel: Parcel) => boolean | Promise<boolean>,
): Promise<void> {
  const locked = await lockShipmentsOf(
    tx,
    parcels.flatMap(({ orderId }) => orderId ?? []),
  );
  const stopped: ShipmentRow[] = [];
  for (const parcel of parcels) {
    const shipment = locked.find(({ shipmentId }) => shipmentId === parcel.shipmentId);
    if (shipment && stoppedAs(shipment) && (await wants(parcel))) stopped.push(shipment);
  }
  if (stopped.length === 0) return;
  const told = stopped.map(({ orderId, shipmentId }) => ({
    orderId,
    shipmentId,
    outcome: 'parcel_stopped' as const,
  }));
  await tell(tx, place, told);
  await enqueue(
    tx,
    stopped.map(({ orderId }) => ({ topic: 'order.wake' as const, key: orderId })),
  );
  await stopLocked(tx, stopped, true);
  await appendEvents(
    tx,
    told.map(({ orderId, ...data }) => eventOf(place, orderId, data)),
  );
}

/** Of parcels that are on their way to the carrier as many as the place lacks units. */
async function stopAsMany(
  tx: Transaction,
  { place, lacking }: Run,
  parcels: readonly Promised[],
): Promise<Settled> {
  let left: number | undefined;
  let stopping = 0;
  await stopParcels(tx, place, parcels, async ({ units }) => {
    left ??= await lacking.count(tx, unitsOf(parcels));
    if (left <= 0) return false;
    left -= units;
    stopping += units;
    return true;
  });
  return { left, stopping };
}

/** As many units as the place lacks. */
async function giveUpAsMany(
  tx: Transaction,
  { place, lacking }: Run,
  promised: readonly Promised[],
): Promise<Settled> {
  let left: number | undefined;
  const { stopping } = await giveUp(tx, place, promised, async ({ open }) => {
    left ??= await lacking.count(tx, unitsOf(promised));
    const units = Math.max(0, Math.min(open, left));
    left -= units;
    return units;
  });
  return { left, stopping };
}

function unitsOf(promised: readonly Promised[]): number[] {
  return promised.map(({ units }) => units);
}
