import { distanceKm, rankWarehouses, sourceLines } from '../../domain/stock/sourcing/rules';
import { stockStatus } from '../../domain/stock/ledger/rules';
import type { SourcingStrategy } from '../../domain/stock/sourcing/types';
import type { Warehouse } from '../../domain/catalog/types';

const AMSTERDAM = { latitude: 52.37, longitude: 4.9 };
const [LAMP, DESK] = [1, 2];

function warehouse(id: number, code: string, rest: Partial<Warehouse> = {}): Warehouse {
  const place = { latitude: 0, longitude: 0, region: 'nowhere' };
  return {
    id,
    code,
    name: code,
    type: 'warehouse',
    address: '',
    priority: 100,
    active: true,
    opening: false,
    ...place,
    ...rest,
  };
}

const AMS = warehouse(1, 'AMS', { latitude: 52.3, longitude: 4.76, region: 'eu-west' });
const BER = warehouse(2, 'BER', { latitude: 52.52, longitude: 13.4, region: 'eu-central' });
const NYC = warehouse(3, 'NYC', { latitude: 40.71, longitude: -74, region: 'us-east' });
const ALL = [NYC, BER, AMS];

function codes(ranked: readonly { warehouse: Warehouse }[]): string[] {
  return ranked.map((entry) => entry.warehouse.code);
}

/** Units by `product:warehouse`. */
type Stock = Readonly<Record<string, number>>;

function source(options: {
  lines: Readonly<Record<number, number>>;
  stock: Stock;
  strategy?: SourcingStrategy;
  seen?: Stock;
}) {
  const { strategy = 'nearest', stock, seen } = options;
  return sourceLines({
    lines: Object.entries(options.lines).map(([productId, quantity]) => ({
      sku: `SKU-${productId}`,
      productId: Number(productId),
      quantity,
    })),
    ranked: rankWarehouses(ALL, AMSTERDAM, strategy),
    strategy,
    available: (productId, warehouseId) => stock[`${productId}:${warehouseId}`] ?? 0,
    ...(seen ? { seen: (productId, warehouseId) => seen[`${productId}:${warehouseId}`] ?? 0 } : {}),
  });
}

function taken(plan: ReturnType<typeof source>): string[] {
  return plan.allocations.map(
    (a) => `${a.productId} ${ALL.find((w) => w.id === a.warehouseId)?.code} ${a.quantity}`,
  );
}

describe('ranking', () => {
  test('the nearest warehouse is asked first', () => {
    expect(codes(rankWarehouses(ALL, AMSTERDAM, 'nearest'))).toEqual(['AMS', 'BER', 'NYC']);
    expect(codes(rankWarehouses(ALL, { latitude: 40, longitude: -75 }, 'nearest'))).toEqual([
      'NYC',
      'AMS',
      'BER',
    ]);
  });

  test('of equally near warehouses the one with the lower priority number is asked first, then by code', () => {
    const twins = [
      warehouse(1, 'C', { priority: 20 }),
      warehouse(2, 'B', { priority: 10 }),
      warehouse(3, 'A', { priority: 20 }),
    ];
    expect(codes(rankWarehouses(twins, AMSTERDAM, 'nearest'))).toEqual(['B', 'A', 'C']);
  });

  test('without a destination priority alone decides, and no distance is claimed', () => {
    const ranked = rankWarehouses([{ ...AMS, priority: 30 }, { ...BER, priority: 10 }, NYC], null, 'nearest');
    expect(codes(ranked)).toEqual(['BER', 'AMS', 'NYC']);
    expect(ranked.every((entry) => entry.distanceKm === null)).toBe(true);
  });

  test('a region is as far as the nearest of its warehouses', () => {
    const ranked = rankWarehouses(ALL, { region: 'eu-central' }, 'nearest');
    expect(codes(ranked)).toEqual(['BER', 'AMS', 'NYC']);
    expect(ranked[0]?.distanceKm).toBe(0);
  });

  test('an unknown region says nothing about distance', () => {
    expect(codes(rankWarehouses(ALL, { region: 'moon' }, 'nearest'))).toEqual(['AMS', 'BER', 'NYC']);
    expect(rankWarehouses(ALL, { region: 'moon' }, 'nearest')[0]?.distanceKm).toBeNull();
  });

  test('a warehouse that is not active is never asked', () => {
    expect(codes(rankWarehouses([{ ...AMS, active: false }, BER], AMSTERDAM, 'nearest'))).toEqual(['BER']);
  });

  test('the strategy `priority` asks by priority, and by distance only between equals', () => {
    const ranked = rankWarehouses([AMS, BER, { ...NYC, priority: 1 }], AMSTERDAM, 'priority');
    expect(codes(ranked)).toEqual(['NYC', 'AMS', 'BER']);
  });

  test('distances are those of the great circle', () => {
    // Amsterdam to Berlin and to New York, by any atlas.
    expect(distanceKm(AMS, BER)).toBeCloseTo(586, -1);
    expect(distanceKm(AMS, NYC)).toBeCloseTo(5_850, -2);
    expect(distanceKm({ latitude: 0, longitude: 179 }, { latitude: 0, longitude: -179 })).toBeCloseTo(
      222.4,
      0,
    );
  });
});

describe('splitting', () => {
  test('a line is taken from the nearest warehouse, and from the next one only what is lacking', () => {
    const plan = source({ lines: { [LAMP]: 5 }, stock: { '1:1': 3, '1:2': 9, '1:3': 9 } });
    expect(taken(plan)).toEqual(['1 AMS 3', '1 BER 2']);
    expect(plan.missing.size).toBe(0);
  });

  test('enough in total is enough, though no single warehouse has it all', () => {
    const plan = source({ lines: { [LAMP]: 6 }, stock: { '1:1': 2, '1:2': 2, '1:3': 2 } });
    expect(taken(plan)).toEqual(['1 AMS 2', '1 BER 2', '1 NYC 2']);
    expect(plan.missing.size).toBe(0);
  });

  test('a line is short by what all warehouses together lack', () => {
    const plan = source({ lines: { [LAMP]: 6, [DESK]: 1 }, stock: { '1:1': 2, '1:3': 1, '2:2': 1 } });
    expect([...plan.missing]).toEqual([[LAMP, 3]]);
  });

  test('a negative count is nothing to take', () => {
    const plan = source({ lines: { [LAMP]: 1 }, stock: { '1:1': -4 } });
    expect(plan.allocations).toEqual([]);
    expect(plan.missing.get(LAMP)).toBe(1);
  });

  test('`fewest_shipments` prefers one far warehouse with everything to two near ones', () => {
    const stock = { '1:1': 5, '2:2': 5, '1:3': 5, '2:3': 5 };
    const lines = { [LAMP]: 1, [DESK]: 1 };
    expect(taken(source({ lines, stock, strategy: 'nearest' }))).toEqual(['1 AMS 1', '2 BER 1']);
    expect(taken(source({ lines, stock, strategy: 'fewest_shipments' }))).toEqual(['1 NYC 1', '2 NYC 1']);
  });

  test('`fewest_shipments` is nearest first between warehouses that cover as much', () => {
    const plan = source({
      lines: { [LAMP]: 2 },
      stock: { '1:1': 2, '1:2': 9 },
      strategy: 'fewest_shipments',
    });
    expect(taken(plan)).toEqual(['1 AMS 2']);
  });

  test('`fewest_shipments` finds two where taking the largest first finds three', () => {
    // {1,2,3,4}, {1,2,5}, {3,4,6} of six products.
    const stock = Object.fromEntries(
      [
        [1, 2, 3, 4],
        [1, 2, 5],
        [3, 4, 6],
      ].flatMap((products, index) => products.map((product) => [`${product}:${index + 1}`, 1])),
    );
    const lines = Object.fromEntries([1, 2, 3, 4, 5, 6].map((product) => [product, 1]));
    const plan = source({ lines, stock, strategy: 'fewest_shipments' });
    expect(new Set(plan.allocations.map(({ warehouseId }) => warehouseId))).toEqual(new Set([2, 3]));
    expect(plan.missing.size).toBe(0);
    expect(plan.decisions[0]?.why).toEqual({ shipments: 2, search: 'exact' });
  });

  test('`balanced` takes all from the second warehouse where the nearest has one unit of it', () => {
    const stock = { '1:1': 1, '1:2': 10 };
    expect(taken(source({ lines: { [LAMP]: 10 }, stock }))).toEqual(['1 AMS 1', '1 BER 9']);
    const plan = source({ lines: { [LAMP]: 10 }, stock, strategy: 'balanced' });
    expect(taken(plan)).toEqual(['1 BER 10']);
    expect(plan.decisions[0]?.why).toMatchObject({ shipments: 1, search: 'exact' });
    expect(plan.decisions[0]?.why?.withinKm).toBeCloseTo(
      1_000 + (plan.decisions[0]?.candidates[1]?.distanceKm ?? 0),
      0,
    );
  });

  test('`balanced` does not send everything from far away to save a shipment', () => {
    const stock = { '1:1': 1, '1:2': 8, '1:3': 10 };
    expect(taken(source({ lines: { [LAMP]: 10 }, stock, strategy: 'balanced' }))).toEqual([
      '1 AMS 1',
      '1 BER 8',
      '1 NYC 1',
    ]);
    expect(taken(source({ lines: { [LAMP]: 10 }, stock, strategy: 'fewest_shipments' }))).toEqual([
      '1 NYC 10',
    ]);
  });

  test('the decision names every warehouse that had some, its distance, and what was taken there', () => {
    const [decision] = source({ lines: { [LAMP]: 4 }, stock: { '1:1': 3, '1:2': 9, '1:3': 2 } }).decisions;
    expect(decision).toMatchObject({ sku: 'SKU-1', strategy: 'nearest', requested: 4 });
    expect(
      decision?.candidates.map(({ warehouse: code, available, taken: units }) => [code, available, units]),
    ).toEqual([
      ['AMS', 3, 3],
      ['BER', 9, 1],
      ['NYC', 2, 0],
    ]);
    expect(decision?.candidates[1]?.distanceKm).toBeCloseTo(576, -1);
  });

  test('stock that was only seen is a candidate, and nothing is taken from it', () => {
    const plan = source({ lines: { [LAMP]: 4 }, stock: { '1:1': 3 }, seen: { '1:1': 3, '1:2': 9 } });
    expect(taken(plan)).toEqual(['1 AMS 3']);
    expect(plan.missing.get(LAMP)).toBe(1);
    expect(plan.decisions[0]?.candidates).toMatchObject([
      { warehouse: 'AMS' },
      { warehouse: 'BER', taken: 0 },
    ]);
  });
});

test('a location is low at its threshold, and out of stock at nothing', () => {
  expect(stockStatus(6, 5)).toBe('available');
  expect(stockStatus(5, 5)).toBe('low_stock');
  expect(stockStatus(0, 5)).toBe('out_of_stock');
  expect(stockStatus(1, 0)).toBe('available');
});
