import { connect } from 'node:net';
import { addPaidOrder, addStock } from '../support/fixtures';
import { STOPPED_WITHIN_MS } from '../support/promised';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';
import { callApi, openTestApi } from './support';
import { AS_ADMIN } from '../support/access-keys';

/** In this database: others of the server have locks of their own. */
const WAITING = `select 1 from pg_locks
  where not granted and database = (select oid from pg_database where datname = current_database())`;

describe('stopping the API', () => {
  it('lets a request end, ends streams, closes idle connections and accepts no new one', async () => {
    const test = await openTestApi();
    const { url } = test.api;
    await addStock(test.db, 'A', 'AMS', 10);
    const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    const stream = await fetch(`${url}/api/v1/orders/${orderId}/events`, {
      headers: { ...AS_ADMIN, accept: 'text/event-stream' },
    });
    const idle = connect(Number(new URL(url).port), '127.0.0.1');
    const idleClosed = new Promise((resolve) => idle.once('close', resolve));
    await new Promise((resolve) => idle.once('connect', resolve));

    // The product's row is locked: the request is under way until it is let go.
    const holder = await openTransaction(test.db);
    await holder.query('lock table products in access exclusive mode');
    const underWay = callApi(url, 'GET', '/products/A');
    await waitFor(async () => {
      const waiting = await holder.query(WAITING);
      return waiting.rowCount === 1;
    });

    const closing = test.api.close();
    await waitFor(() =>
      fetch(`${url}/health`).then(
        () => false,
        () => true,
      ),
    );
    await stream.text();
    await idleClosed;
    await holder.query('commit');
    holder.release();
    expect((await underWay).status).toBe(200);
    await closing;
    await test.close();
  });

  it('is not ready from the first moment, and serves as before until the delay is over', async () => {
    const test = await openTestApi({ env: { SHUTDOWN_DELAY_SECONDS: '2' } });
    const { url } = test.api;
    await addStock(test.db, 'A', 'AMS', 10);
    const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    expect(await test.call('GET', '//ready')).toMatchObject({ status: 200, body: { ready: true } });
    const stream = await fetch(`${url}/api/v1/orders/${orderId}/events`, {
      headers: { ...AS_ADMIN, accept: 'text/event-stream' },
    });
    let streamEnded = false;
    const streamed = stream.text().then(() => (streamEnded = true));

    const asked = performance.now();
    let isClosed = false;
    const closing = test.api.close().then(() => (isClosed = true));
    const ready = await test.call('GET', '//ready');
    expect(ready).toMatchObject({ status: 503, body: { ready: false, reasons: ['stopping'] } });
    expect((await test.call('GET', '//health')).body.status).toBe('up');
    const served = await test.call('GET', '/products/A');
    expect(served.status).toBe(200);
    // The next request of whoever keeps connections goes elsewhere.
    expect(served.headers.get('connection')).toBe('close');
    const adjusted = await test.call('POST', '/inventory/A/adjust', {
      body: { location: 'AMS', delta: 1, reason: 'receipt' },
    });
    expect(adjusted.status).toBeLessThan(300);
    expect([isClosed, streamEnded]).toEqual([false, false]);

    await closing;
    await streamed;
    expect(performance.now() - asked).toBeGreaterThanOrEqual(2_000);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    await test.close();
  });

  it('cuts off what does not end within the grace', async () => {
    const test = await openTestApi({ env: { SHUTDOWN_GRACE_SECONDS: '1' } });
    await addStock(test.db, 'A', 'AMS', 10);
    const holder = await openTransaction(test.db);
    await holder.query('lock table products in access exclusive mode');
    const underWay = callApi(test.api.url, 'GET', '/products/A').then(
      () => 'answered',
      () => 'cut off',
    );
    await waitFor(async () => {
      const waiting = await holder.query(WAITING);
      return waiting.rowCount === 1;
    });
    const asked = performance.now();
    await test.api.close();
    expect(performance.now() - asked).toBeLessThan(1_000 + STOPPED_WITHIN_MS);
    expect(await underWay).toBe('cut off');
    await holder.query('rollback');
    holder.release();
    await test.close();
  });

  it('says so when it cannot listen', async () => {
    const test = await openTestApi();
    const port = new URL(test.api.url).port;
    await expect(openTestApi({ env: { PORT: port }, shop: test })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
    });
    await test.close();
  });
});
