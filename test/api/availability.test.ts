import { readStock } from '../../domain/stock/availability/availability';
import { createStockReader } from '../../domain/stock/availability/stock-reader';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { addPaidOrder, addStock, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';

let shop: TestShop;

beforeAll(async () => {
  shop = await openTestShop();
  // Ids of warehouses are in another order than their codes, and a name needs to be escaped in JSON.
  for (const [sku, warehouse, onHand] of [
    ['LAMP', 'LON', 2],
    ['LAMP', 'AMS', 10],
    ['LAMP', 'B"R', 0],
    ['DESK', 'AMS', 7],
  ] as const)
    await addStock(shop.db, sku, warehouse, onHand);
  await shop.db.pool.query(
    `insert into products (sku, name, price_minor, currency) values ('BARE', 'b', 1, 'USD')`,
  );
  await addPaidOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 3 }]);
  await shop.db.pool.query('update stock set low_stock_threshold = 2');
  await shop.db.pool.query(
    `insert into transfers (id, product_id, source_id, target_id, mode, status, quantity, actor, expected_at)
     select gen_random_uuid(), p.id, a.id, b.id, 'in_transit', 'in_transit', 5, 'test', now() from products p, warehouses a, warehouses b
     where p.sku = 'LAMP' and a.code = 'LON' and b.code = 'AMS'`,
  );
  await shop.db.pool.query('update transfers set received = 1');
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** A reader, and how many SKUs each of its statements asked for. */
function open(options: { lanes?: number; maxBatch?: number } = {}) {
  const asked: number[] = [];
  const db: Database = {
    ...shop.db,
    query(statement) {
      if (statement.name === 'availability.of_skus') asked.push((statement.values?.[0] as string[]).length);
      return shop.db.query(statement);
    },
  };
  return { asked, reader: createStockReader({ db, warehouses: createWarehouseDirectory(db), ...options }) };
}

const parsed = async (text: Promise<string | null>): Promise<unknown> => {
  const answer = await text;
  return answer === null ? null : JSON.parse(answer);
};

test.each(['LAMP', 'DESK', 'BARE'])('the text of %s says what the view says', async (sku) => {
  const view = await readStock(shop.db, sku);
  const text = (await open().reader.readJson(sku)) ?? '';
  // The time is that of the statement; everything else is the same, in the same order.
  const withoutTime = (json: string) => json.replace(/"asOf":"[^"]+Z"/, '"asOf":""');
  expect(JSON.parse(withoutTime(text))).toEqual(JSON.parse(withoutTime(JSON.stringify(view))));
});

test('a product that does not exist is null, also beside one that does', async () => {
  const { reader } = open();
  const found = await Promise.all([reader.readJson('NOPE'), reader.readJson('LAMP'), reader.readJson('')]);
  expect(found.map((text) => text !== null)).toEqual([false, true, false]);
});

test('a lone read goes out at once, and those of one turn together', async () => {
  const { reader, asked } = open();
  await reader.readJson('LAMP');
  await Promise.all(['LAMP', 'DESK', 'LAMP', 'BARE'].map((sku) => reader.readJson(sku)));
  expect(asked).toEqual([1, 3]);
});

test('what is asked while the lanes are busy goes together with the next, in batches of a bounded size', async () => {
  const { reader, asked } = open({ lanes: 1, maxBatch: 4 });
  const first = reader.readJson('LAMP');
  await new Promise(setImmediate);
  const others = Array.from({ length: 9 }, (_, n) => reader.readJson(`S-${n}`));
  await Promise.all([first, ...others]);
  expect(asked).toEqual([1, 4, 4, 1]);
});

test('a response is never older than its request', async () => {
  const { reader } = open({ lanes: 1 });
  const sku = `SKU-${newId()}`;
  await addStock(shop.db, sku, 'AMS', 0);
  for (let onHand = 1; onHand <= 50; onHand++) {
    // Another read of it is under way when the stock changes.
    const before = reader.readJson(sku);
    await shop.db.pool.query(
      `with counted as (update stock set on_hand = on_hand + 1 where product_id = (select id from products where sku = $1) returning *)
       insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select product_id, warehouse_id, 'count', 1, 0, gen_random_uuid() from counted`,
      [sku],
    );
    expect(await parsed(reader.readJson(sku))).toMatchObject({ onHand });
    await before;
  }
});

test('a warehouse that was opened a moment ago is listed', async () => {
  const { reader } = open();
  await reader.readJson('LAMP');
  await addStock(shop.db, 'DESK', 'NEW', 1);
  expect(await parsed(reader.readJson('DESK'))).toMatchObject({
    locations: [{ warehouse: 'AMS' }, { warehouse: 'NEW', onHand: 1 }],
  });
});

test('a statement that fails fails its readers, and none after them', async () => {
  let fail = true;
  const db: Database = {
    ...shop.db,
    query: (statement) =>
      fail && statement.name === 'availability.of_skus'
        ? Promise.reject(new Error('away'))
        : shop.db.query(statement),
  };
  const reader = createStockReader({ db, warehouses: createWarehouseDirectory(db) });
  const refused = await Promise.allSettled(['LAMP', 'DESK'].map((sku) => reader.readJson(sku)));
  expect(refused.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  fail = false;
  expect(await reader.readJson('LAMP')).not.toBeNull();
});
