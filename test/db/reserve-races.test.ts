import { setImmediate as nextTurn } from 'node:timers/promises';
import type { OrderReserver } from '../../domain/ordering/order-reserver';
import type { ReserveOutcome } from '../../domain/ordering/types';
import type { OrderInput } from '../../domain/orders/types';
import { undoReserve } from '../../domain/ordering/undo-reserve';
import { stock } from '../../domain/ordering/backorders/stock-with-backorders';
import { lockStock } from '../../domain/stock/ledger/stock-ledger';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import {
  levelsOf,
  openOrderShop,
  openReserver,
  orderOf,
  PAYMENT,
  receive,
  viewOf,
  type OrderShop,
} from './support';

let shop: OrderShop;
/** Two processes. */
let here: OrderReserver;
let there: OrderReserver;

beforeAll(async () => {
  shop = await openOrderShop();
  here = openReserver(shop.db, { lanes: 1 });
  there = openReserver(shop.db, { lanes: 1 });
});

afterEach(() => expectInvariants(shop.db));

afterAll(async () => {
  await here.close();
  await there.close();
  await shop.close();
});

function outcomes(given: readonly ReserveOutcome[]): string[] {
  return given.map((each) => each.outcome);
}

function count(given: readonly ReserveOutcome[], outcome: ReserveOutcome['outcome']): number {
  return given.filter((each) => each.outcome === outcome).length;
}

/** Submits all in one batch: the lane is busy with something else when they come. */
async function inOneBatch(reserver: OrderReserver, orders: readonly OrderInput[]): Promise<ReserveOutcome[]> {
  const first = reserver.submit(orderOf({ [await shop.product({ AMS: 1 })]: 1 }));
  const all = Promise.all(orders.map((order) => reserver.submit(order)));
  await first;
  return all;
}

/** In how many transactions these orders were written. */
async function transactionsOf(orders: readonly OrderInput[]): Promise<number> {
  const found = await shop.db.pool.query<{ count: number }>(
    'select count(distinct xmin::text)::int as count from orders where id = any ($1::uuid[])',
    [orders.map((order) => order.orderId)],
  );
  return found.rows[0]?.count ?? 0;
}

test('a batch is served in the order of arrival, and a large order that is short does not stop a small one behind it', async () => {
  const sku = await shop.product({ AMS: 3, BER: 2 });
  const orders = [2, 2, 3, 1, 1].map((quantity) => orderOf({ [sku]: quantity }));
  const given = await inOneBatch(here, orders);
  expect(outcomes(given)).toEqual(['reserved', 'reserved', 'rejected', 'reserved', 'rejected']);
  // Those that were short were decided with all rows locked, and so apart from the others.
  expect(await transactionsOf(orders)).toBe(2);
});

test('200 orders at once from two processes for 50 units in three warehouses: exactly 50 are held', async () => {
  const sku = await shop.product({ AMS: 20, BER: 20, NYC: 10 });
  const given = await Promise.all(
    Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? here : there).submit(orderOf({ [sku]: 1 }))),
  );
  expect(count(given, 'reserved')).toBe(50);
  expect(count(given, 'rejected')).toBe(150);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [20, 20], BER: [20, 20], NYC: [10, 10] });
});

test('batches that want the same rows in opposite orders never fail', async () => {
  const skus = await Promise.all(Array.from({ length: 6 }, () => shop.product({ AMS: 200, BER: 200 })));
  const forward = Object.fromEntries(skus.map((sku) => [sku, 3]));
  const backward = Object.fromEntries([...skus].reverse().map((sku) => [sku, 3]));
  const given = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      const order = orderOf(n % 2 === 0 ? forward : backward);
      if (n % 20 === 0) await nextTurn();
      return (n % 2 === 0 ? here : there).submit(order);
    }),
  );
  expect(count(given, 'reserved')).toBe(133);
  expect(count(given, 'rejected')).toBe(67);
});

test('a batch that would lock too many rows is cut into several transactions', async () => {
  const skus: string[] = [];
  for (let n = 0; n < 100; n++) skus.push(await shop.product({ AMS: 30 }));
  const items = Object.fromEntries(skus.map((sku) => [sku, 1]));
  const orders = Array.from({ length: 25 }, () => orderOf(items));
  expect(count(await inOneBatch(here, orders), 'reserved')).toBe(25);
  expect(await transactionsOf(orders)).toBe(2);
});

test('a choice that others made stale before its rows were locked is made again over all warehouses', async () => {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  let commit = (): void => undefined;
  const [taking, locked] = [new Promise<void>((resolve) => (commit = resolve)), deferred()];
  const taken = shop.db.transaction(async (tx) => {
    const key = await keyOf(sku, 'AMS');
    await lockStock(tx, [key]);
    await stock.change(tx, [
      { ...key, kind: 'adjust', onHandDelta: -1, reservedDelta: 0, effectId: newId() },
    ]);
    locked.resolve();
    await taking;
  });
  await locked.promise;
  const order = orderOf({ [sku]: 1 });
  const placed = here.submit(order);
  await waitFor(async () => (await lockWaiters()) > 0);
  commit();
  await taken;
  expect((await placed).outcome).toBe('reserved');
  expect((await viewOf(shop.db, order.orderId)).items[0]?.allocations).toEqual([
    { warehouse: 'BER', quantity: 1 },
  ]);
});

test('the same order decided in two processes at once gets one outcome and one reservation', async () => {
  for (let round = 0; round < 30; round++) {
    const sku = await shop.product({ AMS: 1, BER: 1 });
    const order = orderOf({ [sku]: 1 }, { payment: PAYMENT });
    const unknown = orderOf({ [`NO-${newId()}`]: 1 });
    const given = await Promise.all([
      here.submit(order),
      there.submit(order),
      here.submit(unknown),
      there.submit(unknown),
    ]);
    expect(outcomes(given)).toEqual(['reserved', 'reserved', 'refused', 'refused']);
    expect(await eventTypes(shop.db, unknown.orderId)).toEqual(['order_placed', 'order_failed']);
    const reserved = Object.values(await levelsOf(shop.db, sku)).map(([, units]) => units);
    expect(reserved.reduce((sum, units) => sum + units, 0)).toBe(1);
  }
});

describe('a backorder and the first receipt at the same moment', () => {
  test.each([
    ['where there is no stock row yet', {}],
    ['where the row is empty', { AMS: 0, NYC: 0 }],
  ])('%s: nobody waits for ever', async (_name, levels) => {
    for (let round = 0; round < 60; round++) {
      const sku = await shop.product(levels);
      const order = orderOf({ [sku]: 2 }, { fulfilment: 'backorder' });
      await Promise.all([
        receive(shop.db, sku, 'AMS', 1),
        here.submit(order),
        receive(shop.db, sku, 'NYC', 1),
        round % 2 === 0 ? there.submit(orderOf({ [sku]: 1 }, { fulfilment: 'backorder' })) : undefined,
      ]);
      const found = await shop.db.pool.query<{ waiting: number; available: number }>(
        `select coalesce((select sum(waiting) from backorders b where b.product_id = p.id), 0)::int as waiting,
                coalesce((select sum(available) from stock s where s.product_id = p.id), 0)::int as available
         from products p where p.sku = $1`,
        [sku],
      );
      expect(found.rows[0]).toEqual({ waiting: round % 2 === 0 ? 1 : 0, available: 0 });
    }
  });
});

describe('the undo of a reserve', () => {
  const undo = (order: OrderInput) => undoReserve(shop.db, { order, code: 'CANCELLED', detail: 'Given up.' });

  test('that comes first leaves a tombstone, and the late reserve is refused and reserves nothing', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 });
    expect(await undo(order)).toMatchObject({ status: 'failed', failureCode: 'CANCELLED' });
    expect(await here.submit(order)).toMatchObject({ outcome: 'refused', code: 'CANCELLED' });
    expect(await undo(order)).toMatchObject({ status: 'failed' });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
    expect(await eventTypes(shop.db, order.orderId)).toEqual(['order_failed']);
  });

  test('that comes after leaves the order as it is and returns where it stands', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 });
    await here.submit(order);
    expect(await undo(order)).toMatchObject({ status: 'reserved', reservations: [{ status: 'pending' }] });
    expect(await eventTypes(shop.db, order.orderId)).toEqual(['order_placed', 'stock_reserved']);
  });

  test('at the same moment is one of the two, for both', async () => {
    for (let round = 0; round < 40; round++) {
      const sku = await shop.product({ AMS: 1 });
      const order = orderOf({ [round % 2 === 0 ? sku : `NO-${sku}`]: 1 });
      const [undone, { outcome }] = await Promise.all([undo(order), here.submit(order)]);
      expect(undone.status).toBe(outcome === 'reserved' ? 'reserved' : 'failed');
      const [level] = Object.values(await levelsOf(shop.db, sku));
      expect(level).toEqual([1, outcome === 'reserved' ? 1 : 0]);
    }
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((made) => (resolve = made));
  return { promise, resolve };
}

async function keyOf(sku: string, warehouse: string): Promise<{ productId: number; warehouseId: number }> {
  const found = await shop.db.pool.query<{ productId: number; warehouseId: number }>(
    `select p.id as "productId", w.id as "warehouseId" from products p, warehouses w where p.sku = $1 and w.code = $2`,
    [sku, warehouse],
  );
  return found.rows[0]!;
}

async function lockWaiters(): Promise<number> {
  const found = await shop.db.pool.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return found.rows[0]?.count ?? 0;
}
