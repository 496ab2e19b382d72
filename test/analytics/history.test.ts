import { Pool } from 'pg';
import { inventoryAnalytics } from '../../domain/analytics/groups';
import { seedHistory } from '../../domain/demo/history';
import { SQL_CHECKS } from '../../domain/assurance/checks/checks';
import { findInconsistencies } from '../../domain/assurance/run-check';
import { openDatabase, type Database } from '../../platform/database/database';
import { numberEvents } from '../../domain/event-log/sequencer';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { verifySeals } from '../../domain/assurance/seals/verify';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { expectedGroups, expectedOf, readRaw } from './expected';
import { expectSumsRight, followAll } from './support';

let database: TestDatabase;
let db: Database;
let owner: Pool;
let rows: number;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 2, log: testLogger(), statementTimeoutMs: 0 });
  owner = new Pool({ connectionString: database.url, max: 2 });
  ({ rows } = await seedHistory(db, { rows: 10_000, seed: 7 }));
});
afterAll(async () => {
  await owner.end();
  await db.close();
  await database.drop();
});

async function select<Row extends object>(text: string): Promise<Row[]> {
  return (await owner.query<Row>(text)).rows;
}

test('a history is about as long as asked for, over two years, and every month has what sold in it', async () => {
  expect(rows).toBeGreaterThan(6_000);
  expect(rows).toBeLessThan(15_000);
  const months = await select<{ month: string; sold: number }>(
    `select to_char(at at time zone 'UTC', 'YYYY-MM') as month, count(*) filter (where kind = 'ship')::int as sold
     from inventory_transactions group by 1 order by 1`,
  );
  expect(months.length).toBeGreaterThanOrEqual(25);
  expect(Math.min(...months.slice(0, 24).map(({ sold }) => sold))).toBeGreaterThan(50);
});

test('shelves were empty, some products sell hardly ever, and what is there is what the ledger says', async () => {
  const [stockouts] = await select<{ places: number }>(
    `select count(*)::int as places from (
       select product_id, warehouse_id, min(level) as least from (
         select product_id, warehouse_id, sum(on_hand_delta) over (partition by product_id, warehouse_id order by at, id) as level
         from inventory_transactions) l group by 1, 2) m where least = 0`,
  );
  expect(stockouts?.places).toBeGreaterThan(5);
  const sold = await select<{ units: number }>(
    `select -sum(on_hand_delta)::int as units from inventory_transactions where kind = 'ship' group by product_id order by 1`,
  );
  expect((sold.at(-1)?.units ?? 0) / (sold[0]?.units ?? 1)).toBeGreaterThan(5);
  for (const id of SQL_CHECKS.keys())
    expect([id, await findInconsistencies({ db }, { check: id, mode: 'full', graceSeconds: 0 })]).toEqual([
      id,
      [],
    ]);
});

test('all of it is numbered, and seals hold', async () => {
  expect(await numberEvents(db)).toEqual({ numbered: 0, hasMore: false });
  const [numbered] = await select<{ events: number }>(
    `select sum(last_position - first_position + 1)::int as events from event_batches where source = 'ledger'`,
  );
  expect(numbered?.events).toBe(rows);
  let sealed = 0;
  await waitFor(async () => (sealed += (await sealLedger(db)).rows) >= rows);
  expect((await verifySeals(db, { mode: 'full', limit: 10 })).findings).toEqual([]);
});

test('months that were made for it are as those that the ledger makes', async () => {
  const parts = await select<{ indexes: number; triggers: number }>(
    `select distinct (select count(*)::int from pg_index x where x.indrelid = i.inhrelid) as indexes,
       (select count(*)::int from pg_trigger g where g.tgrelid = i.inhrelid) as triggers
     from pg_inherits i where i.inhparent = 'inventory_transactions'::regclass`,
  );
  expect(parts).toHaveLength(1);
});

test('the same seed makes the same history, and another one another', async () => {
  async function made(seed: number): Promise<unknown> {
    const [before] = await select<{ id: number }>('select max(id) as id from products');
    await seedHistory(db, { rows: 2_000, seed, months: 3 });
    return select(
      `select t.product_id - ${before?.id ?? 0} as product, t.kind, sum(t.on_hand_delta)::int as units, count(*)::int as rows
       from inventory_transactions t where t.product_id > ${before?.id ?? 0} and t.at < date_trunc('month', now(), 'UTC') group by 1, 2 order by 1, 2`,
    );
  }
  const first = await made(3);
  expect(await made(3)).toEqual(first);
  expect(await made(4)).not.toEqual(first);
});

test('metrics of two years are what an independent query over the rows has', async () => {
  await followAll(db);
  await expectSumsRight(db);
  const raw = await readRaw(owner);
  const now = new Date();
  const year = now.getUTCFullYear() - 1;
  const [before, from, to] = [year - 1, year, year + 1].map((each) => Date.UTC(each, 5, 20));
  const day = (at = 0) => new Date(at).toISOString().slice(0, 10);
  for (const groupBy of ['product', 'category'] as const) {
    const told = await inventoryAnalytics(db, {
      groupBy,
      from: day(from),
      to: day(to),
      tz: 'UTC',
      limit: 500,
    });
    const asked = {
      groupBy,
      before: before ?? 0,
      from: from ?? 0,
      to: to ?? 0,
      until: Math.min(to ?? 0, Date.parse(told.asOf)),
      hasDemand: true,
    };
    expect(told.totals.units).toEqual(expectedOf(raw, asked).units);
    if (groupBy === 'category') continue;
    const expected = expectedGroups(raw, asked);
    for (const { key, units, turnover, daysOfCover, sellThrough, values } of told.items) {
      const mine = expected.get(key);
      expect({ key, units, turnover, daysOfCover, sellThrough }).toEqual({
        key,
        units: mine?.units,
        turnover: mine?.turnover,
        daysOfCover: mine?.daysOfCover,
        sellThrough: mine?.sellThrough,
      });
      expect(values.map(({ costMinor }) => costMinor)).toEqual(
        Object.values(mine?.values ?? {}).map(({ costMinor }) => costMinor),
      );
    }
  }
});
