import { createKey } from '../../domain/identity/keys';
import { appendEvents } from '../../domain/orders/events';
import { newId } from '../../platform/ids';
import { addPaidOrder, addStock } from '../support/fixtures';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';
import { keyOf, openAccessApi } from './access-table';
import { asPerson, signUp, type Person } from './people-api';
import type { TestApi } from './support';

let test: TestApi;
let ada: Person;

beforeAll(async () => {
  ({ test, ada } = await openAccessApi({
    CUSTOMER_HOLD_SECONDS: '600',
    CUSTOMER_UNPAID_ORDERS: '2',
    STREAMS_PER_CUSTOMER: '2',
    REPORT_POOL_SIZE: '2',
  }));
  await addStock(test.db, 'A', 'AMS', 1_000);
});
afterAll(() => test.close());

const order = (who: Person, more: object = {}) =>
  asPerson(test, who, 'POST', '/orders', { body: { items: [{ sku: 'A', quantity: 1 }], ...more } });

/** An order whose customer they are, with the status given. */
async function orderOf({ id }: Person, status = 'paid'): Promise<string> {
  const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
  await test.db.pool.query('update orders set customer_id = $2, status = $3 where id = $1', [
    orderId,
    id,
    status,
  ]);
  return orderId;
}

describe('what a customer says of an order', () => {
  it.each([
    [{ capture: 'on_shipment' }, ['capture']],
    [
      { sourcing: 'nearest', fulfilment: 'backorder', backorderSeconds: 315_360_000 },
      ['backorderSeconds', 'sourcing'],
    ],
  ])('%j is for services and operators', async (more, members) => {
    expect(await order(ada, more)).toMatchObject({
      status: 403,
      body: { code: 'MEMBERS_NOT_ALLOWED', members },
    });
    // A service may: it goes on to what is wrong with the order.
    const key = await keyOf(test, newId(), ['orders']);
    const body = { items: [{ sku: 'NOT-SOLD', quantity: 1 }], customerId: ada.id, ...more };
    expect(await test.call('POST', '/orders', { key, body })).toMatchObject({
      body: { code: 'UNKNOWN_SKU' },
    });
  });

  it('holds stock for no longer than the settings say; a service may for a day', async () => {
    expect(await order(ada, { holdSeconds: 601 })).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', errors: [{ path: 'holdSeconds' }] },
    });
    const unknown = { items: [{ sku: 'NOT-SOLD', quantity: 1 }] };
    expect(await order(ada, { ...unknown, holdSeconds: 600 })).toMatchObject({
      body: { code: 'UNKNOWN_SKU' },
    });
    expect(await order(ada, unknown)).toMatchObject({ body: { code: 'UNKNOWN_SKU' } });
    const key = await keyOf(test, newId(), ['orders']);
    const body = { ...unknown, customerId: ada.id, holdSeconds: 86_400 };
    expect(await test.call('POST', '/orders', { key, body })).toMatchObject({
      body: { code: 'UNKNOWN_SKU' },
    });
  });

  it('is refused before anything is started where they have as many unpaid orders as they may', async () => {
    const eve = await signUp(test);
    await orderOf(eve, 'reserved');
    await orderOf(eve, 'paid');
    const unknown = { items: [{ sku: 'NOT-SOLD', quantity: 1 }] };
    expect(await order(eve, unknown)).toMatchObject({ body: { code: 'UNKNOWN_SKU' } });
    await orderOf(eve, 'reserved');
    expect(await order(eve, unknown)).toMatchObject({
      status: 409,
      body: { code: 'UNPAID_LIMIT', scope: 'orders', limit: 2, unpaid: 2 },
    });
    const { rows } = await test.db.pool.query<{ count: number }>(
      'select count(*)::int as count from orders where customer_id = $1',
      [eve.id],
    );
    expect(rows[0]?.count).toBe(3);
    expect(await order(ada, unknown)).toMatchObject({ body: { code: 'UNKNOWN_SKU' } });
  });
});

describe('what a customer sees of their order', () => {
  const noted = async (who: Person) => {
    const orderId = await orderOf(who);
    await test.db.transaction((tx) =>
      appendEvents(tx, [
        { orderId, type: 'review_rejected', data: { actor: 'user:staff', note: 'a known fraudster' } },
        { orderId, type: 'cancel_requested', actor: `user:${who.id}`, data: { reason: 'my own words' } },
        { orderId, type: 'cancel_requested', actor: 'user:staff', data: { reason: 'looks like fraud' } },
        { orderId, type: 'something_new', data: { secret: 'fraud' } },
        { orderId, type: 'order_cancelled', data: {} },
      ]),
    );
    await test.db.pool.query(
      `update orders set status = 'cancelled', cancel_reason = 'fraud' where id = $1`,
      [orderId],
    );
    return orderId;
  };

  it.each(['application/json', 'text/event-stream'])(
    'is its history without what staff wrote and who they are (%s)',
    async (accept) => {
      const orderId = await noted(ada);
      const seen = await asPerson(test, ada, 'GET', `/orders/${orderId}/events`, { headers: { accept } });
      expect(seen.status).toBe(200);
      for (const type of ['review_rejected', 'cancel_requested', 'something_new', 'order_cancelled'])
        expect(seen.text).toContain(type);
      expect(seen.text).toContain('my own words');
      expect(seen.text).not.toMatch(/staff|fraud/);
      const staff = await test.call('GET', `/orders/${orderId}/events`, { headers: { accept } });
      expect(staff.text).toMatch(/known fraudster[^]*user:staff/);
    },
  );

  it('is the order without what is for those who work here', async () => {
    const orderId = await noted(ada);
    const lists = await asPerson(test, ada, 'GET', '/orders');
    for (const { text } of [await asPerson(test, ada, 'GET', `/orders/${orderId}`), lists])
      expect(text).not.toContain('fraud');
    expect((await test.call('GET', `/orders/${orderId}`)).text).toContain('fraud');
  });

  it('is from which warehouses it comes, and not what is free there', async () => {
    const orderId = await orderOf(ada);
    const candidates = [
      { warehouse: 'AMS', distanceKm: 1, available: 777, taken: 1 },
      { warehouse: 'JFK', distanceKm: 9, available: 888, taken: 0 },
    ];
    await test.db.pool.query('update orders set sourcing = $2 where id = $1', [
      orderId,
      JSON.stringify([{ sku: 'A', strategy: 'nearest', requested: 1, candidates }]),
    ]);
    const seen = await asPerson(test, ada, 'GET', `/orders/${orderId}/sourcing`);
    expect(seen.body.decisions).toMatchObject([{ candidates: [{ warehouse: 'AMS', taken: 1 }] }]);
    expect(JSON.stringify(seen.body.decisions)).not.toMatch(/777|888|JFK/);
    expect((await test.call('GET', `/orders/${orderId}/sourcing`)).text).toMatch(/777[^]*888/);
  });
});

it('a customer has few streams open, and a service many', async () => {
  const orderId = await orderOf(ada);
  const ending = new AbortController();
  const open = async (headers: Record<string, string>) =>
    (
      await fetch(`${test.api.url}/api/v1/orders/${orderId}/events`, {
        headers: { accept: 'text/event-stream', ...headers },
        signal: ending.signal,
      })
    ).status;
  const own = { authorization: `Bearer ${ada.accessToken}` };
  const all = { 'x-api-key': await keyOf(test, newId(), ['orders:all']) };
  try {
    expect([await open(own), await open(own), await open(own)]).toEqual([200, 200, 429]);
    expect([await open(all), await open(all), await open(all)]).toEqual([200, 200, 200]);
  } finally {
    ending.abort();
  }
});

it('searches of anybody hold a part of the connections for reports: those who work here go on', async () => {
  const shop = {
    service: newId(),
    role: 'service',
    scopes: [],
    label: null,
    expiresInSeconds: null,
  } as const;
  const publishable = (await createKey(test.db, { ...shop, kind: 'publishable', actor: 'a test' })).key;
  const holder = await openTransaction(test.db);
  const asked = new AbortController();
  const anybody: Record<string, string>[] = [
    {},
    { 'x-api-key': publishable },
    { authorization: `Bearer ${ada.accessToken}` },
  ];
  await holder.query('lock table products in access exclusive mode');
  const searches = anybody.map((headers) =>
    fetch(`${test.api.url}/api/v1/products?q=a`, { headers, signal: asked.signal }).catch(() => null),
  );
  try {
    await waitFor(async () => {
      const { rows } = await test.db.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    // It has the one connection that they may hold, whatever else comes; the list of returns reads no product.
    for (let n = 0; n < 5; n++) expect((await test.call('GET', '/returns')).status).toBe(200);
  } finally {
    await holder.query('rollback');
    holder.release();
    for (const search of await Promise.all(searches)) expect(search?.status).toBe(200);
    asked.abort();
  }
});
