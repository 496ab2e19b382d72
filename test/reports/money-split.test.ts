import fc from 'fast-check';
import { splitPayment, type MoneyEntry, type PaidUnits, type Part } from '../../domain/reports/money-split';

const units = (
  productId: number,
  quantity: number,
  priceMinor: number,
  more: Partial<PaidUnits> = {},
): PaidUnits => ({
  productId,
  warehouseId: 1,
  merchantId: 1,
  shipmentId: null,
  quantity: BigInt(quantity),
  priceMinor: BigInt(priceMinor),
  ...more,
});

const entry = (kind: MoneyEntry['kind'], minor: number, more: Partial<MoneyEntry> = {}): MoneyEntry => ({
  kind,
  merchantId: 1,
  amountMinor: BigInt(minor),
  sourceId: kind,
  turn: 0,
  units: null,
  shipmentId: null,
  forProducts: null,
  ...more,
});

const plain = (parts: readonly Part[] | undefined) =>
  (parts ?? []).map(({ productId, warehouseId, amountMinor }) => [
    productId,
    warehouseId,
    Number(amountMinor),
  ]);

const split = (entries: readonly MoneyEntry[], paid: readonly PaidUnits[]) =>
  splitPayment(entries, paid).map(plain);

const TWO = [units(1, 1, 700), units(2, 3, 100, { warehouseId: 2 })];

test('a capture is split by what its units cost, and a remainder goes to who lost most', () => {
  expect(split([entry('capture', 1_000)], TWO)).toEqual([
    [
      [1, 1, 700],
      [2, 2, 300],
    ],
  ]);
  const three = [1, 2, 3].map((product) => units(product, 1, 100));
  expect(split([entry('capture', 100)], three)[0]?.map((part) => part[2])).toEqual([34, 33, 33]);
});

test('each merchant has the parts of its own units, and the customer of none', () => {
  const paid = [units(1, 1, 500), units(2, 1, 500, { merchantId: 2 })];
  expect(
    split(
      [
        entry('capture', 500),
        entry('capture', 500, { merchantId: 2 }),
        entry('capture', 50, { merchantId: null }),
      ],
      paid,
    ),
  ).toEqual([[[1, 1, 500]], [[2, 1, 500]], [[null, null, 50]]]);
});

test('units that were noted with a capture are what it pays for, whatever the order has now', () => {
  const noted = [
    { productId: 9, warehouseId: 5, amountMinor: 300n },
    { productId: 9, warehouseId: 6, amountMinor: 100n },
  ];
  const refund = entry('refund', 200, { forProducts: new Map([[9, 200n]]) });
  expect(split([entry('capture', 400, { units: noted }), refund], TWO)).toEqual([
    [
      [9, 5, 300],
      [9, 6, 100],
    ],
    [
      [9, 5, 150],
      [9, 6, 50],
    ],
  ]);
});

test('a parcel that is captured apart is paid for by its own units', () => {
  const paid = [...TWO, units(2, 2, 100, { warehouseId: 2, shipmentId: 's' })];
  expect(split([entry('capture', 200, { shipmentId: 's' })], paid)).toEqual([[[2, 2, 200]]]);
});

test('a refund goes by the products that it is for, where they were', () => {
  const paid = [units(1, 1, 500), units(2, 1, 300), units(2, 3, 300, { warehouseId: 2 })];
  expect(
    split([entry('capture', 1_700), entry('refund', 600, { forProducts: new Map([[2, 600n]]) })], paid)[1],
  ).toEqual([
    [2, 1, 150],
    [2, 2, 450],
  ]);
});

test('a refund for no certain products goes by what is left of each', () => {
  const refunds = [
    entry('refund', 300, { sourceId: 'a', forProducts: new Map([[2, 300n]]) }),
    entry('refund', 700, { sourceId: 'b' }),
  ];
  expect(split([entry('capture', 1_000), ...refunds], TWO).slice(1)).toEqual([[[2, 2, 300]], [[1, 1, 700]]]);
});

test('what came back takes the way that it went, and a fee that of what it is about, in any order', () => {
  const entries = [
    entry('fee', 10, { sourceId: 'c' }),
    entry('capture', 1_000, { sourceId: 'c' }),
    entry('fee_returned', 3, { sourceId: 'r' }),
    entry('refund', 300, { sourceId: 'r', forProducts: new Map([[2, 300n]]) }),
    entry('refund_failed', 300, { sourceId: 'r' }),
    entry('dispute', 1_000, { sourceId: 'd' }),
    entry('dispute_reversed', 1_000, { sourceId: 'd' }),
  ];
  const whole = [
    [1, 1, 700],
    [2, 2, 300],
  ];
  expect(split(entries, TWO)).toEqual([
    [
      [1, 1, 7],
      [2, 2, 3],
    ],
    whole,
    [[2, 2, 3]],
    [[2, 2, 300]],
    [[2, 2, 300]],
    whole,
    whole,
  ]);
});

test('of units that cost nothing each has a part; of no units the money is of no product', () => {
  expect(split([entry('capture', 10)], [units(1, 1, 0), units(2, 1, 0)])).toEqual([
    [
      [1, 1, 5],
      [2, 1, 5],
    ],
  ]);
  expect(split([entry('capture', 10), entry('refund', 10)], [])).toEqual([
    [[null, null, 10]],
    [[null, null, 10]],
  ]);
});

const paidUnits = fc.record({
  productId: fc.integer({ min: 1, max: 4 }),
  warehouseId: fc.integer({ min: 1, max: 3 }),
  merchantId: fc.integer({ min: 1, max: 2 }),
  shipmentId: fc.constantFrom(null, 'a', 'b'),
  quantity: fc.bigInt({ min: 1n, max: 9n }),
  priceMinor: fc.bigInt({ min: 0n, max: 999n }),
});
const anyEntry = fc.record({
  kind: fc.constantFrom<MoneyEntry['kind']>(
    ...([
      'capture',
      'capture',
      'refund',
      'refund_failed',
      'dispute',
      'dispute_reversed',
      'fee',
      'fee_returned',
    ] as const),
  ),
  merchantId: fc.constantFrom(1, 2, null),
  amountMinor: fc.bigInt({ min: 1n, max: 10_000n }),
  sourceId: fc.constantFrom('x', 'y', 'z'),
  turn: fc.integer({ min: 0, max: 1 }),
  units: fc.option(
    fc.array(
      fc.record({
        productId: fc.integer({ min: 1, max: 4 }),
        warehouseId: fc.integer({ min: 1, max: 3 }),
        amountMinor: fc.bigInt({ min: 0n, max: 999n }),
      }),
      { maxLength: 3 },
    ),
  ),
  shipmentId: fc.constantFrom(null, 'a', 'b'),
  forProducts: fc.option(
    fc
      .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.bigInt({ min: 0n, max: 999n })), { maxLength: 3 })
      .map((pairs) => new Map(pairs)),
  ),
});
/** As the ledger has it: what is true is in it once. */
const entries = fc.uniqueArray(anyEntry, {
  maxLength: 12,
  selector: ({ kind, merchantId, sourceId, turn }) => `${kind} ${merchantId} ${sourceId} ${turn}`,
});

test('whatever there was before, the parts of an entry are positive and add up to it', () => {
  fc.assert(
    fc.property(entries, fc.array(paidUnits, { maxLength: 6 }), (all, paid) => {
      splitPayment(all, paid).forEach((parts, at) => {
        expect(parts.reduce((sum, { amountMinor }) => sum + amountMinor, 0n)).toBe(all[at]?.amountMinor);
        expect(parts.every(({ amountMinor }) => amountMinor > 0n)).toBe(true);
      });
    }),
  );
});

test('what comes later does not change how an entry is split, but for its fee', () => {
  fc.assert(
    fc.property(entries, fc.array(paidUnits, { maxLength: 6 }), fc.nat(12), (all, paid, length) => {
      const some = all.filter(({ kind }) => kind !== 'fee' && kind !== 'fee_returned');
      expect(splitPayment(some.slice(0, length), paid)).toEqual(splitPayment(some, paid).slice(0, length));
    }),
  );
});
