import { inventoryAnalytics } from '../../domain/analytics/groups';
import { stockouts } from '../../domain/analytics/stockouts';
import { productAnalytics } from '../../domain/analytics/product';
import { dayAfter } from '../../platform/days';
import { numberAll } from '../events/support';
import { expectSumsRight, followAll, openAnalyticsShop, type AnalyticsShop, type Movement } from './support';

let shop: AnalyticsShop;
beforeAll(async () => {
  shop = await openAnalyticsShop();
  for (const month of ['2025_03', '2025_04', '2025_10', '2025_11']) {
    const begin = `${month.replace('_', '-')}-01 00:00:00+00`;
    await shop.owner.query(
      `create table inventory_transactions_${month} partition of inventory_transactions
       for values from ('${begin}') to ('${begin.replace(/-(\d\d)-/, (_, m: string) => `-${String(Number(m) + 1).padStart(2, '0')}-`)}')`,
    );
  }
});
afterEach(() => expectSumsRight(shop.db));
afterAll(() => shop.close());

const ONE: Movement = { sku: 'A-1', warehouse: 'AMS', kind: 'receipt', onHand: 1 };

const told = (date: string, tz: string) =>
  inventoryAnalytics(shop.db, { groupBy: 'warehouse', from: date, to: dayAfter(date), tz, limit: 20 });

test.each([
  // Clocks go from 02:00 to 03:00.
  ['Europe/Paris', '2025-03-30', '2025-03-29T23:00:00Z', '2025-03-30T22:00:00Z'],
  // From 03:00 to 02:00.
  ['Europe/Paris', '2025-10-26', '2025-10-25T22:00:00Z', '2025-10-26T23:00:00Z'],
  // From 01:00 to 00:00: midnight comes twice, and the day begins with the first.
  ['America/Havana', '2025-11-02', '2025-11-02T04:00:00Z', '2025-11-03T05:00:00Z'],
  // From 00:00 to 01:00: there is no midnight.
  ['Africa/Cairo', '2025-04-25', '2025-04-24T22:00:00Z', '2025-04-25T21:00:00Z'],
  ['Asia/Tokyo', '2025-10-31', '2025-10-30T15:00:00Z', '2025-10-31T15:00:00Z'],
])(
  'in %s the day %s has what moved in it and nothing else, and its own length',
  async (tz, date, from, to) => {
    const before = Number((await told(date, tz)).totals.units.received);
    const [begin, end] = [Date.parse(from), Date.parse(to)];
    for (const at of [begin - 1, begin, end - 1, end]) await shop.move({ ...ONE, at: new Date(at) });
    const { totals } = await told(date, tz);
    expect(Number(totals.units.received) - before).toBe(2);
    // One unit was there all day, and one for less than a second.
    expect(Number(totals.units.average) - Number(totals.units.opening)).toBeCloseTo(1, 3);
    await numberAll(shop.db);
    await followAll(shop.db);
    expect((await told(date, tz)).totals).toEqual(totals);
  },
);

test.each([
  ['Asia/Kolkata', 'ZONE_NOT_WHOLE_HOURS'],
  ['Asia/Kathmandu', 'ZONE_NOT_WHOLE_HOURS'],
  ['Australia/Lord_Howe', 'ZONE_NOT_WHOLE_HOURS'],
  ['EST', 'UNKNOWN_ZONE'],
  ['+02:00', 'UNKNOWN_ZONE'],
  ['Europe/Atlantis', 'UNKNOWN_ZONE'],
])('the time zone %s is refused', async (tz, code) => {
  await expect(told('2025-06-01', tz)).rejects.toMatchObject({ code });
});

test('products are told by days of UTC, and a period must have begun', async () => {
  const product = { groupBy: 'product', from: '2025-03-01', to: '2025-03-02', limit: 5 } as const;
  await expect(inventoryAnalytics(shop.db, { ...product, tz: 'Europe/Paris' })).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
    details: { errors: [{ path: 'tz' }] },
  });
  await expect(told('2999-01-01', 'UTC')).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
  await expect(
    inventoryAnalytics(shop.db, { ...product, tz: 'UTC', category: 'gone' }),
  ).rejects.toMatchObject({
    code: 'UNKNOWN_CATEGORY',
  });
});

test('products are told page by page, each once', async () => {
  const seen: (string | null)[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await inventoryAnalytics(shop.db, {
      groupBy: 'product',
      from: '2025-03-01',
      to: '2025-04-01',
      tz: 'UTC',
      after,
      limit: 2,
    });
    seen.push(...page.items.map(({ key }) => key));
    if (page.next === null) break;
    after = page.next;
  }
  expect(seen).toEqual(['A-1', 'A-2', 'B-1', 'B-2', 'N-1']);
});

test('a place that is sold out says on how many days, and since when', async () => {
  const move = (day: string, onHand: number, reserved = 0) =>
    shop.move({
      sku: 'B-1',
      warehouse: 'BER',
      kind: onHand < 0 ? 'ship' : 'receipt',
      onHand,
      reserved,
      at: new Date(`2025-03-${day}T12:00:00Z`),
    });
  await move('05', 10);
  await move('07', -10);
  await move('10', 4);
  // All of it is reserved, for two days.
  await move('12', 0, 4);
  await move('14', 0, -1);
  await move('20', -3, -3);
  const find = (from: string, to: string) => stockouts(shop.db, { from, to, category: 'beta' });
  const march = { sku: 'B-1', warehouse: 'BER', days: 5, since: null };
  for (let round = 0; round < 2; round++) {
    expect((await find('2025-03-01', '2025-04-01')).items).toEqual([march]);
    expect((await find('2025-03-08', '2025-03-13')).items).toEqual([
      { ...march, days: 3, since: '2025-03-12' },
    ]);
    expect((await find('2025-03-14', '2025-04-01')).items).toEqual([]);
    const product = await productAnalytics(shop.db, { sku: 'B-1', from: '2025-03-01', to: '2025-04-01' });
    expect(product).toMatchObject({ stockoutDays: 5, lastSold: '2025-03-20', movement: 'active' });
    expect(product?.ageing).toEqual({ upTo30: 1, upTo90: 0, upTo180: 0, upTo365: 0, older: 0, unknown: 0 });
    await numberAll(shop.db);
    await followAll(shop.db);
  }
  const pages: string[] = [];
  let after: string | undefined;
  for (let n = 0; n < 10; n++) {
    const page = await stockouts(shop.db, { from: '2025-03-01', to: '2025-04-01', after }, 2);
    pages.push(...page.items.map(({ sku }) => sku));
    if (page.next === null) break;
    after = page.next;
  }
  expect(pages).toEqual(['B-1']);
});
