import { rankWarehouses, sourceLines } from '../domain/stock/sourcing/rules';
import type { SourcingStrategy } from '../domain/stock/sourcing/types';
import type { Warehouse } from '../domain/catalog/types';
import { report, rounded } from './windows';

const ORDERS = 2_000;
const STRATEGIES: readonly SourcingStrategy[] = ['nearest', 'fewest_shipments', 'balanced'];
/** Warehouses and lines of an order: usual, the most that all sets are tried of, and far beyond. */
const SHAPES = [
  { warehouses: 5, lines: 3 },
  { warehouses: 12, lines: 10 },
  { warehouses: 12, lines: 100 },
  { warehouses: 40, lines: 100 },
];

/** How long the choice of warehouses for one order takes, with stock so scattered that many are needed. Pure code, no database. */
export function benchSourcing(): Promise<void> {
  for (const shape of SHAPES) {
    for (const strategy of STRATEGIES) {
      const times = Array.from({ length: ORDERS }, (_, order) => timeOne(shape, strategy, order)).sort(
        (a, b) => a - b,
      );
      const [half, last] = [times[ORDERS / 2] ?? 0, times[Math.floor(ORDERS * 0.99)] ?? 0];
      report({
        bench: 'sourcing',
        strategy,
        ...shape,
        medianMicros: rounded(half * 1_000),
        p99Micros: rounded(last * 1_000),
      });
    }
  }
  return Promise.resolve();
}

function timeOne(shape: (typeof SHAPES)[number], strategy: SourcingStrategy, seed: number): number {
  // Numbers that repeat from run to run: a linear congruential generator (Numerical Recipes).
  let state = seed + 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const warehouses = Array.from({ length: shape.warehouses }, (_, index): Warehouse => {
    const code = `W${index}`;
    return {
      id: index + 1,
      code,
      name: code,
      type: 'warehouse',
      address: '',
      latitude: 45 + random(10),
      longitude: random(10),
      region: 'eu',
      priority: 100,
      active: true,
      opening: false,
    };
  });
  const stock = Array.from({ length: shape.lines }, () =>
    warehouses.map(() => (random(3) === 0 ? random(8) : 0)),
  );
  const input = {
    lines: stock.map((_, productId) => ({ sku: `S${productId}`, productId, quantity: 1 + random(6) })),
    ranked: rankWarehouses(warehouses, { latitude: 50, longitude: 5 }, strategy),
    strategy,
    available: (productId: number, warehouseId: number) => stock[productId]?.[warehouseId - 1] ?? 0,
  };
  const begun = performance.now();
  sourceLines(input);
  return performance.now() - begun;
}
