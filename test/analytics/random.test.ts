import { inventoryAnalytics, type AnalyticsGroup, type Grouping } from '../../domain/analytics/groups';
import { productAnalytics } from '../../domain/analytics/product';
import { followAnalytics, rebuildAnalytics } from '../../domain/analytics/sums';
import { newId } from '../../platform/ids';
import { numberAll } from '../events/support';
import { seededRandom, type Random } from '../support/random';
import { expectedGroups, expectedOf, readRaw, type Asked, type ExpectedGroup } from './expected';
import {
  expectSumsRight,
  followAll,
  insertMovement,
  openAnalyticsShop,
  PRODUCTS,
  WAREHOUSES,
  type AnalyticsShop,
  type Movement,
} from './support';

let shop: AnalyticsShop;
beforeAll(async () => {
  shop = await openAnalyticsShop();
});
afterEach(() => expectSumsRight(shop.db));
afterAll(() => shop.close());

const DAY = 86_400_000;

/** The begin of the month before: there the ledger has its first partition. */
function firstDay(): number {
  const now = new Date();
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1);
}

/** An order with a line for each product, for prices. Returns its id. */
async function addOrder(currency: string, factor: number): Promise<string> {
  const orderId = newId();
  await shop.owner.query(
    `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
     values ($1, 'c', 'fulfilled', 'complete', $2, 0, 900, '{}')`,
    [orderId, currency],
  );
  await shop.owner.query(
    `insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, fulfilled_quantity)
     select $1, id, id, sku, 1, id * $2, 1 from products`,
    [orderId, factor],
  );
  return orderId;
}

async function addDemand(random: Random, orderId: string, at: Date): Promise<void> {
  const type = random.pick([
    'order_placed',
    'items_backordered',
    'items_cut',
    'order_rejected',
    'order_paid',
  ]);
  const sku = random.pick(PRODUCTS);
  const requested = random.whole(1, 9);
  const data =
    type === 'order_placed'
      ? { items: [{ sku, quantity: requested }] }
      : { shortages: [{ sku, requested, available: random.whole(0, requested) }] };
  await shop.owner.query(
    `insert into order_events (order_id, seq, type, at, data)
     select $1, coalesce(max(seq), 0) + 1, $2, $3, $4 from order_events where order_id = $1`,
    [orderId, type, at, data],
  );
}

function movementOf(random: Random, orders: readonly [string, string], at: Date): Movement {
  const [sku, warehouse, units] = [random.pick(PRODUCTS), random.pick(WAREHOUSES), random.whole(1, 20)];
  const kind = random.pick([
    ...(['receipt', 'receipt', 'ship', 'ship', 'ship', 'ship_late', 'return', 'adjust', 'count'] as const),
    ...(['transfer_out', 'transfer_in', 'reserve', 'release', 'write_off', 'opening'] as const),
  ]);
  const base = { sku, warehouse, kind, at };
  if (kind === 'reserve') return { ...base, onHand: 0, reserved: units };
  if (kind === 'release') return { ...base, onHand: 0, reserved: -units };
  const leaves = ['ship', 'ship_late', 'transfer_out', 'write_off'].includes(kind);
  const orderId = random.chance(0.7) ? random.pick(orders) : null;
  const isOrdered = kind === 'ship' || kind === 'return' || kind === 'ship_late';
  return {
    ...base,
    onHand: leaves ? -units : units,
    reserved: kind === 'ship' ? -units : 0,
    orderId: isOrdered ? orderId : null,
  };
}

function comparable(group: Omit<AnalyticsGroup, 'key'>): ExpectedGroup {
  const { units, turnover, daysOfCover, sellThrough, fillRate, growth, values } = group;
  return {
    units: Object.fromEntries(
      Object.entries(units).map(([name, value]) => [name, value === null ? null : Number(value)]),
    ),
    turnover,
    daysOfCover,
    sellThrough,
    fillRate,
    growth,
    values: Object.fromEntries(
      values
        .filter(
          (value) =>
            Number(value.pricedUnits) + Number(value.costedUnits) + Number(value.returnedMinor) !== 0,
        )
        .map(({ currency, pricedUnits, revenueMinor, returnedMinor, costedUnits, costMinor }) => [
          currency,
          Object.fromEntries(
            Object.entries({ pricedUnits, revenueMinor, returnedMinor, costedUnits, costMinor }).map(
              ([name, value]) => [name, Number(value)],
            ),
          ),
        ]),
    ),
  };
}

/** Groups in which nothing happened need not be told. */
const NOTHING = JSON.stringify(
  ['sold', 'received', 'returned', 'adjusted', 'transferred', 'opening', 'closing'].map(() => 0),
);
const isNothing = ({ units, values }: ExpectedGroup) =>
  JSON.stringify(
    ['sold', 'received', 'returned', 'adjusted', 'transferred', 'opening', 'closing'].map(
      (name) => units[name],
    ),
  ) === NOTHING &&
  (units.ordered ?? 0) === 0 &&
  (units.short ?? 0) === 0 &&
  Object.keys(values).length === 0;

const dateOf = (at: number) => new Date(at).toISOString().slice(0, 10);

async function beginOf(date: string, tz: string): Promise<number> {
  const { rows } = await shop.owner.query<{ at: Date }>('select $1::date::timestamp at time zone $2 as at', [
    date,
    tz,
  ]);
  return rows[0]?.at.getTime() ?? 0;
}

async function expectSame(random: Random): Promise<void> {
  const groupBy = random.pick<Grouping>(['category', 'warehouse', 'region', 'product']);
  const tz =
    groupBy === 'product' ? 'UTC' : random.pick(['UTC', 'Europe/Paris', 'America/New_York', 'Asia/Tokyo']);
  const first = firstDay() + random.whole(0, 30) * DAY;
  const days = random.whole(1, 40);
  const [from, to, before] = [dateOf(first), dateOf(first + days * DAY), dateOf(first - days * DAY)];
  const category = random.chance(0.3) ? random.pick(['alpha', 'beta']) : undefined;
  const location = random.chance(0.3) ? random.pick(WAREHOUSES) : undefined;
  const begins = {
    before: await beginOf(before, tz),
    from: await beginOf(from, tz),
    to: await beginOf(to, tz),
  };
  if (begins.from >= Date.now()) return;
  const told = await inventoryAnalytics(shop.db, { groupBy, from, to, tz, category, location, limit: 100 });
  const raw = await readRaw(shop.owner);
  const asOf = Date.parse(told.asOf);
  const hasDemand = tz === 'UTC' && location === undefined;
  const asked: Asked = {
    groupBy,
    ...begins,
    until: Math.min(begins.to, asOf),
    category,
    location,
    hasDemand: hasDemand && (groupBy === 'category' || groupBy === 'product'),
  };
  const found = new Map(told.items.map(({ key, ...group }) => [key, comparable(group)]));
  const expected = expectedGroups(raw, asked);
  const about = JSON.stringify({ groupBy, from, to, tz, category, location });
  for (const key of new Set([...found.keys(), ...expected.keys()])) {
    const [one, other] = [found.get(key), expected.get(key)];
    if (one === undefined && other !== undefined)
      expect([about, key, isNothing(other)]).toEqual([about, key, true]);
    else if (other === undefined && one !== undefined)
      expect([about, key, isNothing(one)]).toEqual([about, key, true]);
    else expect({ about, key, ...one }).toEqual({ about, key, ...other });
  }
  const all = raw.filter(
    (row) =>
      (category === undefined || ['A', 'B'].includes(row.sku[0] ?? '')) &&
      (category === undefined || (category === 'alpha') === row.sku.startsWith('A')) &&
      (location === undefined || row.warehouse === location),
  );
  expect({ about, ...comparable(told.totals) }).toEqual({
    about,
    ...expectedOf(all, { ...asked, hasDemand }),
  });
}

test('metrics of groups are what rows have, wherever sequencer and follower are', async () => {
  const random = seededRandom();
  const orders: readonly [string, string] = [await addOrder('EUR', 100), await addOrder('USD', 130)];
  const at = () => new Date(firstDay() + Math.floor(random.fraction() * (Date.now() - firstDay())));
  await shop.owner.query(
    `insert into product_cost_steps (product_id, at, average_minor, costed_units, owned_units, currency)
     select p.id, $1::timestamptz + n * interval '9 days', p.id * 10 + n + 0.25, 0, 0, case when p.sku like 'B%' then 'EUR' else 'USD' end
     from products p cross join generate_series(1, 3) n where p.sku not like 'N%'`,
    [new Date(firstDay())],
  );
  for (let round = 0; round < 14; round++) {
    const open = await shop.owner.connect();
    try {
      await open.query('begin');
      for (let n = 0; n < 25; n++) {
        const movement = movementOf(random, orders, at());
        await insertMovement(random.chance(0.2) ? open : shop.owner, movement);
        if (random.chance(0.3)) await addDemand(random, random.pick(orders), at());
      }
      if (random.chance(0.7)) await numberAll(shop.db);
      if (random.chance(0.7)) await followAnalytics(shop.db, { batchesPerTurn: random.whole(1, 5) });
      await expectSame(random);
    } finally {
      await open.query('commit');
      open.release();
    }
    await expectSame(random);
    if (random.chance(0.15)) {
      await rebuildAnalytics(shop.db);
      await followAll(shop.db, { idsPerTurn: random.whole(5, 100) });
    }
    await expectSame(random);
  }
  await numberAll(shop.db);
  await followAll(shop.db);
  for (let n = 0; n < 30; n++) await expectSame(random);
});

test('days of a product are what rows have', async () => {
  const raw = await readRaw(shop.owner);
  const from = firstDay() + 3 * DAY;
  const to = from + 33 * DAY;
  for (const sku of PRODUCTS) {
    const told = await productAnalytics(shop.db, { sku, from: dateOf(from), to: dateOf(to) });
    const rows = raw.filter((row) => row.sku === sku);
    for (const [n, day] of (told?.days ?? []).entries()) {
      const begin = from + n * DAY;
      const asked: Asked = {
        groupBy: 'product',
        before: begin,
        from: begin,
        to: begin + DAY,
        until: begin + DAY,
        hasDemand: true,
      };
      const { units, values } = expectedOf(rows, asked);
      const reserved = rows.reduce(
        (sum, row) => sum + (row.at.getTime() < begin + DAY ? row.reserved : 0),
        0,
      );
      const sold = (days: number) =>
        rows.reduce((sum, row) => {
          const time = row.at.getTime();
          const isSold =
            ['ship', 'ship_late'].includes(row.kind) &&
            time < begin + DAY &&
            time >= begin + (1 - days) * DAY;
          return isSold ? sum - row.moved : sum;
        }, 0);
      expect(day).toMatchObject({
        day: dateOf(begin),
        sold: units.sold,
        received: units.received,
        returned: units.returned,
        adjusted: units.adjusted,
        transferred: units.transferred,
        ordered: units.ordered,
        short: units.short,
        onHand: units.closing,
        available: (units.closing ?? 0) - reserved,
      });
      if (day.average7 !== null) expect(day.average7).toBeCloseTo(sold(7) / 7, 9);
      if (day.average28 !== null) expect(day.average28).toBeCloseTo(sold(28) / 28, 9);
      const money = day.values.filter(
        (value) => Number(value.pricedUnits) + Number(value.costedUnits) + Number(value.returnedMinor) !== 0,
      );
      expect(Object.fromEntries(money.map(({ currency, ...rest }) => [currency, rest]))).toEqual(values);
    }
    expect(told?.days.at(-1)?.average28).not.toBeNull();
    const layers = Object.values(told?.ageing ?? {}).reduce((sum: number, units) => sum + Number(units), 0);
    expect(layers).toBe(Math.max(0, Number(told?.days.at(-1)?.onHand)));
  }
});
