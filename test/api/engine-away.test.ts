import { newId } from '../../platform/ids';
import { addPaidOrder, addStock, openTestShop, type TestShop } from '../support/fixtures';
import { startPrivateTemporal } from '../support/servers';
import { REFUSED_WITHIN_MS } from '../support/promised';
import { NOWHERE, openTestApi, order, type TestApi } from './support';

let shop: TestShop;
let test: TestApi;

beforeAll(async () => {
  shop = await openTestShop();
  test = await openTestApi({ shop, temporal: NOWHERE });
  await addStock(shop.db, 'A', 'AMS', 10);
});
afterAll(async () => {
  await test.close();
  await shop.close();
});

async function timed<T>(work: () => Promise<T>): Promise<{ answer: T; ms: number }> {
  const begun = performance.now();
  return { answer: await work(), ms: performance.now() - begun };
}

describe('while Temporal is away', () => {
  it('turns orders away soon, having done nothing, and leaves their keys free', async () => {
    const key = newId();
    const place = () =>
      test.call('POST', '/orders', { body: order('A', 1), headers: { 'idempotency-key': key } });
    for (let n = 0; n < 3; n++) {
      const { answer, ms } = await timed(place);
      expect(answer).toMatchObject({ status: 503, body: { code: 'ENGINE_UNAVAILABLE' } });
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(ms).toBeLessThan(REFUSED_WITHIN_MS);
    }
    const keys = await shop.db.pool.query('select state, status from idempotency_keys where key = $1', [key]);
    expect(keys.rows).toEqual([{ state: 'accepted', status: null }]);
    expect((await test.call('GET', '/orders')).body.items).toEqual([]);
    expect((await test.call('GET', '/inventory/A')).body.reserved).toBe(0);
  });

  it('turns a hundred orders at once away together', async () => {
    const { answer, ms } = await timed(() =>
      Promise.all(Array.from({ length: 100 }, () => test.call('POST', '/orders', { body: order('A', 1) }))),
    );
    expect(new Set(answer.map((reply) => reply.status))).toEqual(new Set([503]));
    // One after the other would take minutes.
    expect(ms).toBeLessThan(30_000);
  });

  it('still refuses what is sold out', async () => {
    expect((await test.call('POST', '/orders', { body: order('A', 11) })).body.code).toBe('OUT_OF_STOCK');
  });

  it('turns payments and cancellations away soon', async () => {
    const { orderId } = await addPaidOrder(shop.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    const body = { method: 'card', token: 'tok_ok' };
    const headers = { 'idempotency-key': newId() };
    for (const call of [
      () => test.call('POST', `/orders/${orderId}/payments`, { body, headers }),
      () => test.call('POST', `/orders/${orderId}/payments`, { body, headers }),
      () => test.call('PUT', `/orders/${orderId}/cancel`, { body: {} }),
    ]) {
      const { answer, ms } = await timed(call);
      expect(answer).toMatchObject({ status: 503, body: { code: 'ENGINE_UNAVAILABLE' } });
      expect(ms).toBeLessThan(REFUSED_WITHIN_MS);
    }
  });

  it('reads go on, health tells which part is down, and it stays ready: most routes do not need it', async () => {
    expect((await test.call('GET', '/orders')).status).toBe(200);
    expect(await test.call('GET', '//health')).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { database: { status: 'up' }, temporal: { status: 'down' } } },
    });
    expect(await test.call('GET', '//ready')).toMatchObject({
      status: 200,
      body: { ready: true, reasons: [] },
    });
  });
});

describe('when Temporal comes back', () => {
  it('orders that were turned away go through with the same key', async () => {
    const headers = { 'idempotency-key': newId() };
    const place = (api: TestApi) => api.call('POST', '/orders', { body: order('A', 1), headers });
    expect((await place(test)).status).toBe(503);
    const temporal = await startPrivateTemporal();
    const back = await openTestApi({ shop, temporal: temporal.address, env: { OUTCOME_TIMEOUT_MS: '1500' } });
    try {
      // No worker runs here: the order was taken by the engine and is not decided in time.
      const reply = await place(back);
      expect(reply).toMatchObject({ status: 202, body: { status: 'pending' } });
      expect(reply.headers.get('location')).toBe(`/api/v1/orders/${reply.body.id}`);
      const saga = await back.client.workflow.getHandle(back.names.orderWorkflowId(reply.body.id)).describe();
      expect(saga).toMatchObject({ type: 'orderSaga', status: { name: 'RUNNING' } });

      // Once it may be under way, an engine that goes away is no longer "nothing was done".
      await temporal.stop();
      expect(await place(back)).toMatchObject({ status: 202, body: { id: reply.body.id } });
      expect((await back.call('POST', '/orders', { body: order('A', 1) })).status).toBe(503);
    } finally {
      await back.close();
      await temporal.stop();
    }
  });
});
