import { randomBytes } from 'node:crypto';
import { createKey } from '../../domain/identity/keys';
import { beginJob, completeJob, createJob } from '../../domain/jobs/jobs';
import { appendEvents } from '../../domain/orders/events';
import { raiseAlerts, resolveAlerts } from '../../domain/stock/alerts/alerts';
import { newId } from '../../platform/ids';
import { keyOf } from '../api/access-table';
import { signUp, type Person } from '../api/people-api';
import { openTestApi, type TestApi } from '../api/support';
import { numberAll } from '../events/support';
import { addPaidOrder, addStock } from '../support/fixtures';
import { waitFor } from '../support/wait';
import { connect, type Client } from './client';

let test: TestApi;
let ada: Person;
let bob: Person;
const clients: Client[] = [];

beforeAll(async () => {
  test = await openTestApi({ env: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64') } });
  await addStock(test.db, 'A', 'AMS', 1_000);
  [ada, bob] = [await signUp(test), await signUp(test)];
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.leave()));
});
afterAll(() => test.close());

async function open(options: Parameters<typeof connect>[1] = {}): Promise<Client> {
  const client = await connect(test, options);
  clients.push(client);
  return client;
}

const as = ({ accessToken }: Person) => ({ key: null, headers: { authorization: `Bearer ${accessToken}` } });

async function newOrder(of?: Person): Promise<string> {
  const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
  if (of) await test.db.pool.query('update orders set customer_id = $2 where id = $1', [orderId, of.id]);
  return orderId;
}

const append = (orderId: string, ...types: string[]) =>
  test.db.transaction((tx) =>
    appendEvents(
      tx,
      types.map((type) => ({ orderId, type, data: { note: 'of staff' } })),
    ),
  );

const positions = (client: Client, topic: string) => client.of(topic).map(({ position }) => position);

describe('an order', () => {
  it('is its history, then what happens, until it has ended', async () => {
    const orderId = await newOrder();
    await append(orderId, 'payment_started', 'payment_captured');
    const client = await open();
    const topic = `orders:${orderId}`;
    client.follow(topic);
    await waitFor(() => client.of(topic).length === 2);
    expect(client.said.slice(0, 2)).toMatchObject([
      { type: 'welcome', topics: 50 },
      { type: 'subscribed', topic },
    ]);
    await append(orderId, 'order_paid');
    await waitFor(() => client.of(topic).length === 3);
    expect(client.of(topic)[2]).toMatchObject({
      position: 3,
      event: 'order_paid',
      data: { seq: 3, type: 'order_paid', data: { note: 'of staff' } },
    });
    await test.db.pool.query(`update orders set status = 'fulfilled' where id = $1`, [orderId]);
    await append(orderId, 'order_fulfilled');
    await client.hears(({ type, reason }) => type === 'unsubscribed' && reason === 'ended');
    expect(positions(client, topic)).toEqual([1, 2, 3, 4]);
  });

  it('resumes after a position, without a gap or a repeat, whatever case its id is written in', async () => {
    const orderId = await newOrder();
    await append(orderId, 'payment_started', 'payment_captured', 'order_paid');
    const client = await open();
    client.follow(`orders:${orderId.toUpperCase()}`, 2);
    await waitFor(() => client.of(`orders:${orderId}`).length === 1);
    await append(orderId, 'order_fulfilling');
    await waitFor(() => client.of(`orders:${orderId}`).length === 2);
    expect(positions(client, `orders:${orderId}`)).toEqual([3, 4]);
  });

  it('is for its customer without what staff wrote, and for no other customer', async () => {
    const [own, others] = [await newOrder(ada), await newOrder(bob)];
    await append(own, 'review_rejected');
    const client = await open(as(ada));
    client.follow(`orders:${own}`);
    client.follow(`orders:${others}`);
    client.follow(`orders:${newId()}`);
    await waitFor(() => client.of(`orders:${own}`).length === 1);
    expect(client.of(`orders:${own}`)[0]?.data).toMatchObject({ seq: 1, data: {} });
    await waitFor(() => client.said.filter(({ type }) => type === 'error').length === 2);
    expect(client.said.filter(({ type }) => type === 'error').map(({ code }) => code)).toEqual([
      'NOT_FOUND',
      'NOT_FOUND',
    ]);
  });

  it('is told no more once it was unsubscribed, and can be followed again', async () => {
    const orderId = await newOrder();
    const topic = `orders:${orderId}`;
    const client = await open();
    client.follow(topic);
    await client.hears(({ type }) => type === 'subscribed');
    client.send({ type: 'unsubscribe', topic });
    await client.hears(({ type, reason }) => type === 'unsubscribed' && reason === 'asked');
    await append(orderId, 'payment_started');
    client.follow(topic, 1);
    await waitFor(() => client.said.filter(({ type }) => type === 'subscribed').length === 2);
    await append(orderId, 'payment_captured');
    await waitFor(() => client.of(topic).length > 0);
    expect(positions(client, topic)).toEqual([2]);
  });

  it('is told although its notice was lost', async () => {
    const orderId = await newOrder();
    const client = await open();
    client.follow(`orders:${orderId}`);
    await client.hears(({ type }) => type === 'subscribed');
    // By hand: nobody is told of it.
    await test.db.pool.query(
      `insert into order_events (order_id, seq, type, data) values ($1, 1, 'payment_started', '{}')`,
      [orderId],
    );
    await waitFor(() => client.of(`orders:${orderId}`).length > 0);
    expect(positions(client, `orders:${orderId}`)).toEqual([1]);
  });
});

describe('stock', () => {
  const adjust = (sku: string, delta: number) =>
    test.call('POST', `/inventory/${sku}/adjust`, { body: { location: 'AMS', delta, reason: 'receipt' } });

  it('is whole for who may read it, what can be ordered for others, and told when it changes', async () => {
    await addStock(test.db, 'S', 'AMS', 10);
    const publishable = await createKey(test.db, {
      service: 'a shop',
      role: 'service',
      scopes: [],
      kind: 'publishable',
      label: null,
      expiresInSeconds: null,
      actor: 'a test',
    });
    const [staff, customer, page] = [await open(), await open(as(ada)), await open({ key: publishable.key })];
    const all = [staff, customer, page];
    for (const client of all) client.follow('inventory:S');
    for (const client of all) await waitFor(() => client.of('inventory:S').length === 1);
    await numberAll(test.db);
    expect((await adjust('S', 5)).status).toBe(200);
    await numberAll(test.db);
    for (const client of all)
      await waitFor(() => client.of('inventory:S').at(-1)?.data?.['available'] === 15);
    expect(staff.of('inventory:S').at(-1)?.data).toMatchObject({ sku: 'S', onHand: 15, reserved: 0 });
    for (const { of } of [customer, page]) {
      expect(of('inventory:S')[0]?.data).toMatchObject({ sku: 'S', available: 10 });
      expect(JSON.stringify(of('inventory:S'))).not.toMatch(/onHand|reserved|incoming/);
    }
  });

  it('says nothing where nothing has changed, and that there is no such product', async () => {
    await addStock(test.db, 'T', 'AMS', 10);
    const client = await open();
    client.follow('inventory:T');
    client.follow('inventory:NONE');
    await client.hears(({ type, code }) => type === 'error' && code === 'NOT_FOUND');
    await waitFor(() => client.of('inventory:T').length === 1);
    // Two movements that cancel each other out, numbered together.
    await adjust('T', 5);
    await adjust('T', -5);
    await numberAll(test.db);
    await adjust('T', 1);
    await numberAll(test.db);
    await waitFor(() => client.of('inventory:T').at(-1)?.data?.['onHand'] === 11);
    expect(client.of('inventory:T').map(({ data }) => data?.['onHand'])).toEqual([10, 11]);
  });

  it('does not tell the public how far the stream of events has come', async () => {
    await addStock(test.db, 'P', 'AMS', 10);
    const began = Date.now();
    const client = await open({ key: await keyOf(test, 'a page', ['availability:read']) });
    client.follow('inventory:P');
    await waitFor(() => client.of('inventory:P').length === 1);
    expect(client.of('inventory:P')[0]?.position).toBeGreaterThanOrEqual(began);
    expect(Object.keys(client.of('inventory:P')[0]?.data ?? {})).not.toContain('onHand');
  });

  it('is told when a warehouse is closed', async () => {
    await addStock(test.db, 'W', 'CLO', 10);
    const client = await open();
    client.follow('inventory:W');
    await waitFor(() => client.of('inventory:W').length === 1);
    const closed = await test.call('POST', '/warehouses/CLO/close', { body: { reason: 'a flood' } });
    expect(closed.status).toBe(200);
    await numberAll(test.db);
    await waitFor(() => client.of('inventory:W').at(-1)?.data?.['available'] === 0);
  });
});

describe('a job', () => {
  it('is told whole whenever it changes, to who started it, until it has ended', async () => {
    const uploads = await keyOf(test, 'uploads', ['inventory:write']);
    const { rows } = await test.db.pool.query<{ id: string }>(
      `select id from services where name = 'uploads'`,
    );
    const [own, others] = [newId(), newId()];
    await createJob(test.db, { id: own, type: 'feed', input: {}, actor: `service:${rows[0]!.id}` });
    await createJob(test.db, { id: others, type: 'feed', input: {}, actor: 'service:another' });
    const client = await open({ key: uploads });
    client.follow(`jobs:${own}`);
    client.follow(`jobs:${others}`);
    await client.hears(({ topic, code }) => topic === `jobs:${others}` && code === 'NOT_FOUND');
    await waitFor(() => client.of(`jobs:${own}`).length === 1);
    await beginJob(test.db, own);
    await waitFor(() => client.of(`jobs:${own}`).at(-1)?.data?.['status'] === 'running');
    await completeJob(test.db, own, { result: { done: 1 } });
    await client.hears(({ type, reason }) => type === 'unsubscribed' && reason === 'ended');
    expect(client.of(`jobs:${own}`).at(-1)).toMatchObject({ event: 'completed', data: { jobId: own } });
  });
});

describe('alerts and what needs a person', () => {
  const place = async () => {
    const { rows } = await test.db.pool.query<{ productId: number; warehouseId: number }>(
      `select p.id as "productId", w.id as "warehouseId" from products p, warehouses w where p.sku = 'A' and w.code = 'AMS'`,
    );
    return rows[0]!;
  };
  const raise = async () => {
    const at = await place();
    await test.db.transaction((tx) => raiseAlerts(tx, 'ledger_drift', [{ ...at, details: {} }]));
  };
  const resolve = async () => {
    const at = await place();
    await test.db.transaction((tx) => resolveAlerts(tx, 'ledger_drift', [at]));
  };

  it('are told to operators as they come, and not to others', async () => {
    const [staff, customer] = [await open(), await open(as(ada))];
    for (const topic of ['alerts', 'attention']) {
      staff.follow(topic);
      customer.follow(topic);
    }
    await waitFor(() => customer.said.filter(({ code }) => code === 'NOT_ALLOWED').length === 2);
    await staff.hears(({ type, topic }) => type === 'subscribed' && topic === 'alerts');
    await waitFor(() => staff.of('attention').length === 1);
    await raise();
    await numberAll(test.db);
    await waitFor(() => staff.of('alerts').length === 1);
    expect(staff.of('alerts')[0]).toMatchObject({
      event: 'alert.raised',
      data: { data: { kind: 'ledger_drift' } },
    });
    await waitFor(() => JSON.stringify(staff.of('attention').at(-1)).includes('ledger_drift'));
    await resolve();
    await numberAll(test.db);
    await waitFor(() => staff.of('alerts').at(-1)?.event === 'alert.resolved');
    await waitFor(() => !JSON.stringify(staff.of('attention').at(-1)).includes('ledger_drift'));
  });

  it('resume after a position; of one that is kept no more, or not there yet, the client is told', async () => {
    await raise();
    await numberAll(test.db);
    const { after } = JSON.parse((await test.call('GET', '/events?limit=1000')).text) as { after: number };
    await resolve();
    await numberAll(test.db);
    const client = await open();
    client.follow('alerts', after);
    await waitFor(() => client.of('alerts').length === 1);
    expect(client.of('alerts')[0]).toMatchObject({ event: 'alert.resolved' });
    const ahead = await open();
    ahead.follow('alerts', after + 1_000_000);
    await ahead.hears(
      ({ type, topic, code }) => type === 'error' && topic === 'alerts' && code === 'EVENTS_AHEAD',
    );
    await test.db.pool.query('delete from event_batches where last_position <= $1', [after]);
    const late = await open();
    late.follow('alerts', 0);
    const told = await late.hears(({ type }) => type === 'error');
    expect(told).toMatchObject({ topic: 'alerts', code: 'EVENTS_EXPIRED', oldest: after });
    // Nothing else of the connection is lost.
    late.follow('alerts', after);
    await waitFor(() => late.of('alerts').length === 1);
  });
});

describe('a position beyond the last one, as after a restore', () => {
  const BEYOND = 900_000_000_000;
  const jobId = newId();
  const topics = async () => {
    await createJob(test.db, { id: jobId, type: 'feed', input: {}, actor: 'service:another' });
    return [`orders:${await newOrder()}`, `jobs:${jobId}`, 'inventory:A', 'alerts', 'attention'];
  };

  it('is refused for each topic with the last there is, and the client can begin anew', async () => {
    const client = await open();
    for (const topic of await topics()) {
      client.follow(topic, BEYOND);
      const told = await client.hears((said) => said.type === 'error' && said.topic === topic);
      expect(told).toMatchObject({ code: 'EVENTS_AHEAD', newest: expect.any(Number) as number });
      client.follow(topic);
      await client.hears((said) => said.type === 'subscribed' && said.topic === topic);
      const streamed = await test.call('GET', `/live?topic=${topic}`, {
        headers: { 'last-event-id': String(BEYOND) },
      });
      expect(streamed).toMatchObject({ status: 422, body: { code: 'EVENTS_AHEAD' } });
    }
    // A time for those who are not told how far the stream of events has come.
    const page = await open({ key: await keyOf(test, 'a page from the future', ['availability:read']) });
    page.follow('inventory:A', Date.now() + 3_600_000);
    expect(await page.hears(({ type }) => type === 'error')).toMatchObject({ code: 'EVENTS_AHEAD' });
    page.follow('inventory:A', Date.now());
    await page.hears(({ type }) => type === 'subscribed');
  });

  it('is refused by the streams of orders and jobs', async () => {
    const orderId = await newOrder();
    await append(orderId, 'payment_started');
    for (const path of [`/orders/${orderId}/events`, `/jobs/${jobId}/events`]) {
      const ahead = await test.call('GET', path, {
        headers: { accept: 'text/event-stream', 'last-event-id': '900000' },
      });
      expect(ahead).toMatchObject({ status: 422, body: { code: 'EVENTS_AHEAD' } });
    }
    const { text } = await test.call('GET', `/orders/${orderId}/events`, {
      headers: { accept: 'text/event-stream', 'last-event-id': '2' },
    });
    expect(JSON.parse(text)).toMatchObject({ newest: 1 });
  });
});

describe('one topic as server-sent events', () => {
  const live = (topic: string, options: { key?: string; headers?: Record<string, string> } = {}) =>
    test.call('GET', `/live?topic=${encodeURIComponent(topic)}`, options);

  it('has the messages of the WebSocket, resumes after Last-Event-ID, and ends with the thing', async () => {
    const orderId = await newOrder();
    await test.db.pool.query(`update orders set status = 'fulfilled' where id = $1`, [orderId]);
    await append(orderId, 'order_paid', 'order_fulfilled');
    const whole = await live(`orders:${orderId}`);
    expect([...whole.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(['1', '2']);
    const rest = await live(`orders:${orderId}`, { headers: { 'last-event-id': '1' } });
    expect([...rest.text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type)).toEqual(['order_fulfilled']);
    expect((await live(`orders:${orderId}`, { headers: { 'last-event-id': '2' } })).status).toBe(204);
  });

  it('refuses with a problem document', async () => {
    const orders = await keyOf(test, 'orders only', ['orders']);
    expect(await live(`orders:${newId()}`)).toMatchObject({ status: 404 });
    expect(await live(`orders:${await newOrder()}`, { key: orders })).toMatchObject({ status: 404 });
    expect(await live('alerts', { key: orders })).toMatchObject({
      status: 403,
      body: { code: 'NOT_ALLOWED' },
    });
    for (const topic of ['', 'orders', 'orders:1', 'things:1', 'alerts:1'])
      expect(await live(topic)).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(await live('alerts', { headers: { 'last-event-id': '999999999' } })).toMatchObject({
      status: 422,
    });
  });
});
