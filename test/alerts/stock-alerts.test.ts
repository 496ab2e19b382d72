import { setThresholds } from '../../domain/stock/alerts/thresholds';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openOrderShop, orderOf, makeDue, type OrderShop } from '../db/support';
import { reclaimExpired } from '../../domain/ordering/expire';
import { readAlerts } from './alert-rows';
import { withStock } from '../support/stock';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

async function productWith(
  onHand: number,
  thresholds: { low?: number; over?: number | null },
): Promise<string> {
  const sku = await shop.product({ AMS: onHand });
  await shop.db.pool.query(
    `update stock set low_stock_threshold = $2, overstock_threshold = $3, own_thresholds = true
     where product_id = (select id from products where sku = $1)`,
    [sku, thresholds.low ?? 0, thresholds.over ?? null],
  );
  return sku;
}

function setTo(sku: string, count: number) {
  return adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { setTo: count },
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });
}

async function productId(sku: string): Promise<number> {
  const found = await shop.db.pool.query<{ id: number }>('select id from products where sku = $1', [sku]);
  return found.rows[0]!.id;
}

const alerts = (sku: string) => readAlerts(shop.db, sku);

test('stock that reaches its threshold is low, until it is above it by more than the margin', async () => {
  const sku = await productWith(10, { low: 3 });
  await setTo(sku, 4);
  expect(await alerts(sku)).toEqual([]);
  await setTo(sku, 3);
  await setTo(sku, 2);
  expect(await alerts(sku)).toEqual(['low_stock open']);
  // A tenth of the threshold, rounded up, is one unit.
  for (const count of [4, 3, 4]) await setTo(sku, count);
  expect(await alerts(sku)).toEqual(['low_stock open']);
  await setTo(sku, 5);
  expect(await alerts(sku)).toEqual(['low_stock resolved']);
  await setTo(sku, 4);
  expect(await alerts(sku)).toEqual(['low_stock resolved']);
  await setTo(sku, 1);
  expect(await alerts(sku)).toEqual(['low_stock resolved', 'low_stock open']);
});

test('only the most severe alert is open: without any left it is out of stock, and no longer low', async () => {
  const sku = await productWith(10, { low: 3 });
  await setTo(sku, 2);
  await setTo(sku, 0);
  expect(await alerts(sku)).toEqual(['low_stock resolved', 'out_of_stock open']);
  await setTo(sku, 1);
  expect(await alerts(sku)).toEqual(['low_stock resolved', 'out_of_stock resolved', 'low_stock open']);
  await setTo(sku, 9);
  expect(await alerts(sku)).toEqual(['low_stock resolved', 'out_of_stock resolved', 'low_stock resolved']);
});

test('what is on hand but all held is out of stock, and recovers when the reservation falls due', async () => {
  const sku = await productWith(5, {});
  const order = orderOf({ [sku]: 5 });
  await shop.place(order);
  expect(await alerts(sku)).toEqual(['out_of_stock open']);
  await makeDue(shop.db, order.orderId);
  await reclaimExpired(shop.db, [await productId(sku)]);
  expect(await alerts(sku)).toEqual(['out_of_stock resolved']);
});

test('more on hand than its threshold is too much', async () => {
  const sku = await productWith(10, { over: 100 });
  await setTo(sku, 100);
  expect(await alerts(sku)).toEqual([]);
  await setTo(sku, 101);
  expect(await alerts(sku)).toEqual(['overstock open']);
  for (const count of [100, 102, 91]) await setTo(sku, count);
  expect(await alerts(sku)).toEqual(['overstock open']);
  await setTo(sku, 90);
  expect(await alerts(sku)).toEqual(['overstock resolved']);
});

test('a margin of its own is kept, and a change of the threshold is decided without one', async () => {
  const sku = await shop.product({ AMS: 20 });
  const set = (lowStock: number, clearMargin: number | null) =>
    setThresholds(shop.db, {
      actor: 'test',
      sku,
      location: 'AMS',
      thresholds: { lowStock, overstock: null, clearMargin },
    });
  await set(10, 5);
  await setTo(sku, 10);
  await setTo(sku, 15);
  expect(await alerts(sku)).toEqual(['low_stock open']);
  await set(12, 5);
  expect(await alerts(sku)).toEqual(['low_stock resolved']);
  await set(16, 0);
  expect(await alerts(sku)).toEqual(['low_stock resolved', 'low_stock open']);
  await setTo(sku, 17);
  expect((await alerts(sku)).at(-1)).toBe('low_stock resolved');
  await setTo(sku, 0);
  await set(2_147_483_647, 2_147_483_647);
  await setTo(sku, 2_147_483_647);
  expect((await alerts(sku)).at(-1)).toBe('low_stock open');
});

test('a place that never had any does not alert', async () => {
  const sku = await shop.product({ AMS: 0 });
  await shop.db.pool.query('update stock set low_stock_threshold = 5 where on_hand = 0');
  expect(await alerts(sku)).toEqual([]);
  await setTo(sku, 7);
  expect(await alerts(sku)).toEqual([]);
});

test('a change that is rolled back leaves no alert', async () => {
  const sku = await productWith(5, {});
  await shop.db
    .transaction(async (tx) => {
      await tx.query({
        name: 'test.drain',
        text: 'update stock set on_hand = 0 where product_id = (select id from products where sku = $1)',
        values: [sku],
      });
      throw new Error('changed my mind');
    })
    .catch(() => undefined);
  expect(await alerts(sku)).toEqual([]);
});

test('many who sell the last units at once leave one open alert', async () => {
  const sku = await productWith(20, { low: 10 });
  await Promise.all(Array.from({ length: 30 }, () => shop.place(orderOf({ [sku]: 1 }))));
  expect((await alerts(sku)).filter((alert) => alert.endsWith('open'))).toEqual(['out_of_stock open']);
});

test('the constraint refuses a second open alert of a kind', async () => {
  const sku = await productWith(5, {});
  await setTo(sku, 0);
  await expect(
    shop.db.pool.query(
      'insert into alerts (kind, product_id, warehouse_id, status, acknowledged_at) select kind, product_id, warehouse_id, $1, now() from alerts where status = $2',
      ['acknowledged', 'open'],
    ),
  ).rejects.toMatchObject({ constraint: 'alerts_one_open' });
});

test('an alert that comes back within an hour keeps its acknowledgement; later, or about something else, it is new', async () => {
  const sku = await productWith(10, { low: 3 });
  const acknowledge = () =>
    shop.db.pool.query(
      `update alerts set status = 'acknowledged', acknowledged_at = clock_timestamp(), acknowledged_by = 'clerk', note = 'PO-77'
       where product_id = $1 and status = 'open'`,
      [id],
    );
  const id = await productId(sku);
  await setTo(sku, 3);
  await acknowledge();
  await setTo(sku, 5);
  await setTo(sku, 2);
  expect(await alerts(sku)).toEqual(['low_stock resolved', 'low_stock acknowledged']);
  const { rows } = await shop.db.pool.query(
    `select acknowledged_by as by, note, acknowledged_at = (select min(acknowledged_at) from alerts where product_id = $1) as same
     from alerts where product_id = $1 and status = 'acknowledged'`,
    [id],
  );
  expect(rows).toEqual([{ by: 'clerk', note: 'PO-77', same: true }]);
  // Nobody has seen that nothing is left.
  await setTo(sku, 0);
  expect((await alerts(sku)).at(-1)).toBe('out_of_stock open');
  await setTo(sku, 5);
  await shop.db.pool.query(
    `update alerts set resolved_at = resolved_at - interval '61 minutes' where product_id = $1 and status = 'resolved'`,
    [id],
  );
  await setTo(sku, 1);
  expect((await alerts(sku)).at(-1)).toBe('low_stock open');
});
