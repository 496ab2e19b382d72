import { withStock } from '../support/stock';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { expireDueReservations } from '../../domain/stock/reservations/expire';
import { releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { cancelUndelivered } from '../../domain/ordering/cancel';
import { readProgress } from '../../domain/ordering/progress';
import { readOrder } from '../../domain/ordering/views';
import { placementResult } from '../../api/use-cases/order-responses';
import { isAppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { makeReservationsDue, openReservationShop, type ReservationShop } from './reservation-shop';
import { levelsOf, openReserver, orderOf, receive, viewOf } from './support';

const LIMITS = { product: 1_000, customer: 300 };

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** Places orders together and closes its own reserver. */
async function placeAll(orders: readonly ReturnType<typeof orderOf>[], limits = LIMITS, lanes = 2) {
  const reserver = openReserver(shop.db, { backorderLimits: limits, lanes });
  try {
    return await Promise.all(orders.map((order) => reserver.submit(order)));
  } finally {
    await reserver.close();
  }
}

const waits = (sku: string, quantity: number, customerId: string = newId()) =>
  orderOf({ [sku]: quantity }, { fulfilment: 'backorder', customerId });

async function waitingFor(sku: string): Promise<number> {
  const found = await shop.db.pool.query<{ units: number }>(
    `select coalesce(sum(waiting), 0) as units from backorders b join products p on p.id = b.product_id where p.sku = $1`,
    [sku],
  );
  return found.rows[0]!.units;
}

test('exactly as many units may wait for a product, whoever places orders at the same time', async () => {
  const sku = await shop.product({});
  const orders = Array.from({ length: 40 }, () => waits(sku, 100));
  const [one, two] = await Promise.all([placeAll(orders.slice(0, 20)), placeAll(orders.slice(20))]);
  const outcomes = [...one, ...two];
  expect(outcomes.filter(({ outcome }) => outcome === 'reserved')).toHaveLength(10);
  expect(outcomes.filter(({ code }) => code === 'BACKORDER_LIMIT')).toHaveLength(30);
  expect(await waitingFor(sku)).toBe(1_000);
});

test('only units that wait count, and what was served or given up makes room', async () => {
  const sku = await shop.product({ AMS: 5_000 });
  const mostlyServed = waits(sku, 5_300);
  expect(await placeAll([mostlyServed])).toMatchObject([{ outcome: 'reserved' }]);
  expect(await placeAll([waits(sku, 300), waits(sku, 300), waits(sku, 200)])).toMatchObject([
    { outcome: 'reserved' },
    { outcome: 'reserved' },
    { outcome: 'refused' },
  ]);
  await cancelUndelivered(shop.db, mostlyServed.orderId);
  // Its 5,000 units served the two orders, so that nothing waits.
  expect(await waitingFor(sku)).toBe(0);
  expect(await placeAll([waits(sku, 4_400 + 300)])).toMatchObject([{ outcome: 'reserved' }]);
});

test('an order that takes what there is, or all or nothing, is not limited', async () => {
  const sku = await shop.product({ AMS: 1 });
  const [partial, complete] = [
    orderOf({ [sku]: 100_000 }, { fulfilment: 'partial' }),
    orderOf({ [sku]: 100_000 }),
  ];
  expect(await placeAll([complete, partial])).toMatchObject([
    { outcome: 'rejected' },
    { outcome: 'reserved' },
  ]);
});

test('a customer has a limit over all products', async () => {
  const [one, two] = [await shop.product({}), await shop.product({})];
  const customerId = newId();
  const both = orderOf({ [one]: 150, [two]: 100 }, { fulfilment: 'backorder', customerId });
  expect(await placeAll([both])).toMatchObject([{ outcome: 'reserved' }]);
  expect(
    await placeAll([waits(one, 51, customerId), waits(one, 50, customerId), waits(two, 51)]),
  ).toMatchObject([
    {
      outcome: 'refused',
      code: 'BACKORDER_LIMIT',
      detail: expect.stringContaining('for this customer') as unknown,
    },
    { outcome: 'reserved' },
    { outcome: 'reserved' },
  ]);
});

test('orders of one customer that are decided together count each other', async () => {
  const [other, sku, customerId] = [await shop.product({}), await shop.product({}), newId()];
  // The first is a batch of its own, and the other two wait for it.
  const orders = [waits(other, 1), waits(sku, 200, customerId), waits(sku, 200, customerId)];
  expect((await placeAll(orders, LIMITS, 1)).map(({ outcome }) => outcome)).toEqual([
    'reserved',
    'reserved',
    'refused',
  ]);
});

test('the refusal is 409 BACKORDER_LIMIT with the product and the limit, and nothing is reserved', async () => {
  const sku = await shop.product({ AMS: 7 });
  const limits = { product: 1_000, customer: 100_000 };
  const order = waits(sku, 1_008);
  const outcomes = await placeAll([order], limits);
  expect(outcomes).toMatchObject([{ outcome: 'refused', code: 'BACKORDER_LIMIT' }]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [7, 0] });
  expect(await viewOf(shop.db, order.orderId)).toMatchObject({
    status: 'failed',
    failureCode: 'BACKORDER_LIMIT',
    items: [],
  });
  const told = placementResult((await readOrder(shop.db, order.orderId))!);
  const error = told.outcome === 'reserved' ? undefined : told.error;
  expect(isAppError(error, 'BACKORDER_LIMIT') && error.details).toEqual({
    scope: 'product',
    sku,
    waiting: 0,
    wanted: 1_001,
    limit: 1_000,
    orderId: order.orderId,
  });
  // Asked again it is the same, though there is room by now.
  await receive(shop.db, sku, 'AMS', 1_000);
  expect(await placeAll([order], limits)).toMatchObject([{ outcome: 'refused', code: 'BACKORDER_LIMIT' }]);
});

describe('more units than 32 bits can count, left by an older version', () => {
  const ORDERS = 2_200;

  async function overfullQueue(sku: string): Promise<string> {
    const made = await shop.db.pool.query<{ id: string }>(
      `with made as (
         insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
         select gen_random_uuid(), 'c-old', 'reserved', 'backorder', 'USD', 1000, 900, '{}' from generate_series(1, $2)
         returning id
       ), items as (
         insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, backordered_quantity)
         select m.id, 1, p.id, p.sku, 1000000, 1000, 1000000 from made m, products p where p.sku = $1
       )
       insert into backorders (product_id, order_id, quantity, waiting)
       select p.id, m.id, 1000000, 1000000 from made m, products p where p.sku = $1
       returning order_id as id`,
      [sku, ORDERS],
    );
    return made.rows[0]!.id;
  }

  test('stop no receipt, adjustment, release, expiry or order', async () => {
    const sku = await shop.product({ AMS: 5 });
    const [released, due] = [await shop.reserve({ [sku]: 2 }), await shop.reserve({ [sku]: 3 })];
    const first = await overfullQueue(sku);
    await receive(shop.db, sku, 'AMS', 5);
    const change = { sku, location: 'AMS', reason: 'count', actor: 'test', change: { setTo: 40 } };
    await adjustStock(withStock(shop.db), { ...change, effectId: newId() });
    await releaseReservation(withStock(shop.db), released);
    await makeReservationsDue(shop.db, [due]);
    const round = { batchSize: 500, pauseMs: 200, roundMs: 0 };
    await expireDueReservations(withStock(shop.db), round, new AbortController().signal);
    // What arrived and what was given back went to those who wait.
    expect((await levelsOf(shop.db, sku))['AMS']).toEqual([40, 40]);
    expect(await waitingFor(sku)).toBe(ORDERS * 1_000_000 - 40);
    expect((await readProgress(shop.db, first))?.waitingUnits).toBe(1_000_000 - 40);
    // Nothing is on sale, and nothing more may wait.
    expect(await placeAll([waits(sku, 1)])).toMatchObject([{ outcome: 'refused', code: 'BACKORDER_LIMIT' }]);
  });

  test('of one order are counted', async () => {
    const skus = await Promise.all(Array.from({ length: 3 }, () => shop.product({})));
    const order = orderOf({ [skus[0]!]: 1 }, { fulfilment: 'backorder' });
    await shop.place(order);
    await shop.db.pool.query(
      `with item as (
         insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, backordered_quantity)
         select $1::uuid, n + 1, p.id, p.sku, 2000000000, 1, 2000000000
         from unnest($2::text[]) with ordinality as s (sku, n) join products p on p.sku = s.sku returning product_id)
       insert into backorders (product_id, order_id, quantity, waiting)
       select product_id, $1, 2000000000, 2000000000 from item`,
      [order.orderId, skus.slice(1)],
    );
    expect((await readProgress(shop.db, order.orderId))?.waitingUnits).toBe(4_000_000_001);
    await cancelUndelivered(shop.db, order.orderId);
    expect((await readProgress(shop.db, order.orderId))?.waitingUnits).toBe(0);
  });
});
