import { seedTransactions } from '../../domain/demo/transactions';
import { monthlyReport } from '../../domain/reports/sales';
import { ask, carryOut } from '../settlement/support';
import { numberAll } from '../events/support';
import { openDatabase } from '../../platform/database/database';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { expectAtRest } from '../support/invariants';
import { dayOf, followAll, rawOf, soldBy, today } from './support';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());

test('orders of the past that are seeded leave what real ones leave, and reports and settlement files have them', async () => {
  const { db } = shop;
  const owner = openDatabase({ url: shop.url, poolSize: 1, log: testLogger() });
  const written = await seedTransactions(owner, { rows: 400, batch: 150 }).finally(() => owner.close());
  expect(written).toBeGreaterThanOrEqual(400);
  await expectAtRest(db);
  await numberAll(db);
  await followAll(db);
  await expectAtRest(db);

  const { rows } = await db.pool.query<{ month: string; from: string; to: string }>(
    `select distinct to_char(at at time zone 'UTC', 'YYYY-MM') as month from inventory_transactions order by 1`,
  );
  let units = 0;
  for (const { month } of rows) {
    const report = await monthlyReport(db, { month, tz: 'UTC', products: 10_000 });
    const raw = await rawOf(db, report);
    const [sold] = soldBy(raw.sales, () => null);
    expect(report.totals[0]).toMatchObject({ units: sold?.units, salesMinor: sold?.sales });
    expect(report.totals[0]?.capturedMinor).toBe(raw.money.reduce((sum, { captured }) => sum + captured, 0));
    units += sold?.units ?? 0;
  }
  expect(units).toBeGreaterThan(200);

  const { rows: days } = await db.pool.query<{ first: string; last: string; transactions: number }>(
    `select min(day)::text as first, max(day)::text as last,
       count(*) filter (where kind in ('capture', 'refund') and day < (clock_timestamp() at time zone 'UTC')::date - 1)::int as transactions
     from money_ledger`,
  );
  const [{ first, transactions } = { first: '', transactions: 0 }] = days;
  const before = new Date(`${await today(db)}T00:00:00Z`);
  before.setUTCDate(before.getUTCDate() - 2);
  const file = await carryOut(
    db,
    await ask(db, { from: first, to: before.toISOString().slice(0, 10), currency: 'USD' }),
  );
  const counted = file
    .trimEnd()
    .split('\n')
    .slice(1)
    .reduce((sum, line) => sum + Number(line.split(',').at(-1)), 0);
  expect(counted).toBe(transactions);
  expect((await dayOf(db, first)).totals.length).toBeLessThanOrEqual(1);
});
