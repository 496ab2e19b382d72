import type { Allocation } from '../ledger/types';
import type { ShipTo, SourcingDecision, SourcingStrategy } from './types';
import type { Warehouse } from '../../catalog/types';

const EARTH_RADIUS_KM = 6371.0088;

/**
 * Great-circle distance in kilometres by the haversine formula on a sphere of the Earth's mean radius
 * (IUGG, R1 = 6371.0088 km); at most 0.5 % off the ellipsoid.
 */
export function distanceKm(
  a: { latitude: number; longitude: number },
  b: { latitude: number; longitude: number },
): number {
  const rad = Math.PI / 180;
  const dLat = (b.latitude - a.latitude) * rad;
  const dLon = (b.longitude - a.longitude) * rad;
  const h =
    Math.sin(dLat / 2) ** 2 +
    Math.cos(a.latitude * rad) * Math.cos(b.latitude * rad) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

export interface RankedWarehouse {
  warehouse: Warehouse;
  distanceKm: number | null;
}

/**
 * Active warehouses in the order in which they are asked: nearest first, equal distances by priority, then by code, so that
 * the order is total. A region is as far as the nearest of its warehouses; without a destination priority alone decides.
 */
export function rankWarehouses(
  warehouses: readonly Warehouse[],
  shipTo: ShipTo | null,
  strategy: SourcingStrategy,
): RankedWarehouse[] {
  const targets = destinations(warehouses, shipTo);
  return warehouses
    .filter((warehouse) => warehouse.active)
    .map((warehouse) => ({
      warehouse,
      distanceKm:
        targets.length === 0 ? null : Math.min(...targets.map((target) => distanceKm(warehouse, target))),
    }))
    .sort((a, b) => {
      const nearer = (a.distanceKm ?? 0) - (b.distanceKm ?? 0);
      const preferred = a.warehouse.priority - b.warehouse.priority;
      const [first, second] = strategy === 'priority' ? [preferred, nearer] : [nearer, preferred];
      return first || second || (a.warehouse.code < b.warehouse.code ? -1 : 1);
    });
}

function destinations(
  warehouses: readonly Warehouse[],
  shipTo: ShipTo | null,
): readonly { latitude: number; longitude: number }[] {
  if (shipTo === null) return [];
  if ('latitude' in shipTo) return [shipTo];
  return warehouses.filter((warehouse) => warehouse.region === shipTo.region);
}

export interface SourcingLine {
  sku: string;
  productId: number;
  quantity: number;
}

export interface SourcingPlan {
  allocations: Allocation[];
  /** Units of each line that no warehouse has, by product. */
  missing: Map<number, number>;
  decisions: SourcingDecision[];
}

/**
 * Splits lines over warehouses. Every unit that exists is found: a line is short only by what all warehouses together lack.
 *
 * @param input.available units of a product in a warehouse that may be taken
 * @param input.expiry the soonest expiry of a product in a warehouse, YYYY-MM-DD; null: it does not expire
 * @param input.seen the same for the decision's candidates, also where it was only read and nothing may be taken
 */
export function sourceLines(input: {
  lines: readonly SourcingLine[];
  ranked: readonly RankedWarehouse[];
  strategy: SourcingStrategy;
  available: (productId: number, warehouseId: number) => number;
  seen?: (productId: number, warehouseId: number) => number;
  expiry?: (productId: number, warehouseId: number) => string | null;
}): SourcingPlan {
  const { lines, strategy, available, seen = available, expiry = () => null } = input;
  const ranked = strategy === 'fewest_shipments' ? byCoverage(input) : input.ranked;
  const allocations: Allocation[] = [];
  const missing = new Map<number, number>();
  const decisions: SourcingDecision[] = [];
  for (const { sku, productId, quantity } of lines) {
    let open = quantity;
    const decision: SourcingDecision = { sku, strategy, requested: quantity, candidates: [] };
    const inTurn = firstExpiredFirst(ranked, strategy, (warehouseId) => expiry(productId, warehouseId));
    for (const { warehouse, distanceKm: distance } of inTurn) {
      const has = Math.max(0, available(productId, warehouse.id));
      const taken = Math.min(open, has);
      if (taken > 0) allocations.push({ productId, warehouseId: warehouse.id, quantity: taken });
      const shown = seen(productId, warehouse.id);
      if (shown > 0) {
        decision.candidates.push({
          warehouse: warehouse.code,
          distanceKm: distance === null ? null : Math.round(distance * 10) / 10,
          available: shown,
          taken,
        });
      }
      open -= taken;
    }
    if (open > 0) missing.set(productId, open);
    decisions.push(decision);
  }
  return { allocations, missing, decisions };
}

/**
 * Among equally near warehouses, what expires first goes first; with the strategy `priority` among equally preferred ones that
 * are equally near. The fewest shipments stay the fewest.
 */
function firstExpiredFirst(
  ranked: readonly RankedWarehouse[],
  strategy: SourcingStrategy,
  expiryOf: (warehouseId: number) => string | null,
): readonly RankedWarehouse[] {
  if (strategy === 'fewest_shipments' || ranked.every(({ warehouse }) => expiryOf(warehouse.id) === null)) {
    return ranked;
  }
  return [...ranked].sort((a, b) => {
    const nearer = (a.distanceKm ?? 0) - (b.distanceKm ?? 0);
    const preferred = a.warehouse.priority - b.warehouse.priority;
    const order = strategy === 'priority' ? preferred || nearer : nearer;
    if (order !== 0) return order;
    const [first, second] = [expiryOf(a.warehouse.id) ?? NEVER, expiryOf(b.warehouse.id) ?? NEVER];
    return first === second ? 0 : first < second ? -1 : 1;
  });
}

/** Sorts after every day. */
const NEVER = '~';

/** Greedy set cover: next the warehouse that can take the most of what is still open; the ranking breaks ties. */
function byCoverage(input: {
  lines: readonly SourcingLine[];
  ranked: readonly RankedWarehouse[];
  available: (productId: number, warehouseId: number) => number;
}): RankedWarehouse[] {
  const open = new Map(input.lines.map((line) => [line.productId, line.quantity]));
  const left = [...input.ranked];
  const order: RankedWarehouse[] = [];
  while (left.length > 0) {
    let best = 0;
    let bestUnits = -1;
    left.forEach((candidate, index) => {
      let units = 0;
      for (const [productId, quantity] of open) {
        units += Math.min(quantity, Math.max(0, input.available(productId, candidate.warehouse.id)));
      }
      if (units > bestUnits) [best, bestUnits] = [index, units];
    });
    for (const chosen of left.splice(best, 1)) {
      order.push(chosen);
      for (const [productId, quantity] of open) {
        open.set(
          productId,
          quantity - Math.min(quantity, Math.max(0, input.available(productId, chosen.warehouse.id))),
        );
      }
    }
  }
  return order;
}
