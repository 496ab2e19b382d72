import { setTimeout as delay } from 'node:timers/promises';
import type { Database, Transaction } from '../../../platform/database/database';
import { countEffects } from '../../../platform/database/effects';
import { AppError } from '../../../platform/errors';
import { readServing } from '../../catalog/warehouse-state';
import {
  effectIsApplied,
  insertCorrections,
  insertEmptyStock,
  insertLedger,
  insertStockRows,
  noteCorrections,
  outdateDecisions,
  selectAvailable,
  selectFreeAt,
  selectStockForUpdate,
  selectStockKey,
  selectUnlockedStockForUpdate,
  updateStock,
} from './entry-queries';
import { selectNumberedSince, selectNumberFacts } from './number-queries';
import { insertReservationBatch } from './reservation-queries';
import {
  distinctKeys,
  foldChanges,
  freedUnits,
  MAX_ON_HAND,
  OVERFLOW_DETAIL,
  stockKeyOf,
  unreserved,
} from './rules';
import { selectBlockedProducts, takeBlocked } from './blocked-queries';
import { selectShortProducts } from './shortfall-queries';
import { leftByShortfalls } from './shortfalls';
import {
  applyStaged,
  endHoldsOfStaged,
  hasMetHoldsOfCounts,
  insertMissingStock,
  lockInOrder,
  lockStockOfStaged,
  meetsHoldsOfCounts,
  selectAdded,
  selectIsSettled,
} from './staged-queries';
import type {
  Allocation,
  Correction,
  LedgerEntry,
  ReservationBatch,
  StagedChanges,
  StagedCounts,
  StockChange,
  StockKey,
  StockLevel,
} from './types';

export { effectIsApplied, insertEmptyStock, insertStockRows, outdateDecisions, selectStockKey };
export { selectNumberedSince, selectNumberFacts };
export { countAsGone } from './shortfalls';
export type { NumberFacts } from './number-queries';
export { takeBlocked } from './blocked-queries';
export { endOvertakenHolds, selectHoldsOfCounts } from './overtaken-queries';
export type { HoldOfCount } from './overtaken-queries';

/**
 * Those who wait for stock, as far as the stock has to know them. In two halves that keep the lock order: stock rows, then
 * what waits, then whatever else it concerns.
 */
export interface Demand<Effects> {
  /** Products that anybody waits for. Asked under the locks of the stock rows that are changed. */
  products(tx: Transaction): Promise<number[]>;
  /**
   * Gives units that just became free to those who wait, so that nobody else can take them first. Locks what waits and nothing
   * after it. Its first statement is sent together with those that free the units, and behind them.
   *
   * @param freed each stock row once; the transaction has their locks
   * @param left what of it may be given: not what its place is short of itself, nor its safety stock, nor what is at a place that is
   *   closed. Asked where anybody waits
   * @returns what is still to be written, null where nobody took any
   */
  allocate(
    tx: Transaction,
    freed: readonly Allocation[],
    left: () => Promise<readonly Allocation[]>,
  ): Promise<Effects | null>;
  /** Writes the rest. The last step of a transaction: nothing may be locked after it. */
  write(tx: Transaction, effects: Effects): Promise<void>;
}

/** What became of units that were freed and that somebody waited for, or that their place was short of. */
export interface Taken<Effects> {
  /** Null: nobody who waits took any. */
  effects: Effects | null;
  /** Writes what the effects mean: as the last step of the transaction, unless the caller writes them with its own. */
  write(): Promise<void>;
}

/**
 * The one way in which counters of stock change and the ledger is written: by entries, by a staged table, and by a batch of
 * reservations (`reserve`, which frees nothing and so needs to know of nobody who waits). What an entry makes available pays what
 * its place is short of (`countAsGone`), then goes to quality holds: to those that await units, and to new ones of lots that have expired
 * or were recalled; then to those who wait, in the same transaction.
 */
export interface StockLedger<Effects = unknown> {
  /**
   * Changes stock and writes why. The caller holds the rows' locks (`lockStock`); the last step of its transaction.
   *
   * @param released units that the transaction has freed already (`endOvertakenHolds`)
   * @throws the constraint's error (BELOW_RESERVED, WOULD_GO_NEGATIVE, ALREADY_APPLIED after translation), and changes nothing
   */
  change(tx: Transaction, entries: readonly LedgerEntry[], released?: readonly Allocation[]): Promise<void>;
  /** The same without its last statements, for a transaction that has more to do: they are in what it returns. */
  post(
    tx: Transaction,
    entries: readonly LedgerEntry[],
    released?: readonly Allocation[],
  ): Promise<Taken<Effects> | null>;
  /**
   * Changes stock by the next rows of `feed_changes`, which are never seen by this process, and rejects those that cannot be
   * applied. Locks the stock rows itself.
   *
   * @returns null where rows could not be decided, since their stock row was missing or changed just now, or was counted: the
   *   transaction is to be rolled back and done again with `makeRows`
   */
  postStaged(tx: Transaction, changes: StagedChanges): Promise<StagedPosting<Effects> | null>;
  /**
   * Gives what is free at a warehouse to those who wait for it. Locks the stock rows itself; a transaction of its own.
   *
   * @param batch the next products after `after`, at most `limit` of them
   * @returns the last product that it looked at, null where there is none
   */
  serveWaiting(tx: Transaction, batch: FreeAtBatch): Promise<number | null>;
  /**
   * Gives units that may be promised from now on, since less is kept back, to those who wait for them. The caller holds the stock rows'
   * locks; the last step of its transaction.
   *
   * @param units each stock row once
   */
  offer(tx: Transaction, units: readonly Allocation[]): Promise<void>;
}

export interface FreeAtBatch {
  warehouseId: number;
  after: number;
  limit: number;
}

export interface StagedPosting<Effects> extends StagedCounts {
  /** Some stock rows were missing and have been made. */
  madeRows: boolean;
  taken: Taken<Effects> | null;
}

interface HandedOn<Effects> {
  effects: Effects | null;
  /** Places were short of some of it. */
  wasShort: boolean;
}

/** What a use case that changes stock works with. */
export interface StockAccess {
  db: Database;
  stock: StockLedger;
}

/** @param demand who is given what becomes free */
export function createStockLedger<Effects>(demand: Demand<Effects>): StockLedger<Effects> {
  const NOTHING = { effects: null, wasShort: false };

  function taken(tx: Transaction, { effects, wasShort }: HandedOn<Effects>): Taken<Effects> | null {
    if (effects === null && !wasShort) return null;
    return {
      effects,
      async write() {
        if (effects !== null) await demand.write(tx, effects);
      },
    };
  }

  async function post(
    tx: Transaction,
    entries: readonly LedgerEntry[],
    released: readonly Allocation[] = [],
  ): Promise<Taken<Effects> | null> {
    if (entries.length === 0 && released.length === 0) return null;
    countEffects(tx, { kind: 'ledger_entry', labels: entries.map(({ kind }) => kind) });
    const changes = foldChanges(entries);
    const freed = freedUnits(
      released.length > 0 ? foldChanges([...changes, ...asChanges(released)]) : changes,
    );
    const corrections = entries.filter(isCorrection);
    const movements = corrections.length > 0 ? entries.filter((entry) => !isCorrection(entry)) : entries;
    // Sent together, and run by the server in this order.
    const [, , , handedOn] = await Promise.all([
      updateStock(tx, changes),
      movements.length > 0 ? insertLedger(tx, movements) : 0,
      corrections.length > 0
        ? Promise.all([insertCorrections(tx, corrections), noteCorrections(tx, corrections)])
        : [],
      freed.length > 0 ? handOn(tx, freed) : NOTHING,
    ]);
    return taken(tx, handedOn);
  }

  /** What the place is short of comes first, then what is blocked, then those who wait. */
  async function handOn(tx: Transaction, freed: readonly Allocation[]): Promise<HandedOn<Effects>> {
    const left = leftByBlocked(leftByShortfalls(tx, freed), takeBlocked(tx, freed));
    const [notShort, effects] = await Promise.all([
      left,
      demand.allocate(tx, freed, async () => forCustomers(tx, await left)),
    ]);
    return { effects, wasShort: notShort !== freed };
  }

  /** What quality holds leave of units that were freed: what the shortfalls left, itself, where they take none. */
  async function leftByBlocked(
    notShort: Promise<readonly Allocation[]>,
    blocked: Promise<readonly Allocation[]>,
  ): Promise<readonly Allocation[]> {
    const [left, held] = await Promise.all([notShort, blocked]);
    if (held.length === 0) return left;
    const units = new Map(held.map((row) => [stockKeyOf(row), row.quantity]));
    return left.flatMap((row) => {
      const quantity = row.quantity - (units.get(stockKeyOf(row)) ?? 0);
      return quantity > 0 ? [{ ...row, quantity }] : [];
    });
  }

  return {
    post,
    async change(tx, entries, released) {
      await (await post(tx, entries, released))?.write();
    },
    async postStaged(tx, changes) {
      const meetsHolds = changes.mode === 'set' && (await meetsHoldsOfCounts(tx, changes));
      await lockInOrder(tx);
      if (changes.mode === 'set') await untilSettled(tx, changes);
      const made = changes.makeRows ? await insertMissingStock(tx, changes) : 0;
      if (meetsHolds) await lockStockOfStaged(tx, changes);
      const released = meetsHolds ? await endHoldsOfStaged(tx, changes) : [];
      const { undecided, belowReserved, ...counts } = await applyStaged(tx, changes.mode, changes);
      if (undecided > 0) return null;
      if (changes.mode === 'set' && !meetsHolds) {
        // A count was approved since the look: its hold is to be ended first.
        if (await meetsHoldsOfCounts(tx, changes)) return null;
        // Or its hold has ended again. Rows that are refused are not locked: they may have been for what it kept.
        if (belowReserved > 0 && (await hasMetHoldsOfCounts(tx, changes))) return null;
      }
      const products = [
        ...new Set([
          ...(await demand.products(tx)),
          ...(await selectShortProducts(tx)),
          ...(await selectBlockedProducts(tx)),
        ]),
      ];
      const added = products.length > 0 ? await selectAdded(tx, products, changes.effectId) : [];
      const freed = released.length > 0 ? await withFree(tx, added, released) : added;
      const handedOn = freed.length > 0 ? await handOn(tx, freed) : NOTHING;
      return { ...counts, madeRows: made > 0, taken: taken(tx, handedOn) };
    },
    async serveWaiting(tx, batch) {
      const keys = await selectFreeAt(tx, await demand.products(tx), batch);
      const freed = (await lockStock(tx, keys))
        .filter(({ available }) => available > 0)
        .map(({ productId, warehouseId, available: quantity }) => ({ productId, warehouseId, quantity }));
      if (freed.length > 0) await taken(tx, await handOn(tx, freed))?.write();
      return keys.at(-1)?.productId ?? null;
    },
    async offer(tx, units) {
      if (units.length > 0) await taken(tx, await handOn(tx, units))?.write();
    },
  };
}

/** How long a batch waits for a transaction that wrote to the ledger before the time of one of its numbers. */
const SETTLED_WITHIN_MS = 10_000;
const SETTLED_POLL_MS = 20;
/** @throws Error where such a transaction takes longer: the batch is tried again */
async function untilSettled(tx: Transaction, changes: StagedChanges): Promise<void> {
  const last = performance.now() + SETTLED_WITHIN_MS;
  while (!(await selectIsSettled(tx, changes))) {
    if (performance.now() > last)
      throw new Error('a transaction that wrote to the ledger before the time of this feed has not ended');
    await delay(SETTLED_POLL_MS);
  }
}

/**
 * What of freed units may be promised: none at a place that is closed until it opens, and no more of a stock row than is available
 * beside its safety stock. The caller has the stock rows' locks: closing waits for it.
 */
async function forCustomers(tx: Transaction, units: readonly Allocation[]): Promise<readonly Allocation[]> {
  if (units.length === 0) return units;
  const [serving, levels] = await Promise.all([
    readServing(tx, [...new Set(units.map(({ warehouseId }) => warehouseId))]),
    selectAvailable(tx, units),
  ]);
  const available = new Map(levels.map((level) => [stockKeyOf(level), level.available]));
  return units.flatMap((row) => {
    const quantity = Math.min(row.quantity, available.get(stockKeyOf(row)) ?? 0);
    return quantity > 0 && serving.has(row.warehouseId) ? [{ ...row, quantity }] : [];
  });
}

/**
 * Writes new reservations: rows, lines, counters and ledger in one statement. The caller holds the stock rows' locks and has
 * seen that the units are available. An expiry that would look too late for one of them is woken after the commit.
 *
 * @returns when each reservation falls due, by id; null: never
 */
export async function reserve(
  tx: Transaction,
  batch: ReservationBatch,
): Promise<ReadonlyMap<string, Date | null>> {
  if (batch.reservations.length === 0) return new Map();
  const made = await insertReservationBatch(tx, batch);
  const entries = batch.reservations.flatMap(({ allocations }) => allocations.map(() => batch.kind));
  countEffects(tx, { kind: 'ledger_entry', labels: entries });
  if (made.some(({ wakesExpiry }) => wakesExpiry)) tx.notice('holdfast_outbox', '');
  return new Map(made.map(({ id, expiresAt }) => [id, expiresAt]));
}

/** Locks stock rows in the one lock order, (product, warehouse), and returns them. Keys may repeat; rows that do not exist are left out. */
export async function lockStock(tx: Transaction, keys: readonly StockKey[]): Promise<StockLevel[]> {
  return keys.length === 0 ? [] : selectStockForUpdate(tx, distinctKeys(keys));
}

/** Locks those rows that nobody else has locked, without waiting, and returns their keys. Keys may repeat. */
export async function lockUnlockedStock(tx: Transaction, keys: readonly StockKey[]): Promise<StockKey[]> {
  return keys.length === 0 ? [] : selectUnlockedStockForUpdate(tx, distinctKeys(keys));
}

function asChanges(released: readonly Allocation[]): StockChange[] {
  return released.map(({ quantity, ...key }) => ({ ...key, onHandDelta: 0, reservedDelta: -quantity }));
}

/** What was added, and at places where a hold was ended what is free there by now. In the order of the places. */
async function withFree(
  tx: Transaction,
  added: readonly Allocation[],
  ended: readonly StockKey[],
): Promise<Allocation[]> {
  const levels = await lockStock(tx, ended);
  const free = levels.map((level) => {
    const { productId, warehouseId } = level;
    return { productId, warehouseId, quantity: unreserved(level) };
  });
  const known = new Set(free.map(stockKeyOf));
  return [
    ...added.filter((row) => !known.has(stockKeyOf(row))),
    ...free.filter((row) => row.quantity > 0),
  ].sort((a, b) => a.productId - b.productId || a.warehouseId - b.warehouseId);
}

function isCorrection(entry: LedgerEntry): entry is LedgerEntry & { correction: Correction } {
  return entry.correction !== undefined;
}

/**
 * The stock row that a SKU and a location's code mean, whether it exists or not.
 *
 * @throws AppError `UNKNOWN_SKU`, `UNKNOWN_LOCATION`
 */
export async function findStockKey(
  db: Database,
  { sku, location }: { sku: string; location: string },
): Promise<StockKey> {
  const { productId, warehouseId } = await selectStockKey(db, sku, location);
  if (productId === null) throw new AppError('UNKNOWN_SKU', `There is no product ${sku}.`);
  if (warehouseId === null) throw new AppError('UNKNOWN_LOCATION', `There is no location ${location}.`);
  return { productId, warehouseId };
}

/** @throws AppError `QUANTITY_OVERFLOW` for more units than a stock row can count. */
export function checkCountable(onHand: number): void {
  if (onHand > MAX_ON_HAND) throw new AppError('QUANTITY_OVERFLOW', OVERFLOW_DETAIL);
}
