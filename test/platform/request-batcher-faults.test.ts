import { Client } from 'pg';
import { openDatabase, type Database } from '../../platform/database/database';
import type { OrderReserver } from '../../domain/ordering/order-reserver';
import { levelsOf, openOrderShop, openReserver, orderOf, PAYMENT, type OrderShop } from '../db/support';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

let shop: OrderShop;
/** With a lock timeout short enough to be waited for. */
let db: Database;
let reserver: OrderReserver;
/** Somebody else, who is in the way. */
let other: Client;

beforeAll(async () => {
  shop = await openOrderShop();
  db = openDatabase({ url: shop.url, poolSize: 5, log: testLogger(), lockTimeoutMs: 100 });
});

beforeEach(async () => {
  reserver = openReserver(db, { lanes: 1 });
  other = new Client({ connectionString: shop.url });
  await other.connect();
});

afterEach(async () => {
  await other.end();
  await reserver.close();
  await expectInvariants(shop.db);
});

afterAll(async () => {
  await db.close();
  await shop.close();
});

async function lockStockOf(sku: string): Promise<void> {
  await other.query('begin');
  await other.query(
    'select 1 from stock where product_id = (select id from products where sku = $1) for no key update',
    [sku],
  );
}

/** Pids of our connections that wait for a lock. */
async function waitingPids(): Promise<number[]> {
  const found = await shop.db.pool.query<{ pid: number }>(
    `select pid from pg_stat_activity
     where datname = current_database() and application_name = 'holdfast' and wait_event_type = 'Lock'`,
  );
  return found.rows.map((row) => row.pid);
}

async function idleInTransaction(): Promise<number> {
  const found = await other.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and application_name = 'holdfast' and state = 'idle in transaction'`,
  );
  return found.rows[0]?.count ?? 0;
}

test('a locked row keeps only the requests that want it, and they go on when it is free', async () => {
  const [busy, free] = [await shop.product({ AMS: 10 }), await shop.product({ AMS: 10 })];
  await lockStockOf(busy);
  const settled: string[] = [];
  const place = async (name: string, items: Record<string, number>) => {
    const { outcome } = await reserver.submit(orderOf(items));
    settled.push(`${name} ${outcome}`);
  };
  const waiting = [place('busy', { [busy]: 1 }), place('both', { [free]: 1, [busy]: 1 })];
  await Promise.all(['one', 'two', 'three'].map((name) => place(name, { [free]: 1 })));
  expect(settled).toEqual(['one reserved', 'two reserved', 'three reserved']);
  await other.query('rollback');
  await Promise.all(waiting);
  expect(settled.slice(3).sort()).toEqual(['both reserved', 'busy reserved']);
  expect(await levelsOf(db, busy)).toEqual({ AMS: [10, 2] });
});

test('locks that are on no stock row are found by halving, and fail no other order', async () => {
  const sku = await shop.product({ AMS: 20 });
  const stuck = Array.from({ length: 8 }, () => orderOf({ [sku]: 1 }));
  // As undos of these very orders would that were paused before their commit.
  await other.query('begin');
  await other.query(
    `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
     select id, 'c', 'failed', 'complete', 'XXX', 0, 1, '{}' from unnest($1::uuid[]) as t (id)`,
    [stuck.map((order) => order.orderId)],
  );
  const first = reserver.submit(orderOf({ [sku]: 1 }));
  const waiting = stuck.map((order) => reserver.submit(order));
  const outcomes = await Promise.all([1, 2].map(() => reserver.submit(orderOf({ [sku]: 1 }))));
  expect([await first, ...outcomes].map((each) => each.outcome)).toEqual([
    'reserved',
    'reserved',
    'reserved',
  ]);
  await other.query('rollback');
  expect((await Promise.all(waiting)).map((each) => each.outcome)).toEqual(stuck.map(() => 'reserved'));
});

test('a row that stays locked is given up with an error that can be tried again', async () => {
  const sku = await shop.product({ AMS: 10 });
  await lockStockOf(sku);
  const order = orderOf({ [sku]: 1 });
  await expect(reserver.submit(order)).rejects.toMatchObject({ code: '55P03' });
  await other.query('rollback');
  expect((await reserver.submit(order)).outcome).toBe('reserved');
});

test('a connection that is lost in mid-batch fails no request', async () => {
  const patient = openReserver(shop.db, { lanes: 1 });
  const sku = await shop.product({ AMS: 5 });
  await lockStockOf(sku);
  const orders = Array.from({ length: 8 }, () => orderOf({ [sku]: 1 }));
  const placed = orders.map((order) => patient.submit(order));
  const pid = await waitFor(async () => (await waitingPids())[0]);
  await other.query('select pg_terminate_backend($1)', [pid]);
  await other.query('rollback');
  const outcomes = (await Promise.all(placed)).map((each) => each.outcome);
  expect(outcomes).toEqual([...Array<string>(5).fill('reserved'), ...Array<string>(3).fill('rejected')]);
  expect(await levelsOf(db, sku)).toEqual({ AMS: [5, 5] });
  await patient.close();
});

test('when the response to a commit is lost, the batch runs again and every request gets the outcome it had', async () => {
  const sku = await shop.product({ AMS: 3, BER: 1 });
  let losses = 0;
  const forgetful: Database = {
    ...shop.db,
    async transaction(work) {
      const result = await shop.db.transaction(work);
      if (losses++ < 2) throw new Error('Connection terminated unexpectedly');
      return result;
    },
  };
  const unlucky = openReserver(forgetful, { lanes: 1 });
  const orders = [2, 1, 1, 5].map((quantity) => orderOf({ [sku]: quantity }, { payment: PAYMENT }));
  const outcomes = await Promise.all(orders.map((order) => unlucky.submit(order)));
  expect(outcomes.map((each) => each.outcome)).toEqual(['reserved', 'reserved', 'reserved', 'rejected']);
  expect(outcomes[3]?.shortages).toEqual([{ sku, requested: 5, available: 0 }]);
  expect(await levelsOf(db, sku)).toEqual({ AMS: [3, 3], BER: [1, 1] });
  for (const order of orders.slice(0, 3)) {
    expect(await eventTypes(db, order.orderId)).toEqual([
      'order_placed',
      'stock_reserved',
      'payment_started',
    ]);
  }
  expect(losses).toBeGreaterThan(2);
  await unlucky.close();
});

test('a session that the server ended for idling in its transaction is a lost connection', async () => {
  const sku = await shop.product({ AMS: 2 });
  let pauses = 0;
  const paused: Database = {
    ...shop.db,
    transaction: (work) =>
      shop.db.transaction(async (tx, commitEarly) => {
        if (pauses++ === 0) {
          await tx.query({ name: 'test.idle', text: 'set local idle_in_transaction_session_timeout = 50' });
          await waitFor(async () => (await idleInTransaction()) === 0);
        }
        return work(tx, commitEarly);
      }),
  };
  const slow = openReserver(paused, { lanes: 1 });
  expect((await slow.submit(orderOf({ [sku]: 1 }))).outcome).toBe('reserved');
  expect(pauses).toBe(2);
  await slow.close();
});
