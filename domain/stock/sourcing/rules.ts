import type { Allocation } from '../ledger/types';
import type { ShipTo, SourcingDecision, SourcingStrategy } from './types';
import type { Warehouse } from '../../catalog/types';
import { EXACT_UP_TO, fewestPlaces } from './fewest';

const EARTH_RADIUS_KM = 6371.0088;
/** `balanced`: warehouses that are at most so much farther than the nearest that has any of it are as good as near. */
export const BALANCED_BEYOND_KM = 1_000;

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
  const { order, why } = turnsOf(input);
  const allocations: Allocation[] = [];
  const missing = new Map<number, number>();
  const decisions: SourcingDecision[] = [];
  for (const { sku, productId, quantity } of lines) {
    let open = quantity;
    const decision: SourcingDecision = { sku, strategy, requested: quantity, candidates: [] };
    if (why) decision.why = why;
    const inTurn = firstExpiredFirst(order, strategy, (warehouseId) => expiry(productId, warehouseId));
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
  const isBySet = strategy === 'fewest_shipments' || strategy === 'balanced';
  if (isBySet || ranked.every(({ warehouse }) => expiryOf(warehouse.id) === null)) {
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

/** The order in which warehouses are asked, and how it was found where that is more than the ranking. */
interface Turns {
  order: readonly RankedWarehouse[];
  why?: SourcingDecision['why'];
}

type TurnsInput = Pick<
  Parameters<typeof sourceLines>[0],
  'lines' | 'ranked' | 'strategy' | 'available' | 'seen'
>;

function turnsOf(input: TurnsInput): Turns {
  const { ranked, strategy } = input;
  if (strategy === 'fewest_shipments') return fewestFirst(input, ranked);
  if (strategy !== 'balanced') return { order: ranked };
  const nearest = ranked.find(({ warehouse }) => hasAny(input, input.available, warehouse.id));
  if (!nearest) return { order: ranked };
  const withinKm = Math.round(((nearest.distanceKm ?? 0) + BALANCED_BEYOND_KM) * 10) / 10;
  const isNear = ({ distanceKm: km }: RankedWarehouse) => (km ?? 0) <= withinKm;
  const { order, why } = fewestFirst(input, ranked.filter(isNear));
  return {
    order: [...order, ...ranked.filter((each) => !isNear(each))],
    why: why && { ...why, withinKm },
  };
}

/** First the fewest of these warehouses that have everything these have, in the order of the ranking; then the others. */
function fewestFirst(input: TurnsInput, ranked: readonly RankedWarehouse[]): Turns {
  const { lines, available, seen = available } = input;
  const chosen = new Set(
    fewestPlaces({
      wanted: lines.map(({ quantity }) => quantity),
      has: ranked.map(({ warehouse }) =>
        lines.map(({ productId }) => Math.max(0, available(productId, warehouse.id))),
      ),
      cost: ranked.map(({ distanceKm: km }, place) => km ?? place),
    }),
  );
  const candidates = ranked.filter(({ warehouse }) => hasAny(input, seen, warehouse.id)).length;
  return {
    order: [
      ...ranked.filter((_, place) => chosen.has(place)),
      ...ranked.filter((_, place) => !chosen.has(place)),
    ],
    why: { shipments: chosen.size, search: candidates <= EXACT_UP_TO ? 'exact' : 'greedy' },
  };
}

function hasAny({ lines }: TurnsInput, of: TurnsInput['available'], warehouseId: number): boolean {
  return lines.some(({ productId }) => of(productId, warehouseId) > 0);
}
