import type { Queryable } from '../../platform/database/database';
import { daysAfter } from '../../platform/days';
import { groupBy } from '../../platform/group-by';
import type { Warehouse } from '../catalog/types';
import { rankWarehouses } from '../stock/sourcing/rules';
import type { ShipTo, SourcingStrategy } from '../stock/sourcing/types';
import { selectAvailable, selectOrdered, type AvailableRow, type DemandScope } from './demand-queries';
import type { ObservedDay } from './types';

export interface DemandSeries {
  productId: number;
  /** Null: all locations together. */
  warehouseId: number | null;
  /** Of each day of the scope. */
  days: ObservedDay[];
}

/**
 * Demand of products by day of UTC: units ordered, when they were ordered, backorders included, at the location that would be asked first if all
 * had stock. One series of each product over all locations, and one of each location that was first choice of an order. A product is in
 * stock on a day on which some location could be ordered from all day.
 */
export async function readDemand(
  on: Queryable,
  {
    warehouses,
    strategy,
    ...scope
  }: DemandScope & { warehouses: readonly Warehouse[]; strategy: SourcingStrategy },
): Promise<DemandSeries[]> {
  const length = daysAfter(scope.firstDay, scope.lastDay) + 1;
  const firstChoice = firstChoiceOf(warehouses, strategy);
  const ordered = new Map<number, Map<number | null, number[]>>();
  for (const productId of scope.productIds) ordered.set(productId, new Map([[null, zeros(length)]]));
  for (const { productId, day, shipTo, units } of await selectOrdered(on, scope)) {
    const places = ordered.get(productId);
    for (const place of new Set([null, firstChoice(shipTo)])) {
      if (!places) continue;
      const series = places.get(place) ?? zeros(length);
      series[day] = (series[day] ?? 0) + units;
      places.set(place, series);
    }
  }
  const stocked = stockByPlace(await selectAvailable(on, scope), length);
  return [...ordered].flatMap(([productId, places]) => {
    const byPlace = stocked.get(productId) ?? new Map<number, ObservedDay['stock'][]>();
    return [...places].map(([warehouseId, units]) => ({
      productId,
      warehouseId,
      days: units.map((quantity, day): ObservedDay => {
        const states =
          warehouseId === null
            ? [...byPlace.values()].map((days) => days[day])
            : [byPlace.get(warehouseId)?.[day]];
        return { ordered: quantity, stock: bestOf(states) };
      }),
    }));
  });
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0);
}

/** The location that an order to a place would be asked of first; null: there is none. Destinations come again and again. */
function firstChoiceOf(
  warehouses: readonly Warehouse[],
  strategy: SourcingStrategy,
): (shipTo: ShipTo | null) => number | null {
  const known = new Map<string, number | null>();
  return (shipTo) => {
    const key = JSON.stringify(shipTo);
    const before = known.get(key);
    if (before !== undefined) return before;
    const first = rankWarehouses(warehouses, shipTo, strategy)[0]?.warehouse.id ?? null;
    known.set(key, first);
    return first;
  };
}

function bestOf(states: readonly (ObservedDay['stock'] | undefined)[]): ObservedDay['stock'] {
  if (states.includes('stocked')) return 'stocked';
  return states.includes('sold_out') ? 'sold_out' : 'absent';
}

/** Of each product and warehouse, what could be ordered each day. */
function stockByPlace(
  rows: readonly AvailableRow[],
  length: number,
): Map<number, Map<number, ObservedDay['stock'][]>> {
  return new Map(
    [...groupBy(rows, ({ productId }) => productId)].map(([productId, ofProduct]) => {
      const places = groupBy(ofProduct, ({ warehouseId }) => warehouseId);
      return [
        productId,
        new Map([...places].map(([warehouseId, changes]) => [warehouseId, dailyStock(changes, length)])),
      ];
    }),
  );
}

/** @param changes of one stock row, by day */
function dailyStock(changes: readonly AvailableRow[], length: number): ObservedDay['stock'][] {
  const byDay = new Map(changes.map((change) => [change.day, change]));
  let balance = changes[0]?.opening ?? 0;
  const since = changes[0]?.since ?? 0;
  return Array.from({ length }, (_, day) => {
    const change = byDay.get(day);
    const [least, most] = change ? [change.least, change.most] : [balance, balance];
    balance = change?.closing ?? balance;
    if (day < since) return 'absent';
    if (least > 0) return 'stocked';
    return most > 0 ? 'sold_out' : 'absent';
  });
}
