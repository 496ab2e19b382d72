import fc from 'fast-check';
import { fewestPlaces } from '../../domain/stock/sourcing/fewest';
import {
  BALANCED_BEYOND_KM,
  distanceKm,
  rankWarehouses,
  sourceLines,
} from '../../domain/stock/sourcing/rules';
import { SOURCING_STRATEGIES, type ShipTo, type SourcingStrategy } from '../../domain/stock/sourcing/types';
import type { Warehouse } from '../../domain/catalog/types';

const point = fc.record({
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
});
const region = fc.constantFrom('eu-west', 'us-east');
const strategy = fc.constantFrom<SourcingStrategy>(...SOURCING_STRATEGIES);
const shipTo: fc.Arbitrary<ShipTo | null> = fc.oneof(
  fc.constant(null),
  point,
  region.map((name) => ({ region: name })),
);

const warehouses = fc
  .array(
    fc.record({
      at: point,
      region,
      priority: fc.integer({ min: 1, max: 3 }),
      active: fc.boolean(),
      opening: fc.constant(false),
    }),
    {
      maxLength: 6,
    },
  )
  .map((list) =>
    list.map(({ at, ...rest }, index): Warehouse => {
      const name = `W${index}`;
      return { id: index + 1, code: name, name, type: 'warehouse', address: '', ...at, ...rest };
    }),
  );

interface Case {
  warehouses: Warehouse[];
  shipTo: ShipTo | null;
  strategy: SourcingStrategy;
  /** Units asked for, by product. */
  quantities: number[];
  /** Units by product and warehouse. */
  units: number[][];
}

const cases: fc.Arbitrary<Case> = fc.record({
  warehouses,
  shipTo,
  strategy,
  quantities: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }),
  units: fc.array(fc.array(fc.integer({ min: -2, max: 12 }), { minLength: 6, maxLength: 6 }), {
    minLength: 4,
    maxLength: 4,
  }),
});

function unitsOf(given: Case, productId: number, warehouseId: number): number {
  return given.units[productId]?.[warehouseId - 1] ?? 0;
}

function plan(given: Case, order: readonly Warehouse[] = given.warehouses) {
  return sourceLines({
    lines: given.quantities.map((quantity, productId) => ({ sku: `S${productId}`, productId, quantity })),
    ranked: rankWarehouses(order, given.shipTo, given.strategy),
    strategy: given.strategy,
    available: (productId, warehouseId) => unitsOf(given, productId, warehouseId),
  });
}

function takenOf(made: ReturnType<typeof plan>, productId: number): number {
  return made.allocations
    .filter((allocation) => allocation.productId === productId)
    .reduce((sum, allocation) => sum + allocation.quantity, 0);
}

test('no warehouse gives more than it has, nor the same product twice, nor while it is inactive', () => {
  fc.assert(
    fc.property(cases, (given) => {
      const { allocations } = plan(given);
      for (const { productId, warehouseId, quantity } of allocations) {
        expect(quantity).toBeGreaterThan(0);
        expect(quantity).toBeLessThanOrEqual(unitsOf(given, productId, warehouseId));
        expect(given.warehouses[warehouseId - 1]?.active).toBe(true);
      }
      const rows = allocations.map((allocation) => `${allocation.productId}:${allocation.warehouseId}`);
      expect(new Set(rows).size).toBe(rows.length);
    }),
  );
});

test('what is taken and what is missing add up to what was asked for', () => {
  fc.assert(
    fc.property(cases, (given) => {
      const made = plan(given);
      given.quantities.forEach((quantity, productId) => {
        expect(takenOf(made, productId) + (made.missing.get(productId) ?? 0)).toBe(quantity);
      });
    }),
  );
});

test('an order with a shortage was offered every unit there is', () => {
  fc.assert(
    fc.property(cases, (given) => {
      const made = plan(given);
      for (const productId of made.missing.keys()) {
        const all = given.warehouses
          .filter((warehouse) => warehouse.active)
          .reduce((sum, warehouse) => sum + Math.max(0, unitsOf(given, productId, warehouse.id)), 0);
        expect(takenOf(made, productId)).toBe(all);
      }
    }),
  );
});

test('the order in which warehouses are listed decides nothing', () => {
  fc.assert(
    fc.property(cases, fc.array(fc.nat(), { minLength: 6, maxLength: 6 }), (given, random) => {
      const shuffled = [...given.warehouses].sort(
        (a, b) => (random[a.id - 1] ?? 0) - (random[b.id - 1] ?? 0),
      );
      expect(plan(given, shuffled)).toEqual(plan(given));
    }),
  );
});

test('nearest first: nothing is taken from a warehouse while a nearer one still has some', () => {
  fc.assert(
    fc.property(cases, (given) => {
      const made = plan({ ...given, strategy: 'nearest' });
      for (const { candidates } of made.decisions) {
        const last = candidates.findLastIndex((candidate) => candidate.taken > 0);
        for (const nearer of candidates.slice(0, Math.max(0, last))) {
          expect(nearer.taken).toBe(nearer.available);
        }
        const distances = candidates.map((candidate) => candidate.distanceKm ?? 0);
        expect(distances).toEqual([...distances].sort((a, b) => a - b));
      }
    }),
  );
});

test('`fewest_shipments` never ships from more warehouses than there are units', () => {
  fc.assert(
    fc.property(cases, (given) => {
      const made = plan({ ...given, strategy: 'fewest_shipments' });
      const used = new Set(made.allocations.map((allocation) => allocation.warehouseId)).size;
      expect(used).toBeLessThanOrEqual(given.quantities.reduce((sum, quantity) => sum + quantity, 0));
      const whole = given.warehouses.some(
        (warehouse) =>
          warehouse.active &&
          given.quantities.every(
            (quantity, productId) => unitsOf(given, productId, warehouse.id) >= quantity,
          ),
      );
      if (whole) expect(used).toBe(1);
    }),
  );
});

interface Cover {
  wanted: number[];
  has: number[][];
  cost: number[];
}

/** Up to so many places that have any of it the choice is promised to be exact (docs/architecture.md). */
const EXACT = 12;

/** @param least units that each place has of each line at least */
const coversOf = (count: { min: number; max: number }, least = 0): fc.Arbitrary<Cover> =>
  fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer(count)).chain(([lines, places]) =>
    fc.record({
      wanted: fc.array(fc.integer({ min: 1, max: 24 }), { minLength: lines, maxLength: lines }),
      has: fc.array(fc.array(fc.integer({ min: least, max: 8 }), { minLength: lines, maxLength: lines }), {
        minLength: places,
        maxLength: places,
      }),
      cost: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: places, maxLength: places }),
    }),
  );

const total = (units: readonly number[]) => units.reduce((sum, each) => sum + each, 0);

/** Whether these places have all that there is of what is wanted. */
function isCover({ wanted, has }: Cover, places: readonly number[]): boolean {
  return wanted.every((units, line) => {
    const all = total(has.map((of) => of[line] ?? 0));
    return total(places.map((place) => has[place]?.[line] ?? 0)) >= Math.min(units, all);
  });
}

/** Every set of places, tried one by one: each is a smaller one and its last place. */
function bruteForce({ wanted, has, cost }: Cover): { count: number; cost: number } {
  const targets = wanted.map((units, line) => Math.min(units, total(has.map((of) => of[line] ?? 0))));
  const sets = [{ count: 0, cost: 0, units: wanted.map(() => 0) }];
  has.forEach((of, place) => {
    for (const set of [...sets]) {
      const units = set.units.map((each, line) => each + (of[line] ?? 0));
      sets.push({ count: set.count + 1, cost: set.cost + (cost[place] ?? 0), units });
    }
  });
  let best = { count: Infinity, cost: Infinity };
  for (const { units, ...set } of sets) {
    if (set.count > best.count || (set.count === best.count && set.cost >= best.cost)) continue;
    if (targets.every((target, line) => (units[line] ?? 0) >= target)) best = set;
  }
  return best;
}

test.each([
  [{ min: 0, max: 9 }, 1_000],
  [{ min: 10, max: EXACT }, 200],
])('the fewest of %j places are those that trying every set finds, of the lowest cost', (count, numRuns) => {
  fc.assert(
    fc.property(coversOf(count), (given) => {
      const places = fewestPlaces(given);
      expect(isCover(given, places)).toBe(true);
      const cost = total(places.map((place) => given.cost[place] ?? 0));
      expect({ count: places.length, cost }).toEqual(bruteForce(given));
    }),
    { numRuns },
  );
});

test('of more than are tried there are never fewer, and at most as many times the fewest as a greedy choice may take', () => {
  /** V. Chvátal, 1979: H(units that one place covers). */
  const harmonic = (n: number) => total(Array.from({ length: n }, (_, index) => 1 / (index + 1)));
  fc.assert(
    fc.property(coversOf({ min: EXACT + 1, max: EXACT + 2 }, 1), (given) => {
      const places = fewestPlaces(given);
      expect(isCover(given, places)).toBe(true);
      const { count } = bruteForce(given);
      expect(places.length).toBeGreaterThanOrEqual(count);
      const covered = given.has.map((of) =>
        total(of.map((units, line) => Math.min(units, given.wanted[line] ?? 0))),
      );
      expect(places.length).toBeLessThanOrEqual(count * harmonic(Math.max(...covered)));
    }),
    { numRuns: 100 },
  );
});

test('more places than are tried still have everything, and none of them is of no use', () => {
  const many = fc.record({
    wanted: fc.constant<number[]>([40, 40]),
    has: fc.array(fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 2, maxLength: 2 }), {
      minLength: EXACT + 8,
      maxLength: EXACT + 8,
    }),
    cost: fc.constant(Array.from({ length: EXACT + 8 }, () => 1)),
  });
  fc.assert(
    fc.property(many, (given) => {
      const places = fewestPlaces(given);
      expect(isCover(given, places)).toBe(true);
      for (const place of places) expect(total(given.has[place] ?? [])).toBeGreaterThan(0);
    }),
  );
});

test('`balanced` takes from as few near warehouses as can be, and from a farther one only what these lack', () => {
  fc.assert(
    fc.property(cases, (given) => {
      const ranked = rankWarehouses(given.warehouses, given.shipTo, 'balanced');
      const { allocations } = plan({ ...given, strategy: 'balanced' });
      const has = ({ warehouse }: (typeof ranked)[number]) =>
        given.quantities.map((_, productId) => Math.max(0, unitsOf(given, productId, warehouse.id)));
      const nearest = ranked.find((each) => total(has(each)) > 0);
      const limit = (nearest?.distanceKm ?? 0) + BALANCED_BEYOND_KM;
      // To a tenth, as the trace says it.
      const near = ranked.filter((each) => (each.distanceKm ?? 0) <= Math.round(limit * 10) / 10);
      const nearIds = new Set(near.map(({ warehouse }) => warehouse.id));
      const used = new Set(allocations.map(({ warehouseId }) => warehouseId).filter((id) => nearIds.has(id)));
      const cover = { wanted: given.quantities, has: near.map(has), cost: near.map(() => 0) };
      expect(used.size).toBe(bruteForce(cover).count);
      given.quantities.forEach((quantity, productId) => {
        const fromNear = allocations.filter((a) => a.productId === productId && nearIds.has(a.warehouseId));
        const ofNear = total(near.map((each) => has(each)[productId] ?? 0));
        expect(total(fromNear.map((a) => a.quantity))).toBe(Math.min(quantity, ofNear));
      });
    }),
  );
});

test('distance is symmetric, zero only to itself, obeys the triangle, and ends at half the circumference', () => {
  fc.assert(
    fc.property(point, point, point, (a, b, c) => {
      const direct = distanceKm(a, c);
      expect(distanceKm(c, a)).toBeCloseTo(direct, 6);
      expect(distanceKm(a, a)).toBe(0);
      // A metre of rounding.
      expect(direct).toBeLessThanOrEqual(distanceKm(a, b) + distanceKm(b, c) + 0.001);
      expect(direct).toBeLessThanOrEqual(Math.PI * 6371.0088 + 0.001);
    }),
  );
});
