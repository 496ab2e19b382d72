import { findInconsistencies } from '../../domain/assurance/run-check';
import { inventoryAnalytics, type AnalyticsRequest } from '../../domain/analytics/groups';
import { areAnalyticsBuilding, followAnalytics, rebuildAnalytics } from '../../domain/analytics/sums';
import { foldOldPartitions } from '../../domain/stock/partitions/partitions';
import { sealLedger } from '../../domain/assurance/seals/seal';
import type { Database } from '../../platform/database/database';
import { numberAll, withOpenTransaction, withQueriesSeen } from '../events/support';
import { waitFor } from '../support/wait';
import {
  expectSumsRight,
  followAll,
  insertMovement,
  openAnalyticsShop,
  type AnalyticsShop,
  type Movement,
} from './support';

let shop: AnalyticsShop;
beforeEach(async () => {
  shop = await openAnalyticsShop();
});
afterEach(async () => {
  await expectSumsRight(shop.db);
  await shop.close();
});

const DAY = 86_400_000;
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);

const RECEIVED: Movement = { sku: 'A-1', warehouse: 'AMS', kind: 'receipt', onHand: 7 };

/** What came in the last days, as it is told. */
async function told(
  request: Partial<AnalyticsRequest> = {},
  longestTail?: number,
): ReturnType<typeof inventoryAnalytics> {
  const from = dayOf(Date.now() - 2 * DAY);
  const to = dayOf(Date.now() + 2 * DAY);
  return inventoryAnalytics(
    shop.db,
    { groupBy: 'category', from, to, tz: 'UTC', limit: 20, ...request },
    longestTail,
  );
}

const received = async (request: Partial<AnalyticsRequest> = {}, longestTail?: number) =>
  Number((await told(request, longestTail)).totals.units.received);

/** What the sums have, by each of their tables. */
async function summed(): Promise<number[]> {
  const { rows } = await shop.owner.query<Record<string, number>>(
    `select ${['product_days', 'category_hours', 'category_days', 'category_months']
      .map((table) => `(select coalesce(sum(received_units), 0)::int from analytics_${table}) as ${table}`)
      .join(', ')}`,
  );
  return Object.values(rows[0] ?? {});
}
const each = (units: number) => [units, units, units, units];

test('a follower that dies at any statement of its turn has added nothing, and the next one adds everything once', async () => {
  let statements = 0;
  for (let deadAfter = 0; ; deadAfter++) {
    await shop.move(RECEIVED);
    await numberAll(shop.db);
    const before = await summed();
    statements = 0;
    const dying = withQueriesSeen(shop.db, () => {
      if (statements++ === deadAfter) throw new Error('killed');
    });
    const outcome = await followAnalytics(dying).then(
      () => 'done',
      () => 'killed',
    );
    if (outcome === 'done') break;
    expect(await summed()).toEqual(before);
    expect(await received()).toBe(7 * (deadAfter + 1));
    await followAll(shop.db);
    expect(await summed()).toEqual(each(7 * (deadAfter + 1)));
  }
  expect(statements).toBeGreaterThan(3);
});

test('two followers at once add everything once', async () => {
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 10; n++) await shop.move(RECEIVED);
    await numberAll(shop.db);
    await Promise.all([followAnalytics(shop.db), followAnalytics(shop.db), followAnalytics(shop.db)]);
  }
  await followAll(shop.db);
  expect(await summed()).toEqual(each(5 * 70));
});

test('what a transaction that stays open writes is told once it commits, once', async () => {
  await withOpenTransaction(shop.db, async (open) => {
    await insertMovement(open, RECEIVED);
    await shop.move(RECEIVED);
    await numberAll(shop.db);
    await followAll(shop.db);
    expect(await received()).toBe(7);
    await open.query('commit');
    // It has no position yet: its id is in a gap.
    expect(await received()).toBe(14);
  });
  await numberAll(shop.db);
  expect(await received()).toBe(14);
  await followAll(shop.db);
  expect(await received()).toBe(14);
  expect(await summed()).toEqual(each(14));
});

test('a sale is summed once nothing is written any more that says what it cost', async () => {
  await shop.owner.query(
    `insert into product_cost_steps (product_id, at, average_minor, costed_units, owned_units, currency)
     select id, '2020-01-01', 10, 5, 5, 'USD' from products where sku = 'A-1'`,
  );
  await withOpenTransaction(shop.db, async (open) => {
    // A delivery takes its time, and commits after a sale that is later.
    await insertMovement(open, RECEIVED);
    await shop.move({ ...RECEIVED, kind: 'ship', onHand: -2 });
    await numberAll(shop.db);
    expect(await followAnalytics(shop.db)).toEqual({ found: false, hasMore: false });
    await open.query(
      `insert into product_cost_steps (product_id, at, average_minor, costed_units, owned_units, currency)
       select id, ledger_time(), 30, 5, 5, 'USD' from products where sku = 'A-1'`,
    );
    await open.query('commit');
  });
  await numberAll(shop.db);
  await followAll(shop.db);
  const { totals } = await told();
  expect(totals.values).toMatchObject([{ currency: 'USD', costedUnits: 2, costMinor: 60 }]);
});

test('sums are made anew part by part, with what is written meanwhile, and nothing is told until then', async () => {
  for (let n = 0; n < 20; n++) await shop.move(RECEIVED);
  await numberAll(shop.db);
  await withOpenTransaction(shop.db, async (open) => {
    await insertMovement(open, RECEIVED);
    await shop.move(RECEIVED);
    await numberAll(shop.db);
    await rebuildAnalytics(shop.db);
    await expect(received()).rejects.toMatchObject({ code: 'ANALYTICS_BUILDING' });
    // What the sums are made of is not final yet.
    expect(await followAnalytics(shop.db, { idsPerTurn: 3 })).toEqual({ found: true, hasMore: false });
    await open.query('commit');
  });
  await followAnalytics(shop.db, { idsPerTurn: 3 });
  await shop.move(RECEIVED);
  await numberAll(shop.db);
  await followAll(shop.db, { idsPerTurn: 3 });
  expect(await summed()).toEqual(each(23 * 7));
  expect(await received()).toBe(23 * 7);
});

test('a builder that dies at any statement of its turn goes on where it was', async () => {
  for (let n = 0; n < 9; n++) await shop.move(RECEIVED);
  await numberAll(shop.db);
  for (let deadAfter = 0; ; deadAfter++) {
    await rebuildAnalytics(shop.db);
    let statements = 0;
    const dying: Database = {
      ...shop.db,
      retrying: (work) =>
        shop.db.bulk((tx) =>
          work({
            ...tx,
            async query(sent) {
              const result = await tx.query(sent);
              if (statements++ === deadAfter) throw new Error('killed');
              return result;
            },
          }),
        ),
    };
    const outcome = await followAnalytics(dying, { idsPerTurn: 4 }).then(
      () => 'done',
      () => 'killed',
    );
    await followAll(shop.db, { idsPerTurn: 4 });
    expect(await summed()).toEqual(each(63));
    if (outcome === 'done') break;
  }
});

test('a product that gets another category takes all that it has with it, also what is not summed yet', async () => {
  const long = new Date(Date.now() - 20 * DAY);
  await shop.move({ ...RECEIVED, at: long });
  await shop.move({ ...RECEIVED, sku: 'A-2' });
  await numberAll(shop.db);
  await followAll(shop.db);
  await shop.move(RECEIVED);
  await numberAll(shop.db);
  await shop.move(RECEIVED);
  await shop.db.pool.query(
    `update products set category_id = (select id from categories where code = 'beta') where sku = 'A-1'`,
  );
  await followAll(shop.db);
  const from = dayOf(Date.now() - 25 * DAY);
  for (const tz of ['UTC', 'Asia/Tokyo']) {
    const { items } = await told({ from, tz });
    expect(
      items
        .filter(({ units }) => units.closing !== 0)
        .map(({ key, units }) => [key, units.received, units.closing]),
    ).toEqual([
      ['alpha', 7, 7],
      ['beta', 21, 21],
    ]);
  }
  await shop.db.pool.query(`update products set category_id = null where sku = 'A-1'`);
  await numberAll(shop.db);
  await followAll(shop.db);
  const { items } = await told({ from });
  expect(items.find(({ key }) => key === null)?.units).toMatchObject({ received: 21, closing: 21 });
});

test('a correction of a closed day is in that day', async () => {
  const long = new Date(Date.now() - 20 * DAY);
  await shop.move({ ...RECEIVED, at: long });
  await numberAll(shop.db);
  await followAll(shop.db);
  const request = { from: dayOf(long.getTime()), to: dayOf(long.getTime() + DAY) };
  expect(await received(request)).toBe(7);
  await shop.move({ ...RECEIVED, kind: 'adjust', onHand: -3, at: long });
  const about = async () => (await told(request)).totals.units;
  expect(await about()).toMatchObject({ received: 7, adjusted: -3, closing: 4 });
  await numberAll(shop.db);
  await followAll(shop.db);
  expect(await about()).toMatchObject({ received: 7, adjusted: -3, closing: 4 });
});

test('where positions are gone that the sums lack they begin anew', async () => {
  await shop.move(RECEIVED);
  await numberAll(shop.db);
  await shop.owner.query('delete from event_batches');
  await expect(received()).rejects.toMatchObject({ code: 'ANALYTICS_BUILDING' });
  await followAll(shop.db);
  expect(await received()).toBe(7);
});

test('beyond so many rows that the sums lack what is told is stale, and says up to where', async () => {
  await shop.move(RECEIVED);
  await numberAll(shop.db);
  await followAll(shop.db);
  for (let n = 0; n < 5; n++) await shop.move(RECEIVED);
  expect(await told({}, 5)).toMatchObject({ stale: false, totals: { units: { received: 42 } } });
  expect(await told({}, 4)).toMatchObject({ stale: true, totals: { units: { received: 7 } } });
  expect((await told({ groupBy: 'product' }, 4)).items.map(({ units }) => units.received)).toEqual([
    7, 0, 0, 0, 0,
  ]);
});

/** A unit of a month of years ago, which the ledger drops, and one of today. */
async function dropOldMonth(beforeItIsDropped: () => Promise<void>): Promise<void> {
  await shop.owner.query(
    `create table inventory_transactions_2020_01 partition of inventory_transactions
     for values from ('2020-01-01 00:00:00+00') to ('2020-02-01 00:00:00+00')`,
  );
  await shop.move({ ...RECEIVED, at: new Date('2020-01-15T12:00:00Z') });
  await shop.move(RECEIVED);
  await beforeItIsDropped();
  let sealed = 0;
  await waitFor(async () => (sealed += (await sealLedger(shop.db)).rows) === 2);
  expect(await foldOldPartitions(shop.db, { months: 1 })).toMatchObject({
    folded: ['inventory_transactions_2020_01'],
  });
}

test('months that the ledger dropped stay in the sums, also when these are made anew', async () => {
  const old = () => told({ from: '2020-01-01', to: '2020-03-01' });
  let before: Awaited<ReturnType<typeof old>> | undefined;
  await dropOldMonth(async () => {
    await numberAll(shop.db);
    await followAll(shop.db);
    before = await old();
  });
  expect(before?.totals.units).toMatchObject({ received: 7, closing: 7 });
  await rebuildAnalytics(shop.db);
  expect(await areAnalyticsBuilding(shop.db)).toBe(true);
  await followAll(shop.db);
  expect((await old()).totals).toEqual(before?.totals);
  // By hours, which are kept as long as the ledger is, it is not known any more.
  await expect(told({ from: '2020-01-01', tz: 'Asia/Tokyo' })).rejects.toMatchObject({
    code: 'ASOF_BEFORE_RETENTION',
  });
});

test('what the ledger dropped before there were sums is an opening stock', async () => {
  // As a migration finds it.
  await dropOldMonth(() => Promise.resolve());
  await shop.owner.query(
    `update analytics_cursor set known_from = (select max(upper_bound) from ledger_folds)`,
  );
  for (let round = 0; round < 2; round++) {
    await rebuildAnalytics(shop.db);
    await followAll(shop.db);
    expect((await told({ from: '2020-02-01', to: '2020-02-02' })).totals.units).toMatchObject({
      opening: 7,
      closing: 7,
      average: 7,
    });
    expect((await told()).totals.units).toMatchObject({ opening: 7, received: 7, closing: 14 });
  }
  await expect(told({ from: '2020-01-31', to: '2020-03-01' })).rejects.toMatchObject({
    code: 'ASOF_BEFORE_RETENTION',
  });
});

test('the check names a sum that is not what its source has, and making them anew mends it', async () => {
  await shop.move(RECEIVED);
  await numberAll(shop.db);
  await followAll(shop.db);
  const find = () =>
    findInconsistencies({ db: shop.db }, { check: 'analytics_sums', mode: 'full', graceSeconds: 0 });
  expect(await find()).toEqual([]);
  await shop.owner.query('update analytics_category_hours set received_units = received_units + 1');
  expect(await find()).toMatchObject([{ details: { received_units: -1 } }]);
  await shop.owner.query('update analytics_product_days set received_units = received_units + 1');
  expect((await find()).map(({ subject }) => subject.split(':')[0])).toEqual(['day', 'hour', 'product']);
  await rebuildAnalytics(shop.db);
  // Until they are there nothing is said.
  expect(await find()).toEqual([]);
  await followAll(shop.db);
  expect(await find()).toEqual([]);
});
