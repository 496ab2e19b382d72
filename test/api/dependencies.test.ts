import { openDatabase, type Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { addStock, openTestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startPrivateTemporal, testLogger } from '../support/servers';
import { startStack } from '../support/stack';
import { REFUSED_WITHIN_MS } from '../support/promised';
import { waitFor } from '../support/wait';
import { callApi, NOWHERE, openTestApi, order } from './support';

describe('while PostgreSQL is away', () => {
  it('responds with 503 without a word of the driver, and is not ready', async () => {
    const url = `postgresql://postgres@${NOWHERE}/holdfast`;
    const db = openDatabase({ url, poolSize: 2, log: testLogger() });
    const test = await openTestApi({ shop: { db, url, runtimeUrl: url, close: () => db.close() } });
    for (const reply of [
      await test.call('GET', '/orders'),
      await test.call('POST', '/orders', { body: order('A', 1) }),
      await test.call('POST', '/orders', { body: order('A', 1), headers: { 'idempotency-key': newId() } }),
      await test.call('GET', `/orders/${newId()}/events`, { headers: { accept: 'text/event-stream' } }),
    ]) {
      expect(reply).toMatchObject({ status: 503, body: { code: 'DATABASE_UNAVAILABLE' } });
      expect(reply.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(reply.text).not.toMatch(/ECONNREFUSED|127\.0\.0\.1/);
    }
    expect(await test.call('GET', '//health')).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { database: { status: 'down' }, temporal: { status: 'up' } } },
    });
    expect(await test.call('GET', '//ready')).toMatchObject({
      status: 503,
      body: { ready: false, reasons: ['database_down'] },
    });
    await test.close();
    await db.close();
  });
});

describe('while every connection of the pool is taken', () => {
  it('the API is alive and ready: whether the database is there is asked on a connection of its own', async () => {
    const shop = await openTestShop();
    const test = await openTestApi({ shop });
    const holders = await Promise.all(Array.from({ length: 10 }, () => holdConnection(shop.db)));
    const timestamp: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(await test.call('GET', '//health')).toMatchObject({
      status: 200,
      body: { status: 'up', timestamp },
    });
    expect(await test.call('GET', '//ready')).toMatchObject({ status: 200, body: { ready: true } });
    for (const release of holders) await release();
    await test.close();
    await shop.close();
  });

  /** A transaction of the product that goes on until it is let go. */
  async function holdConnection(db: Database): Promise<() => Promise<void>> {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let begun: () => void = () => undefined;
    const running = new Promise<void>((resolve) => (begun = resolve));
    const held = db.transaction(async (tx) => {
      await tx.query({ name: 'test.hold', text: 'select 1' });
      begun();
      await released;
    });
    await running;
    return () => {
      release();
      return held;
    };
  }
});

describe('while migrations of this version are pending', () => {
  it('is not ready', async () => {
    const test = await openTestApi();
    await test.db.pool.query('delete from knex_migrations where id = (select max(id) from knex_migrations)');
    expect(await test.call('GET', '//ready')).toMatchObject({
      status: 503,
      body: { ready: false, reasons: ['schema_behind'] },
    });
    await test.close();
  });

  it('and of a later version are applied, it is ready: the version before serves on the new schema', async () => {
    const test = await openTestApi();
    await test.db.pool.query(
      `insert into knex_migrations (name, batch, migration_time) values ('9999_later.sql', 9999, now())`,
    );
    expect(await test.call('GET', '//ready')).toMatchObject({ status: 200, body: { ready: true } });
    await test.close();
  });
});

describe("while Temporal is away, on the worker's own connection", () => {
  it('turns an order away at once, and takes it with the same key when Temporal is back', async () => {
    const first = await startPrivateTemporal();
    const stack = await startStack({ api: true, temporalAddress: first.address });
    const key = newId();
    const place = (body: unknown, headers = {}) =>
      callApi(stack.url.replace('/api/v1', ''), 'POST', '/orders', { body, headers });
    await addStock(stack.db, 'A', 'AMS', 10);
    expect((await place(order('A', 1))).status).toBe(201);

    await first.stop();
    const begun = performance.now();
    const away = await place(order('A', 1), { 'idempotency-key': key });
    expect(away).toMatchObject({ status: 503, body: { code: 'ENGINE_UNAVAILABLE' } });
    expect(performance.now() - begun).toBeLessThan(REFUSED_WITHIN_MS);

    const second = await startPrivateTemporal({
      stateFile: first.stateFile,
      port: Number(first.address.split(':')[1]),
    });
    await waitFor(async () => {
      const reply = await place(order('A', 1), { 'idempotency-key': key });
      return reply.status === 201;
    });
    const { rows } = await stack.db.pool.query('select id from orders');
    expect(rows).toHaveLength(2);
    await expectInvariants(stack.db);
    await stack.stop();
    await second.stop();
  });
});
