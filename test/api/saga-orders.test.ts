import { startApi } from '../../api/server';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { openStackApi, type StackApi } from './stack-api';
import { callApi, order } from './support';
import { AS_ADMIN } from '../support/access-keys';

let test: StackApi;

beforeAll(async () => {
  test = await openStackApi();
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(() => test.stack.stop());

describe('placing an order', () => {
  it('responds with 201 and the order, reserved, and where it is', async () => {
    const sku = await test.newSku(10);
    const reply = await test.place({
      ...order(sku, 1),
      items: [1, 2].map((quantity) => ({ sku, quantity })),
    });
    expect(reply).toMatchObject({
      status: 201,
      body: {
        status: 'reserved',
        customerId: 'c-1',
        currency: 'USD',
        totalMinor: 3000,
        items: [{ sku, quantity: 3, reservedQuantity: 3, allocations: [{ warehouse: 'AMS', quantity: 3 }] }],
        reservation: { status: 'pending' },
        payment: null,
        payments: [],
        shipments: [],
        attention: [],
      },
    });
    expect(reply.headers.get('location')).toBe(`/api/v1/orders/${reply.body.id}`);
    expect((await test.call('GET', `/orders/${reply.body.id}`)).body).toEqual(reply.body);
    expect(await test.reserved(sku)).toBe(3);
    const saga = test.stack.temporal.client.workflow.getHandle(
      test.stack.names.orderWorkflowId(reply.body.id),
    );
    expect(await saga.describe()).toMatchObject({ type: 'orderSaga', status: { name: 'RUNNING' } });
  });

  it('gives the same response to the same key, also from another process, and none to another body', async () => {
    const sku = await test.newSku(10);
    const key = newId();
    const first = await test.place(order(sku, 2), key);
    expect(first.status).toBe(201);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    await test.call('PUT', `/orders/${first.body.id}/cancel`, { body: {} });

    const { db, databaseUrl, settings, names, temporal } = test.stack;
    const other = await startApi({
      settings,
      db,
      databaseUrl,
      names,
      client: temporal.client,
      eagerStart: false,
      log: testLogger(),
    });
    const again = await callApi(other.url, 'POST', '/orders', {
      body: { ...order(sku, 2), fulfilment: 'complete' },
      headers: { 'idempotency-key': key },
    });
    await other.close();
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect((await test.place(order(sku, 3), key)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  it('makes one order of many requests with one key at once, and all get its response', async () => {
    const sku = await test.newSku(1);
    const key = newId();
    const replies = await Promise.all(Array.from({ length: 12 }, () => test.place(order(sku, 1), key)));
    expect(replies.map((reply) => reply.status)).toEqual(replies.map(() => 201));
    expect(new Set(replies.map((reply) => JSON.stringify(sorted(reply.body)))).size).toBe(1);
    expect(replies.filter((reply) => reply.headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(await test.reserved(sku)).toBe(1);
  });

  it('never refuses the retry of the order that took the last unit, when its response was lost', async () => {
    const sku = await test.newSku(1);
    const key = newId();
    const first = await test.place(order(sku, 1), key);
    // What is there when the process died after the start and before the response.
    await test.forgetAnswer(key, 'started');
    const again = await test.place(order(sku, 1), key);
    expect(again).toMatchObject({ status: 201, body: { id: first.body.id } });
    expect(await test.reserved(sku)).toBe(1);
  });

  it('carries out a key whose process died before or after it asked the engine', async () => {
    for (const state of ['accepted', 'started'] as const) {
      const sku = await test.newSku(1);
      const key = newId();
      expect((await test.place(order(sku, 2), key)).status).toBe(409);
      await test.forgetAnswer(key, state);
      await test.call('POST', `/inventory/${sku}/adjust`, {
        body: { location: 'AMS', delta: 5, reason: 'receipt' },
      });
      expect((await test.place(order(sku, 2), key)).status).toBe(201);
      expect(await test.reserved(sku)).toBe(2);
    }
  });

  it('still looks at the stock for a key that was accepted and never started', async () => {
    const sku = await test.newSku(1);
    const key = newId();
    await test.place(order(sku, 2), key);
    await test.forgetAnswer(key, 'accepted');
    expect((await test.place(order(sku, 2), key)).body.code).toBe('OUT_OF_STOCK');
    expect((await test.call('GET', `/orders?sku=${sku}`)).body.items).toEqual([]);
  });

  it('reserves exactly what there is for many at once, and tells the others what is short', async () => {
    const sku = await test.newSku(5);
    const replies = await Promise.all(Array.from({ length: 25 }, () => test.place(order(sku, 1))));
    expect(replies.filter((reply) => reply.status === 201)).toHaveLength(5);
    for (const reply of replies.filter(({ status }) => status !== 201)) {
      expect(reply).toMatchObject({
        status: 409,
        body: { code: 'OUT_OF_STOCK', shortages: [{ sku, requested: 1 }] },
      });
    }
    expect(await test.reserved(sku)).toBe(5);
  });

  it('returns the outcome of a saga that finds no stock with its order', async () => {
    const sku = await test.newSku(1);
    const key = newId();
    await test.place(order(sku, 2), key);
    // Past the look at the stock, as if it had been there a moment ago.
    await test.forgetAnswer(key, 'started');
    const reply = await test.place(order(sku, 2), key);
    expect(reply).toMatchObject({
      status: 409,
      body: { code: 'OUT_OF_STOCK', shortages: [{ sku, requested: 2, available: 1 }] },
    });
    expect((await test.call('GET', `/orders/${reply.body.orderId}`)).body.status).toBe('rejected');
  });

  it('takes what there is when it may, and lets the rest wait when it may', async () => {
    const sku = await test.newSku(3);
    const partial = await test.place({ ...order(sku, 5), fulfilment: 'partial' });
    expect(partial).toMatchObject({
      status: 201,
      body: { totalMinor: 3000, items: [{ reservedQuantity: 3, cancelledQuantity: 2 }] },
    });
    const waiting = await test.place({ ...order(sku, 2), fulfilment: 'backorder' });
    expect(waiting).toMatchObject({
      status: 201,
      body: {
        status: 'reserved',
        reservation: null,
        items: [{ backorderedQuantity: 2, status: 'backordered' }],
      },
    });
  });

  it('responds with 409 for an order of which more units would wait than may, and the same again for its key', async () => {
    const sku = await test.newSku(0);
    const key = newId();
    const body = { ...order(sku, 100_001), fulfilment: 'backorder', customerId: newId() };
    const refused = await test.place(body, key);
    expect(refused).toMatchObject({
      status: 409,
      body: {
        code: 'BACKORDER_LIMIT',
        scope: 'customer',
        skus: [sku],
        waiting: 0,
        wanted: 100_001,
        limit: 100_000,
      },
    });
    expect(await test.status(refused.body.orderId)).toBe('failed');
    expect((await test.place(body, key)).body).toMatchObject({
      code: 'BACKORDER_LIMIT',
      orderId: refused.body.orderId,
    });
    const smaller = { ...body, items: [{ sku, quantity: 100_000 }] };
    expect((await test.place(smaller, newId())).status).toBe(201);
  });

  it('responds with 409 for an order that was undone', async () => {
    const sku = await test.newSku(1);
    const key = newId();
    const { body } = await test.place(order(sku, 1), key);
    await test.forgetAnswer(key, 'started');
    await test.call('PUT', `/orders/${body.id}/cancel`, { body: {} });
    await test.stack.db.pool.query(
      `update orders set status = 'failed', failure_code = 'CARRIER_FAILED' where id = $1`,
      [body.id],
    );
    expect(await test.place(order(sku, 1), key)).toMatchObject({
      status: 409,
      body: { code: 'ORDER_FAILED', orderId: body.id, reason: 'CARRIER_FAILED' },
    });
  });

  it('streams what happens to an order until it is fulfilled', async () => {
    const sku = await test.newSku(1);
    const { body } = await test.place({ ...order(sku, 1), payment: { method: 'card', token: 'tok_ok' } });
    const stream = await fetch(`${test.stack.url}/orders/${body.id}/events`, {
      headers: { ...AS_ADMIN, accept: 'text/event-stream' },
    });
    const text = await stream.text();
    const types = [...text.matchAll(/^event: (\w+)$/gm)].map((match) => match[1]);
    expect(types[0]).toBe('order_placed');
    expect(types).toContain('order_fulfilled');
    expect((await test.call('GET', `/orders/${body.id}`)).body.status).toBe('fulfilled');
    expect((await test.call('GET', `/orders/${body.id}/sourcing`)).body.decisions).toMatchObject([
      { sku, requested: 1, candidates: [{ warehouse: 'AMS', taken: 1 }] },
    ]);
  });
});

/** JSON that came back from the database has its members in another order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
