import { nodesOf, rowsOf, type JsonPlan } from '../../bench/explain/reads';
import { keepBalances } from '../../domain/stock/availability/balances';
import { costOfGoodsSold, listSold } from '../../domain/warehousing/costing/sold';
import type { Queryable, Statement } from '../../platform/database/database';
import { openOrderShop, type OrderShop } from '../db/support';
import { deliver } from '../tracking/support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterAll(() => shop.close());

/** How many rows of the ledger the statements of some work read. */
async function ledgerRowsOf(work: (on: Queryable) => Promise<unknown>): Promise<number> {
  const sent: Statement[] = [];
  const recording: Queryable = {
    query(statement) {
      sent.push(statement);
      return shop.db.query(statement);
    },
  };
  await work(recording);
  let read = 0;
  for (const { text, values } of sent.filter((statement) => statement.text.includes('with sold'))) {
    const { rows } = await shop.db.pool.query<{ 'QUERY PLAN': [JsonPlan] }>(
      `explain (analyze, format json) ${text}`,
      values,
    );
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    for (const node of plan ? nodesOf(plan) : [])
      if (node['Relation Name']?.startsWith('inventory_transactions')) read += rowsOf(node);
  }
  return read;
}

/** So many parcels of one unit each leave, of a product of which nearly all is without a cost. */
async function sellOneByOne(sku: string, parcels: number): Promise<void> {
  await shop.db.pool.query(
    `with p as (select id from products where sku = $1), w as (select id from warehouses where code = 'AMS'), moved as (
       update stock s set on_hand = on_hand - $2::int from p, w where s.product_id = p.id and s.warehouse_id = w.id
     )
     insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select clock_timestamp(), p.id, w.id, 'ship', -1, 0, uuidv7() from p, w, generate_series(1, $2::int)`,
    [sku, parcels],
  );
  await shop.db.pool.query('analyze inventory_transactions');
}

test('what sold goods cost is worked out by reading each entry of the ledger a few times', async () => {
  const sku = await shop.product({ AMS: 100_000 });
  await deliver(shop.db, [{ sku, quantity: 1, unitCostMinor: 100 }]);
  const { rows } = await shop.db.pool.query<{ at: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
  );
  const from = rows[0]?.at ?? '';
  const work: number[] = [];
  for (const parcels of [1_000, 1_000, 2_000]) {
    await sellOneByOne(sku, parcels);
    work.push(await ledgerRowsOf((on) => costOfGoodsSold(on, { from })));
  }
  const [, half = 0, whole = 0] = work;
  expect(half).toBeGreaterThan(2_000);
  expect(whole).toBeLessThan(6 * 4_000);
  expect(whole).toBeLessThan(2.5 * half);
  expect(await costOfGoodsSold(shop.db, { from })).toMatchObject({ totals: [], uncosted: 4_000 });
});

test('a page of them reads what its parcels moved, and from the last balance on', async () => {
  const sku = await shop.product({ AMS: 100_000 });
  await deliver(shop.db, [{ sku, quantity: 1, unitCostMinor: 100 }]);
  const from = '2020-01-01T00:00:00Z';
  await sellOneByOne(sku, 4_000);
  await keepBalances(shop.db);
  const { rows } = await shop.db.pool.query<{ id: number; at: string }>(
    `select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at from inventory_transactions
     where kind = 'ship' order by at desc, id desc offset 1000 limit 1`,
  );
  const after = { id: Number(rows[0]?.id), at: rows[0]?.at ?? '' };
  const read = await ledgerRowsOf((on) => listSold(on, { from }, { after, limit: 20, offset: 0 }));
  expect(read).toBeLessThan(6_000);
});

test('a page, and the sum, of a period read what left in it, by its index', async () => {
  const sku = await shop.product({ AMS: 100_000 });
  await deliver(shop.db, [{ sku, quantity: 1, unitCostMinor: 100 }]);
  const time = async () => {
    const { rows } = await shop.db.pool.query<{ at: string }>(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
    );
    return rows[0]?.at ?? '';
  };
  await sellOneByOne(sku, 3_000);
  // What was there before the period is read from the last balance on.
  await keepBalances(shop.db);
  const from = await time();
  await sellOneByOne(sku, 40);
  // What else happens in the period.
  for (let n = 0; n < 20; n++) await deliver(shop.db, [{ sku, quantity: 1 }]);
  const to = await time();
  await sellOneByOne(sku, 3_000);
  const page = await ledgerRowsOf((on) =>
    listSold(on, { from, to }, { after: undefined, limit: 10, offset: 0 }),
  );
  expect(page).toBeGreaterThan(10);
  expect(page).toBeLessThan(200);
  expect(await ledgerRowsOf((on) => costOfGoodsSold(on, { from, to }))).toBeLessThan(400);
  const { items, next } = await listSold(shop.db, { from, to }, { after: undefined, limit: 30, offset: 0 });
  expect(items).toHaveLength(30);
  const rest = await listSold(shop.db, { from, to }, { after: next ?? undefined, limit: 30, offset: 0 });
  expect(rest).toMatchObject({ items: { length: 10 }, next: null });
});
