import fc from 'fast-check';
import { distanceKm, rankWarehouses, sourceLines } from '../../domain/stock/sourcing/rules';
import type { ShipTo, SourcingStrategy } from '../../domain/stock/sourcing/types';
import type { Warehouse } from '../../domain/catalog/types';

const point = fc.record({
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
});
const region = fc.constantFrom('eu-west', 'us-east');
const strategy = fc.constantFrom<SourcingStrategy>('nearest', 'fewest_shipments', 'priority');
const shipTo: fc.Arbitrary<ShipTo | null> = fc.oneof(
  fc.constant(null),
  point,
  region.map((name) => ({ region: name })),
);

const warehouses = fc
  .array(fc.record({ at: point, region, priority: fc.integer({ min: 1, max: 3 }), active: fc.boolean(), opening: fc.constant(false) }), {
    maxLength: 6,
  })
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
