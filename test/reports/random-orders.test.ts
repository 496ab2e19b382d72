import fc from 'fast-check';
import { numberEvents } from '../../domain/event-log/sequencer';
import { followSales, rebuildReports } from '../../domain/reports/sums';
import { REPORTED_ORDER_EVENTS, type Figures, type SalesReport } from '../../domain/reports/types';
import { costOfGoodsSold, type CostOfGoodsSold } from '../../domain/warehousing/costing/sold';
import type { Database } from '../../platform/database/database';
import { RandomShop } from '../db/random-shop';
import { step, type Step } from '../db/random-step';
import { openOrderShop } from '../db/support';
import { numberAll } from '../events/support';
import { addMerchant } from '../money/support';
import { deliver } from '../tracking/support';
import { expectInvariants } from '../support/invariants';
import { dayOf, followAll, rawOf, soldBy, today, type Raw } from './support';

/** What the stream and the sums come to between two rounds. */
type Upkeep = 'nothing' | 'number' | 'follow' | 'both' | 'rebuild';

async function keepUp(db: Database, upkeep: Upkeep): Promise<void> {
  if (upkeep === 'rebuild') await rebuildReports(db);
  if (upkeep === 'number' || upkeep === 'both') await numberEvents(db);
  if (upkeep === 'follow' || upkeep === 'both') await followSales(db, { batchesPerTurn: 1 });
  // A report is refused while what was there is summed.
  if (upkeep === 'rebuild') await followAll(db);
}

const bySize = <Row extends { key: string | null }>(rows: readonly Row[]) =>
  [...rows].sort((one, other) => String(one.key).localeCompare(String(other.key)));

function expectSales(
  found: readonly { units: unknown; salesMinor: unknown; returnedUnits: unknown; returnedMinor: unknown }[],
  keys: readonly (string | null)[],
  expected: ReturnType<typeof soldBy>,
): void {
  const rows = found.map(({ units, salesMinor, returnedUnits, returnedMinor }, n) => {
    return { key: keys[n] ?? null, units, sales: salesMinor, returnedUnits, returned: returnedMinor };
  });
  const moved = rows.filter((row) => row.units !== 0 || row.returnedUnits !== 0);
  expect(bySize(moved)).toEqual(bySize(expected));
}

function expectSame(report: SalesReport, raw: Raw): void {
  const { sales } = raw;
  expectSales(
    report.totals,
    [null],
    soldBy(sales, () => null),
  );
  expectSales(
    report.products,
    report.products.map(({ sku }) => sku),
    soldBy(sales, ({ sku }) => sku),
  );
  expectSales(
    report.categories,
    report.categories.map(({ category }) => category),
    soldBy(sales, ({ category }) => category),
  );
  expectSales(
    report.warehouses,
    report.warehouses.map(({ warehouse }) => warehouse),
    soldBy(sales, ({ warehouse }) => warehouse),
  );
  expectSales(
    report.merchants,
    report.merchants.map(({ merchant }) => merchant),
    soldBy(sales, ({ merchant }) => merchant),
  );
  const hours = report.slots.flatMap(({ at, figures }) => figures.map((each) => ({ at, ...each })));
  expectSales(
    hours,
    hours.map(({ at }) => at.slice(0, 13)),
    soldBy(sales, ({ at }) => at.toISOString().slice(0, 13)),
  );
  const money = report.merchants.filter((row) => raw.money.some(({ merchant }) => merchant === row.merchant));
  expect(
    money
      .map(({ merchant, capturedMinor, refundedMinor, disputedMinor, netMinor, feeMinor }) => {
        return {
          merchant,
          captured: capturedMinor,
          refunded: refundedMinor,
          disputed: disputedMinor,
          net: netMinor,
          fee: feeMinor,
        };
      })
      .sort((a, b) => String(a.merchant).localeCompare(String(b.merchant))),
  ).toEqual(
    raw.money
      .map((row) => ({ ...row, net: row.captured - row.refunded - row.disputed }))
      .sort((a, b) => String(a.merchant).localeCompare(String(b.merchant))),
  );
  expect(report.totals.reduce((sum, { capturedMinor }) => sum + Number(capturedMinor), 0)).toBe(raw.captured);
  expect(report.totals.reduce((sum, { refundedMinor }) => sum + Number(refundedMinor), 0)).toBe(raw.refunded);
  for (const [member, type] of Object.entries(REPORTED_ORDER_EVENTS))
    expect({ [member]: Object.entries(report.orders).find(([name]) => name === member)?.[1] }).toEqual({
      [member]: raw.orders[type] ?? 0,
    });
}

const MONEY = ['capturedMinor', 'refundedMinor', 'disputedMinor', 'netMinor', 'feeMinor'] as const;
const ALL_FIGURES = [
  'units',
  'salesMinor',
  'returnedUnits',
  'costMinor',
  'uncosted',
  'marginMinor',
  ...MONEY,
] as const;

/** Each grouping has all that the whole has, and nothing is of several currencies. */
function expectWhole(report: SalesReport): void {
  const sums = (rows: readonly Figures[]) =>
    report.totals.map(({ currency }) =>
      Object.fromEntries(
        ALL_FIGURES.map((figure) => [
          figure,
          rows.reduce((sum, row) => (row.currency === currency ? sum + Number(row[figure]) : sum), 0),
        ]),
      ),
    );
  const { slots, products, categories, warehouses, merchants } = report;
  const whole = sums(report.totals);
  const hours = slots.flatMap(({ figures }) => figures);
  for (const rows of [hours, products, categories, warehouses, merchants]) expect(sums(rows)).toEqual(whole);
}

function expectCosts(report: SalesReport, sold: CostOfGoodsSold): void {
  const costs = report.totals
    .filter(({ costMinor }) => costMinor !== 0)
    .map(({ currency, costMinor }) => ({ currency, costMinor }));
  expect(costs).toEqual(
    sold.totals
      .filter(({ costMinor }) => costMinor !== 0)
      .map(({ currency, costMinor }) => ({ currency, costMinor })),
  );
  expect(report.totals.reduce((sum, { uncosted }) => sum + Number(uncosted), 0)).toBe(Number(sold.uncosted));
}

async function run(rounds: readonly { steps: readonly Step[]; upkeep: Upkeep }[]): Promise<void> {
  const shop = await openOrderShop();
  const { db } = shop;
  const skus = [
    await shop.product({ AMS: 30, BER: 20 }),
    await shop.product({ AMS: 10, BER: 10, NYC: 10 }),
    await shop.product({}),
  ];
  await addMerchant(db, 'acme', {
    skus: skus.slice(0, 1),
    fee: { rateBasisPoints: 250, fixedMinor: 3, isReturned: true },
  });
  // Units without a cost leave first.
  await deliver(
    db,
    skus.map((sku, at) => ({ sku, quantity: 20, unitCostMinor: 133 * at + 77 })),
  );
  await db.pool.query(
    `with made as (insert into categories (code, name) values ('things', 'Things') returning id)
     update products set category_id = (select id from made) where sku = $1`,
    [skus[1]],
  );
  const random = new RandomShop(shop, skus);
  const day = await today(db);
  async function compare(): Promise<void> {
    const report = await dayOf(db, day);
    // At midnight the rest of them is of the next day.
    if (report.isOver) return;
    expectSame(report, await rawOf(db, report));
    expectWhole(report);
    expectCosts(report, await costOfGoodsSold(db, { from: report.from }));
  }
  try {
    for (const { steps, upkeep } of rounds) {
      await Promise.all(steps.map((taken) => random.take(taken)));
      await keepUp(db, upkeep);
      await compare();
    }
    for (const input of random.orders) await random.finish(input);
    for (const input of random.orders) await random.finish(input);
    const returns = rounds.flatMap(({ steps }) => steps).filter((taken) => taken.do === 'return');
    await Promise.all(returns.map((taken) => random.take(taken)));
    await compare();
    await numberAll(db);
    await compare();
    await followAll(db);
    await compare();
    const { rows } = await db.pool.query<{ units: number }>(
      'select sum(units)::int as units from report_quarters',
    );
    const { sales } = await rawOf(db, { from: '-infinity', to: 'infinity' });
    // All of it is in the sums by now.
    expect(rows[0]?.units ?? 0).toBe(sales.reduce((sum, { units }) => sum + units, 0));
    await expectInvariants(db);
  } finally {
    await random.close();
    await shop.close();
  }
}

test('a report has what ledgers, payments and histories have, wherever sequencer and follower are', async () => {
  const rounds = fc.array(
    fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 6 }),
      upkeep: fc.constantFrom<Upkeep>('nothing', 'number', 'follow', 'both', 'both', 'rebuild'),
    }),
    { minLength: 5, maxLength: 15 },
  );
  await fc.assert(fc.asyncProperty(rounds, run), { numRuns: 6, endOnFailure: true });
});
