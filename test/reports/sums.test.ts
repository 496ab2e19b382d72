import { findInconsistencies } from '../../domain/assurance/run-check';
import { followSales, rebuildReports } from '../../domain/reports/sums';
import type { Database } from '../../platform/database/database';
import { openOrderShop, orderOf, type OrderShop } from '../db/support';
import { numberAll, withOpenTransaction, withQueriesSeen } from '../events/support';
import { dayOf, dyingAfter, expectSumsRight, followAll, today } from './support';

let shop: OrderShop;
let db: Database;
beforeEach(async () => {
  shop = await openOrderShop();
  ({ db } = shop);
});
afterEach(async () => {
  await expectSumsRight(db);
  await shop.close();
});

/** Money that moved now. */
const CAPTURE = `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
  select clock_timestamp(), current_date, 'capture', 'gateway_clearing', 'merchant_payable', 1, 7, 'USD', gen_random_uuid(), gen_random_uuid()`;

async function captured(): Promise<unknown> {
  return (await dayOf(db, await today(db))).totals[0]?.capturedMinor;
}

async function summed(): Promise<{ captured: number; placed: number }> {
  const { rows } = await db.pool.query<{ captured: number; placed: number }>(
    `select (select coalesce(sum(captured_minor), 0)::int from report_sums where dimension = 'all') as captured,
       (select coalesce(sum(count), 0)::int from report_orders where type = 'order_placed') as placed`,
  );
  return rows[0] ?? { captured: -1, placed: -1 };
}

test('a follower that dies at any statement of its turn has added nothing, and the next one adds everything once', async () => {
  const sku = await shop.product({ AMS: 100 });
  let statements = 0;
  for (let deadAfter = 0; ; deadAfter++) {
    await db.pool.query(CAPTURE);
    await shop.place(orderOf({ [sku]: 1 }));
    await numberAll(db);
    const before = await summed();
    statements = 0;
    const dying = withQueriesSeen(db, () => {
      if (statements++ === deadAfter) throw new Error('killed');
    });
    const outcome = await followSales(dying).then(
      () => 'done',
      () => 'killed',
    );
    if (outcome === 'done') break;
    expect(await summed()).toEqual(before);
    await followAll(db);
    expect(await summed()).toEqual({ captured: 7 * (deadAfter + 1), placed: deadAfter + 1 });
  }
  expect(statements).toBeGreaterThan(2);
});

test('two followers at once add everything once', async () => {
  for (let round = 0; round < 5; round++) {
    await db.pool.query(`${CAPTURE} from generate_series(1, 100)`);
    await numberAll(db);
    await Promise.all([followSales(db), followSales(db), followSales(db)]);
  }
  await followAll(db);
  expect(await summed()).toMatchObject({ captured: 5 * 700 });
});

test('what a transaction that stays open writes is in no report until it commits, and then in each, once', async () => {
  await withOpenTransaction(db, async (open) => {
    await open.query(CAPTURE);
    await db.pool.query(CAPTURE);
    await numberAll(db);
    await followAll(db);
    expect(await captured()).toBe(7);
    await open.query('commit');
    // It has no position yet: its id is in a gap.
    expect(await captured()).toBe(14);
  });
  await numberAll(db);
  expect(await captured()).toBe(14);
  await followAll(db);
  expect(await captured()).toBe(14);
  expect(await summed()).toMatchObject({ captured: 14 });
});

test('sums are made anew part by part, with what is written meanwhile, and there is no report until then', async () => {
  const sku = await shop.product({ AMS: 100 });
  for (let n = 0; n < 5; n++) await shop.place(orderOf({ [sku]: 1 }));
  await db.pool.query(`${CAPTURE} from generate_series(1, 20)`);
  await numberAll(db);
  await withOpenTransaction(db, async (open) => {
    await open.query(CAPTURE);
    await db.pool.query(CAPTURE);
    await numberAll(db);
    await rebuildReports(db);
    await followSales(db, { idsPerTurn: 3 });
    await expect(captured()).rejects.toMatchObject({ code: 'REPORTS_BUILDING' });
    await shop.place(orderOf({ [sku]: 1 }));
    await db.pool.query(CAPTURE);
    await open.query('commit');
  });
  await numberAll(db);
  for (let turn = 0; (await followSales(db, { idsPerTurn: 3 })).found; turn++) expect(turn).toBeLessThan(100);
  expect(await summed()).toEqual({ captured: 23 * 7, placed: 6 });
  expect(await captured()).toBe(23 * 7);
});

test('sums that are made anew are whole wherever a follower dies, and whoever goes on', async () => {
  const sku = await shop.product({ AMS: 100 });
  for (let n = 0; n < 4; n++) await shop.place(orderOf({ [sku]: 1 }));
  await db.pool.query(`${CAPTURE} from generate_series(1, 10)`);
  await numberAll(db);
  let died = 0;
  for (let deadAfter = 0; deadAfter < 12; deadAfter++) {
    await rebuildReports(db);
    await db.pool.query(CAPTURE);
    await numberAll(db);
    const dying = dyingAfter(db, deadAfter);
    for (;;) {
      const turn = await followSales(dying, { idsPerTurn: 7 }).catch(() => null);
      if (turn === null) died++;
      if (turn === null || !turn.found) break;
    }
    for (let turn = 0; (await followSales(db, { idsPerTurn: 7 })).found; turn++)
      expect(turn).toBeLessThan(100);
    expect(await summed()).toEqual({ captured: 7 * (11 + deadAfter), placed: 4 });
  }
  expect(died).toBeGreaterThan(6);
});

test('histories from before their rows had ids are summed too', async () => {
  const sku = await shop.product({ AMS: 100 });
  for (let n = 0; n < 3; n++) await shop.place(orderOf({ [sku]: 1 }));
  await db.pool.query(
    `begin; alter table order_events disable trigger order_events_append_only; update order_events set id = null;
     alter table order_events enable trigger order_events_append_only; commit`,
  );
  await rebuildReports(db);
  await shop.place(orderOf({ [sku]: 1 }));
  await numberAll(db);
  await followAll(db);
  expect(await summed()).toMatchObject({ placed: 4 });
});

test('where positions are gone that the sums lack they begin anew', async () => {
  await db.pool.query(CAPTURE);
  await numberAll(db);
  await db.pool.query('delete from event_batches');
  await expect(captured()).rejects.toMatchObject({ code: 'REPORTS_BUILDING' });
  await followAll(db);
  expect(await captured()).toBe(7);
  await db.pool.query(CAPTURE);
  await numberAll(db);
  await db.pool.query(CAPTURE);
  await numberAll(db);
  await db.pool.query(
    'delete from event_batches where first_position < (select max(first_position) from event_batches)',
  );
  await followAll(db);
  expect(await captured()).toBe(21);
});

test('the check names a sum that is not what its source has, and making them anew mends it', async () => {
  await db.pool.query(CAPTURE);
  await numberAll(db);
  await followAll(db);
  const find = () => findInconsistencies({ db }, { check: 'report_sums', mode: 'full', graceSeconds: 0 });
  expect(await find()).toEqual([]);
  await db.pool.query(
    `update report_sums set captured_minor = captured_minor + 1 where dimension = 'merchant' and minutes = 15`,
  );
  const found = await find();
  expect(found.map(({ subject }) => subject.replace(/:[^:]*:\d\dZ$/, ''))).toEqual([
    'money:house:USD',
    'parts:merchant:15:USD',
  ]);
  expect(found[0]).toMatchObject({ details: { captured_minor: -1 } });
  await rebuildReports(db);
  // Until they are there nothing is said.
  expect(await find()).toEqual([]);
  await followAll(db);
  expect(await find()).toEqual([]);
});
