import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { readActive } from '../../catalog/warehouse-state';
import type { WarehouseDirectory } from '../../catalog/warehouses';
import { effectIsApplied, lockStock, type StockAccess } from '../ledger/stock-ledger';
import type { Allocation, LedgerEntry } from '../ledger/types';
import type { SourcingStrategy } from '../sourcing/types';
import { readCandidates } from './candidates';
import { changeReservation } from './decide-change';
import { growLines, planMoreUnits, reclaimableOf } from './more-units';
import type { ReservationPlan } from './plan-reservation';
import { selectNamedLines, type NamedLine } from './queries';
import { closeLines, setReservationStatus, type ReservationRow } from './reservations';
import { openUnits } from './rules';

/** How many units a reservation without an order is to keep. */
export interface UnitsChange {
  /** Of the change: again, it changes nothing. */
  changeId: string;
  /** Units that it keeps afterwards, each SKU once; those that are not named stay as they are. */
  items: readonly { sku: string; quantity: number }[];
  /** Code of the one warehouse where units are added or given back. */
  location: string | null;
  /** The caller who changes it; nobody in particular unless given. */
  actor?: string | undefined;
}

export interface UnitsChangerOptions extends StockAccess {
  db: Database;
  warehouses: WarehouseDirectory;
  strategy: SourcingStrategy;
  /** Frees unpaid reservations of these products that are past due, in a transaction of its own. */
  reclaim: (productIds: readonly number[]) => Promise<void>;
}

/**
 * Changes what reservations without an order keep, all or nothing: more units are reserved where the strategy finds them, fewer go back
 * on sale, first where the reservation keeps the least.
 *
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_EXPIRED, HOLD_RELEASED, ALREADY_SHIPPED; OUT_OF_STOCK with `shortages`; UNKNOWN_SKU,
 * UNKNOWN_LOCATION; HOLD_EMPTY where it would keep nothing
 */
export type UnitsChanger = (id: string, change: UnitsChange) => Promise<void>;

export function createUnitsChanger(options: UnitsChangerOptions): UnitsChanger {
  const { db, stock, reclaim } = options;

  /** Returns products of which due reservations are to be freed before a shortage is decided. */
  async function attempt(id: string, change: UnitsChange, mayReclaim: boolean): Promise<number[]> {
    const { changeId, items, location, actor } = change;
    const wanted = { lines: items, warehouse: location };
    const candidates = await readCandidates(options, [wanted]);

    async function apply(tx: Transaction, { status }: ReservationRow): Promise<number[]> {
      const kept = await selectNamedLines(tx, id);
      const levels = await lockStock(tx, [...candidates.rowsOf(wanted), ...kept]);
      const { more, fewer } = differences(kept, change);
      if (openUnits(kept) + sum(more) === sum(fewer))
        throw new AppError('HOLD_EMPTY', 'The hold would keep nothing. Release it instead.');
      const plan =
        more.length === 0
          ? null
          : planMoreUnits(
              { orderId: null, lines: more, shipTo: null, warehouse: location },
              candidates,
              levels,
              await readActive(tx),
              options.strategy,
            );
      if (plan && plan.outcome !== 'reserved') {
        const reclaimable = mayReclaim ? await reclaimableOf(tx, plan) : [];
        if (reclaimable.length > 0) return reclaimable;
        throw refused(plan);
      }
      const freed = fewer.flatMap((item) => linesToFree(kept, { ...item, location }));
      await closeLines(tx, freed);
      await growLines(
        tx,
        (plan?.allocations ?? []).map((units) => ({ ...units, reservationId: id })),
      );
      await setReservationStatus(tx, [id], status);
      await stock.change(tx, entriesOf({ id, changeId, actor, freed, taken: plan?.allocations ?? [] }));
      return [];
    }

    const found = await changeReservation(db, id, 'change', apply, async (tx) => {
      const isKnown = await Promise.all(
        (['reserve', 'release'] as const).map((kind) => effectIsApplied(tx, kind, changeId)),
      );
      return isKnown.includes(true);
    });
    return found ?? [];
  }

  return async (id, change) => {
    const reclaimable = await attempt(id, change, true);
    if (reclaimable.length === 0) return;
    await reclaim(reclaimable);
    await attempt(id, change, false);
  };
}

interface Differences {
  more: { sku: string; quantity: number }[];
  fewer: { sku: string; quantity: number }[];
}

function differences(kept: readonly NamedLine[], { items }: UnitsChange): Differences {
  const changed = items.map(({ sku, quantity }) => ({
    sku,
    delta: quantity - openUnits(kept.filter((line) => line.sku === sku)),
  }));
  return {
    more: changed.flatMap(({ sku, delta }) => (delta > 0 ? [{ sku, quantity: delta }] : [])),
    fewer: changed.flatMap(({ sku, delta }) => (delta < 0 ? [{ sku, quantity: -delta }] : [])),
  };
}

function linesToFree(
  kept: readonly NamedLine[],
  { sku, quantity, location }: { sku: string; quantity: number; location: string | null },
): NamedLine[] {
  let left = quantity;
  const freed = kept
    .filter((line) => line.sku === sku && (location === null || line.location === location))
    .sort((a, b) => a.openQuantity - b.openQuantity)
    .flatMap((line) => {
      const openQuantity = Math.min(left, line.openQuantity);
      left -= openQuantity;
      return openQuantity > 0 ? [{ ...line, openQuantity }] : [];
    });
  if (left > 0) {
    const held = quantity - left;
    throw new AppError('EXCEEDS_HOLD', `The hold keeps ${held} of ${sku} in ${location}.`, { sku, held });
  }
  return freed;
}

function entriesOf({
  id,
  changeId,
  actor,
  freed,
  taken,
}: {
  id: string;
  changeId: string;
  actor: string | undefined;
  freed: readonly NamedLine[];
  taken: readonly Allocation[];
}): LedgerEntry[] {
  const by = actor === undefined ? {} : { actor };
  const ours = { onHandDelta: 0, effectId: changeId, reservationId: id, ...by };
  return [
    ...taken.map(({ productId, warehouseId, quantity }): LedgerEntry => {
      return { productId, warehouseId, kind: 'reserve', reservedDelta: quantity, ...ours };
    }),
    ...freed.map(({ productId, warehouseId, openQuantity }): LedgerEntry => {
      return { productId, warehouseId, kind: 'release', reservedDelta: -openQuantity, ...ours };
    }),
  ];
}

function refused({ refusal, shortages }: ReservationPlan): AppError {
  return refusal
    ? new AppError(refusal.code, refusal.detail)
    : new AppError('OUT_OF_STOCK', 'There is not enough stock.', { shortages });
}

function sum(items: readonly { quantity: number }[]): number {
  return items.reduce((units, { quantity }) => units + quantity, 0);
}
