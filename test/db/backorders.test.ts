import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { cancelUndelivered } from '../../domain/ordering/cancel';
import { drainAllocation } from '../../domain/ordering/backorders/drain-allocation';
import type { OrderInput } from '../../domain/orders/types';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { levelsOf, openOrderShop, orderOf, receive, twice, viewOf, type OrderShop } from './support';
import { withStock } from '../support/stock';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

/** Places backorders of these quantities, one after the other. */
async function queueUp(sku: string, ...quantities: number[]): Promise<OrderInput[]> {
  const orders = quantities.map((quantity) => orderOf({ [sku]: quantity }, { fulfilment: 'backorder' }));
  for (const order of orders) await shop.place(order);
  return orders;
}

/** `reserved/backordered` of the only item of each order. */
async function unitsOf(orders: readonly OrderInput[]): Promise<string[]> {
  const views = await Promise.all(orders.map((order) => viewOf(shop.db, order.orderId)));
  return views.map(({ items: [item] }) => `${item?.reservedQuantity}/${item?.backorderedQuantity}`);
}

async function outboxKeys(topic: string): Promise<string[]> {
  const found = await shop.db.pool.query<{ key: string }>(
    'select key from outbox where topic = $1 order by id',
    [topic],
  );
  return found.rows.map((row) => row.key);
}

describe('stock that arrives', () => {
  test('goes to those who wait, first come first served, each as a reservation of its own', async () => {
    const sku = await shop.product({});
    const orders = await queueUp(sku, 2, 1, 5);
    await receive(shop.db, sku, 'AMS', 4);
    expect(await unitsOf(orders)).toEqual(['2/0', '1/0', '1/4']);
    const [first] = orders;
    const view = await viewOf(shop.db, first!.orderId);
    expect(view).toMatchObject({ status: 'reserved', reservation: { status: 'pending' } });
    expect(Date.parse(view.reservation!.expiresAt) - Date.now()).toBeGreaterThan(800_000);
    expect((await eventTypes(shop.db, first!.orderId)).at(-1)).toBe('stock_allocated');
    for (const { orderId } of orders) expect(await outboxKeys('order.wake')).toContain(orderId);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4] });
  });

  test('in several places fills one wait from all of them, and what is not waited for is on sale', async () => {
    const sku = await shop.product({});
    const orders = await queueUp(sku, 5);
    await receive(shop.db, sku, 'NYC', 2);
    await receive(shop.db, sku, 'AMS', 10);
    expect(await unitsOf(orders)).toEqual(['5/0']);
    expect((await viewOf(shop.db, orders[0]!.orderId)).reservations).toHaveLength(2);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 3], NYC: [2, 2] });
  });

  test('as a corrected count goes to those who wait too, and a lower one takes nothing from them', async () => {
    const sku = await shop.product({});
    const orders = await queueUp(sku, 2);
    const change = { sku, location: 'AMS', reason: 'count', actor: 'test' };
    expect(
      await adjustStock(withStock(shop.db), { ...change, change: { setTo: 3 }, effectId: newId() }),
    ).toMatchObject({
      onHand: 3,
      reserved: 2,
      available: 1,
    });
    expect(await unitsOf(orders)).toEqual(['2/0']);
    await expect(
      adjustStock(withStock(shop.db), { ...change, change: { setTo: 1 }, effectId: newId() }),
    ).rejects.toMatchObject({ code: 'BELOW_RESERVED' });
  });

  test('twice under one effect id is given out once', async () => {
    const sku = await shop.product({});
    const orders = await queueUp(sku, 3);
    const effectId = newId();
    const [first, second] = await twice(shop.db, () => receive(shop.db, sku, 'AMS', 2, effectId));
    expect(second).toEqual(first);
    expect(await unitsOf(orders)).toEqual(['2/1']);
  });

  test('for two products of one order at the same moment is held for both', async () => {
    for (let round = 0; round < 20; round++) {
      const [one, two] = [await shop.product({}), await shop.product({})];
      const order = orderOf({ [one]: 1, [two]: 1 }, { fulfilment: 'backorder' });
      await shop.place(order);
      await Promise.all([receive(shop.db, one, 'AMS', 1), receive(shop.db, two, 'AMS', 1)]);
      const { items, reservations } = await viewOf(shop.db, order.orderId);
      expect(items.map((item) => item.status)).toEqual(['reserved', 'reserved']);
      expect(reservations).toHaveLength(2);
    }
  });
});

test('new orders at the same moment never take what others wait for', async () => {
  for (let round = 0; round < 40; round++) {
    const sku = await shop.product({});
    const orders = await queueUp(sku, 2, 2);
    const snipers = Array.from({ length: 6 }, () => orderOf({ [sku]: 1 }));
    const [, , ...outcomes] = await Promise.all([
      receive(shop.db, sku, 'AMS', 2),
      receive(shop.db, sku, 'BER', 3),
      ...snipers.map((order) => shop.place(order)),
    ]);
    expect(await unitsOf(orders)).toEqual(['2/0', '2/0']);
    expect(outcomes.filter((each) => each.outcome === 'reserved').length).toBeLessThanOrEqual(1);
  }
});

describe('an arrival for more orders than one transaction should serve', () => {
  const QUEUE = 1_150;

  /** Every wait is of one unit. Written plainly: it is the arrival that is tested. */
  async function longQueue(sku: string): Promise<void> {
    await shop.db.pool.query(
      `with made as (
         insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
         select gen_random_uuid(), 'c', 'reserved', 'backorder', 'USD', 1000, 900, '{}' from generate_series(1, $2)
         returning id
       ), items as (
         insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, backordered_quantity)
         select m.id, 1, p.id, p.sku, 1, 1000, 1 from made m, products p where p.sku = $1
       )
       insert into backorders (product_id, order_id, quantity, waiting)
       select p.id, m.id, 1, 1 from made m, products p where p.sku = $1`,
      [sku, QUEUE],
    );
  }

  async function waitingFor(sku: string): Promise<number> {
    const found = await shop.db.pool.query<{ count: number }>(
      `select count(*)::int as count from backorders b join products p on p.id = b.product_id
       where p.sku = $1 and b.waiting > 0`,
      [sku],
    );
    return found.rows[0]?.count ?? 0;
  }

  async function drainNext(): Promise<void> {
    const found = await shop.db.pool.query<{ key: string }>(
      `delete from outbox where id = (select min(id) from outbox where topic = 'allocation.drain') returning key`,
    );
    await twice(shop.db, () => drainAllocation(shop.db, found.rows[0]!.key));
  }

  test('keeps the rest from new orders and hands it on, step by step, to the last unit', async () => {
    const sku = await shop.product({});
    await longQueue(sku);
    const effectId = newId();
    await twice(shop.db, () => receive(shop.db, sku, 'AMS', QUEUE + 50, effectId));
    expect(await waitingFor(sku)).toBe(QUEUE - 500);
    await expectInvariants(shop.db);
    // 50 are for whoever comes; all others are spoken for, although they are not allocated yet.
    expect((await shop.place(orderOf({ [sku]: 51 }))).outcome).toBe('rejected');
    expect((await shop.place(orderOf({ [sku]: 50 }))).outcome).toBe('reserved');

    await drainNext();
    expect(await waitingFor(sku)).toBe(QUEUE - 1_000);
    await expectInvariants(shop.db);
    await drainNext();
    expect(await waitingFor(sku)).toBe(0);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [QUEUE + 50, QUEUE + 50] });
    expect(await outboxKeys('allocation.drain')).toEqual([]);
    const left = await shop.db.pool.query(
      `select 1 from reservations where kind = 'allocation' and status = 'pending'`,
    );
    expect(left.rowCount).toBe(0);
  });

  test('of which some gave up meanwhile puts what they leave on sale', async () => {
    const sku = await shop.product({});
    await longQueue(sku);
    await receive(shop.db, sku, 'AMS', QUEUE);
    const leavers = await shop.db.pool.query<{ id: string }>(
      `select b.order_id as id from backorders b join products p on p.id = b.product_id
       where p.sku = $1 and b.waiting > 0 order by b.id desc limit 30`,
      [sku],
    );
    for (const { id } of leavers.rows) await cancelUndelivered(shop.db, id);
    await drainNext();
    await drainNext();
    expect(await waitingFor(sku)).toBe(0);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [QUEUE, QUEUE - 30] });
  });

  test('two drains of one message at the same moment hand it on once', async () => {
    const sku = await shop.product({});
    await longQueue(sku);
    await receive(shop.db, sku, 'AMS', QUEUE);
    const [key] = (await outboxKeys('allocation.drain')).slice(-1);
    await Promise.all([1, 2, 3].map(() => drainAllocation(shop.db, key!)));
    expect(await waitingFor(sku)).toBe(QUEUE - 1_000);
  });
});
