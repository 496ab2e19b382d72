import { nodesOf, rowsOf, type PlanNode } from '../../bench/explain/reads';
import { abandonReservation } from '../../domain/ordering/cancel';
import { claimRestingOrders, lookSoon } from '../../domain/ordering/reconcile';
import { selectSuspectsForUpdate } from '../../domain/ordering/reconcile-queries';
import { orderPaymentId } from '../../domain/orders/ids';
import { hasEnded } from '../../domain/orders/rules';
import type { Queryable } from '../../platform/database/database';
import { expectInvariants } from '../support/invariants';
import { openOrderShop, orderOf, viewOf, PAYMENT, type OrderShop } from './support';

const ENDED = 100_000;
const LIMITS = { graceSeconds: 30, recheckSeconds: 600, limit: 100 };

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
  await shop.db.pool.query(
    `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input, created_at, updated_at, checked_at)
     select gen_random_uuid(), 'c', 'cancelled', 'complete', 'USD', 0, 900, '{}', at, at, at
     from generate_series(1, ${ENDED}) n, lateral (select now() - make_interval(mins => n) as at) t`,
  );
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** The nodes of the plan that read rows. */
async function readers(): Promise<PlanNode[]> {
  let nodes: PlanNode[] = [];
  await shop.db.transaction(async (tx) => {
    const explained: Queryable = {
      query: async ({ text, values }) => {
        const { rows } = await tx.query({ name: '', text: `explain (analyze, format json) ${text}`, values });
        const [{ Plan }] = rows[0]?.['QUERY PLAN'] as [{ Plan: PlanNode }];
        nodes = nodesOf(Plan);
        return { rows: [], rowCount: 0 };
      },
    };
    await selectSuspectsForUpdate(explained, LIMITS);
  });
  return nodes.filter((node) => node['Relation Name'] !== undefined);
}

function mostRead(nodes: readonly PlanNode[]): number {
  return Math.max(...nodes.map(rowsOf));
}

/** One that waits to be paid, one that is being charged, and one that has ended although its charge is not final. */
async function unfinishedOrders(sku: string): Promise<string[]> {
  const [unpaid, charging] = [orderOf({ [sku]: 1 }), orderOf({ [sku]: 1 }, { payment: PAYMENT })];
  const ended = orderOf({ [sku]: 1 }, { payment: PAYMENT });
  for (const order of [unpaid, charging, ended]) await shop.place(order);
  const { orderId } = ended;
  await abandonReservation(shop.db, { orderId, paymentId: orderPaymentId(orderId, 1) });
  expect(hasEnded((await viewOf(shop.db, orderId)).status)).toBe(true);
  return [unpaid, charging, ended].map((order) => order.orderId);
}

test.each(['before the tables are analysed', 'once they are'])(
  'the sweep of orders reads those that are open or have open money, and none of those that ended: %s',
  async (when) => {
    if (when === 'once they are') await shop.db.pool.query('vacuum analyze');
    const orderIds = await unfinishedOrders(await shop.product({ AMS: 10 }));
    await shop.db.pool.query(
      `update orders set updated_at = updated_at - interval '1 hour' where id = any ($1)`,
      [orderIds],
    );
    const orders = (await readers()).filter((node) => node['Relation Name'] === 'orders');
    expect(orders.map((node) => node['Node Type'])).not.toContain('Seq Scan');
    expect(mostRead(orders)).toBeLessThan(100);
    const found = (await claimRestingOrders(shop.db, LIMITS)).map(({ id }) => id);
    expect(found.sort()).toEqual(orderIds.sort());
  },
);

test('an order that waits to be paid is looked at every ten minutes, soon again once its reservation is late, and at once when asked for', async () => {
  const order = orderOf({ [await shop.product({ AMS: 1 })]: 1 });
  const { orderId } = order;
  await shop.place(order);
  const looked = (seconds: number) =>
    shop.db.pool.query(
      `update orders set updated_at = now() - interval '1 hour', checked_at = clock_timestamp() - make_interval(secs => $2) where id = $1`,
      [orderId, seconds],
    );
  const isClaimed = async () => (await claimRestingOrders(shop.db, LIMITS)).some(({ id }) => id === orderId);
  await looked(500);
  expect(await isClaimed()).toBe(false);
  await lookSoon(shop.db, [orderId]);
  expect([await isClaimed(), await isClaimed()]).toEqual([true, false]);
  await looked(601);
  expect(await isClaimed()).toBe(true);

  await looked(40);
  await shop.db.pool.query(
    `update reservations set expires_at = clock_timestamp() - interval '11 s' where order_id = $1`,
    [orderId],
  );
  expect([await isClaimed(), await isClaimed()]).toEqual([true, false]);
});

describe('orders whose money is authorised', () => {
  /** So many of this status, which have rested, each with a payment. */
  async function authorised(
    count: number,
    status: string,
    payment: string,
    rested = '1 second',
  ): Promise<string[]> {
    const { rows } = await shop.db.pool.query<{ id: string }>(
      `with o as (
         insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input, capture, updated_at)
         select gen_random_uuid(), 'made', $2, 'complete', 'USD', 0, 900, '{}', 'on_shipment', now() - $4::interval
         from generate_series(1, $1) returning id
       ), r as (
         insert into reservations (id, kind, order_id, status, expires_at)
         select gen_random_uuid(), 'order', id, 'confirmed', now() from o returning id, order_id
       ), p as (
         insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, currency, method, token, gateway)
         select gen_random_uuid(), order_id, id, 1, 'u', $3, 0, 'USD', 'card', 't', 'sandbox' from r
       )
       select id from o`,
      [count, status, payment, rested],
    );
    return rows.map(({ id }) => id);
  }

  afterEach(async () => {
    for (const table of ['payments', 'reservations'])
      await shop.db.pool.query(
        `delete from ${table} where order_id in (select id from orders where customer_id = 'made')`,
      );
    await shop.db.pool.query(`delete from orders where customer_id = 'made'`);
  });

  test('are not read while they are open and move; one that has ended is found, and one of which nothing is authorised is read once', async () => {
    await authorised(3_000, 'paid', 'authorized');
    const [left] = await authorised(1, 'fulfilled', 'authorized', '1 hour');
    const closed = await authorised(500, 'fulfilled', 'captured', '1 hour');
    await shop.db.pool.query('vacuum analyze');
    const claimed = async () => (await claimRestingOrders(shop.db, LIMITS)).map(({ id }) => id);
    expect(await claimed()).toContain(left);
    expect(await claimed()).not.toContain(left);
    const { rows } = await shop.db.pool.query(
      'select id from orders where id = any ($1) and money_closed_at is null',
      [[left, ...closed]],
    );
    expect(rows).toEqual([{ id: left }]);
    const found = await readers();
    expect(mostRead(found.filter((node) => node['Relation Name'] === 'payments'))).toBeLessThan(100);
  });
});
