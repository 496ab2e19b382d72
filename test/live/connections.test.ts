import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { json } from 'node:stream/consumers';
import { appendEvents } from '../../domain/orders/events';
import { openTestApi, type TestApi } from '../api/support';
import { AS_ADMIN } from '../support/access-keys';
import { addPaidOrder, addStock } from '../support/fixtures';
import { recordingLines } from '../support/recording-logger';
import { waitFor } from '../support/wait';
import { connect, refused, tryConnect, type Client } from './client';

let test: TestApi;
let other: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  other = await openTestApi({ shop: test });
  await addStock(test.db, 'A', 'AMS', 1_000);
});
afterAll(async () => {
  await other.close();
  await test.close();
});

async function newOrder(): Promise<string> {
  return (await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }])).orderId;
}

const append = (orderId: string, count: number, data: Record<string, unknown> = {}) =>
  test.db.transaction((tx) =>
    appendEvents(
      tx,
      Array.from({ length: count }, () => ({ orderId, type: 'thing_happened', data })),
    ),
  );

async function ended(how: string): Promise<number> {
  const { text } = await test.call('GET', '//metrics');
  const found = new RegExp(`^holdfast_websockets_ended_total\\{[^}]*how="${how}"[^}]*\\} (\\d+)$`, 'm').exec(
    text,
  );
  return Number(found?.[1]);
}

it('every client of every process is told everything once and in order, while writers come from several sides', async () => {
  const orders = await Promise.all(Array.from({ length: 4 }, newOrder));
  const clients: Client[] = [];
  for (const api of [test, other, test, other, test]) {
    const client = await connect(api);
    for (const orderId of orders) client.follow(`orders:${orderId}`);
    clients.push(client);
  }
  const CHANGES = 50;
  await Promise.all(
    orders.map(async (orderId) => {
      for (let n = 0; n < CHANGES; n++) await append(orderId, 1, { n });
    }),
  );
  const all = Array.from({ length: CHANGES }, (_, n) => n + 1);
  for (const client of clients)
    for (const orderId of orders) {
      await waitFor(() => client.of(`orders:${orderId}`).length >= CHANGES);
      expect(client.of(`orders:${orderId}`).map(({ position }) => position)).toEqual(all);
    }
  await Promise.all(clients.map((client) => client.leave()));
});

it('goes on after the listening connection was lost', async () => {
  const orderId = await newOrder();
  const client = await connect(test);
  client.follow(`orders:${orderId}`);
  await client.hears(({ type }) => type === 'subscribed');
  await test.db.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'holdfast-listener'`,
  );
  await append(orderId, 1);
  await waitFor(() => client.of(`orders:${orderId}`).length > 0);
  expect(client.of(`orders:${orderId}`).map(({ position }) => position)).toEqual([1]);
  await client.leave();
});

describe('what a client sends', () => {
  it('that is no message is refused, and the connection goes on', async () => {
    const client = await connect(test);
    const bad = ['', '{', 'null', '[]', '"x"', '{"type":"subscribe"}', '{"type":"subscribe","topic":7}'];
    const worse = [
      { type: 'subscribe', topic: 'orders:1' },
      { type: 'subscribe', topic: 'things:1' },
      { type: 'subscribe', topic: 'alerts', after: -1 },
      { type: 'subscribe', topic: 'alerts', after: 1.5 },
      { type: 'subscribe', topic: 'alerts', afterr: 1 },
      { type: 'subscribe', topic: `inventory:${'x'.repeat(200)}` },
      { type: 'unsubscribe', topic: 'x' },
      { type: 'shout' },
    ];
    for (const message of [...bad, ...worse]) client.send(message);
    client.send({ type: 'ping' });
    await client.hears(({ type }) => type === 'pong');
    const codes = client.said.filter(({ type }) => type === 'error').map(({ code }) => code);
    expect(codes).toEqual([
      'MALFORMED_JSON',
      'MALFORMED_JSON',
      ...Array.from({ length: bad.length + worse.length - 2 }, () => 'VALIDATION_FAILED'),
    ]);
    await client.leave();
  });

  it('ends the connection where it is binary, too large, too much, or no frame', async () => {
    const binary = await connect(test);
    binary.socket.send(Buffer.from('{"type":"ping"}'), { binary: true });
    const large = await connect(test);
    large.send(`{"type":"ping","x":"${'x'.repeat(5_000)}"}`);
    const flood = await connect(test);
    for (let n = 0; n < 200; n++) flood.send({ type: 'ping' });
    const pings = await connect(test);
    for (let n = 0; n < 200; n++) pings.socket.ping();
    expect(await Promise.all([binary, large, flood, pings].map(({ closed }) => closed))).toEqual([
      1003, 1009, 4429, 1006,
    ]);
    const { port } = new URL(test.api.url);
    const raw = connectTcp(Number(port), '127.0.0.1');
    raw.on('error', () => undefined);
    raw.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Api-Key: ${AS_ADMIN['x-api-key']}\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\xff\xff\xff\xff\xff\xff',
      'latin1',
    );
    raw.resume();
    await once(raw, 'close');
  });

  it('follows a topic once, and so many topics', async () => {
    const client = await connect(test);
    client.follow('alerts');
    client.follow('alerts');
    await client.hears(({ type, code }) => type === 'error' && code === 'VALIDATION_FAILED');
    const orders = await Promise.all(Array.from({ length: 50 }, newOrder));
    for (const orderId of orders) client.follow(`orders:${orderId}`);
    const refusal = await client.hears(({ code }) => code === 'TOO_MANY_STREAMS');
    expect(refusal.topic).toBe(`orders:${orders.at(-1) ?? ''}`);
    await client.leave();
  });
});

it('a client that takes nothing is dropped after some time, however much waits for it', async () => {
  const before = await ended('slow');
  const [much, little] = [await newOrder(), await newOrder()];
  const clients: Client[] = [];
  for (const orderId of [much, little]) {
    const client = await connect(test);
    client.follow(`orders:${orderId}`);
    await client.hears(({ type }) => type === 'subscribed');
    client.socket.pause();
    clients.push(client);
  }
  const text = 'x'.repeat(400_000);
  // More than the system takes for a connection, in one page; and in pages of one message, of which the next is read when the last was taken.
  await append(much, 60, { text });
  for (let n = 0; n < 60; n++) await append(little, 1, { text });
  await waitFor(async () => (await ended('slow')) === before + 2);
  for (const client of clients) client.socket.resume();
  // Without a word.
  expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual([1006, 1006]);
});

it('a client that reads is told all of a page that is larger than what the system takes for it, also what it asks for meanwhile', async () => {
  const before = await ended('slow');
  const orderId = await newOrder();
  const text = 'é'.repeat(200_000);
  await append(orderId, 60, { text });
  const client = await connect(test);
  client.follow(`orders:${orderId}`);
  await client.hears(({ type }) => type === 'subscribed');
  client.send({ type: 'ping' });
  await waitFor(() => client.of(`orders:${orderId}`).length === 60);
  await client.hears(({ type }) => type === 'pong');
  const told = client.of(`orders:${orderId}`);
  expect(told.map(({ position }) => position)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
  expect(told.every(({ data }) => JSON.stringify(data).includes(text))).toBe(true);
  expect(await ended('slow')).toBe(before);
  await client.leave();
});

it('a stream of events whose client takes nothing is dropped, and its place is free', async () => {
  const orderId = await newOrder();
  await append(orderId, 60, { text: 'x'.repeat(400_000) });
  const path = `/api/v1/live?topic=orders:${orderId}`;
  const stalled = request(`${test.api.url}${path}`, { headers: AS_ADMIN });
  stalled.on('error', () => undefined);
  stalled.end();
  const [response] = (await once(stalled, 'response')) as [IncomingMessage];
  response.pause();
  response.on('error', () => undefined);
  const closed = new Promise((resolve) => response.once('close', resolve));
  await waitFor(async () =>
    /^holdfast_event_streams_dropped_total\S* 1$/m.test((await test.call('GET', '//metrics')).text),
  );
  response.resume();
  await closed;
  expect(response.complete).toBe(false);
});

it('what cannot be read is tried again and told when it can be; the log says so once, a metric how often', async () => {
  const { log, lines } = recordingLines();
  const watched = await openTestApi({ shop: test, log });
  const orderId = await newOrder();
  const client = await connect(watched);
  client.follow(`orders:${orderId}`);
  await client.hears(({ type }) => type === 'subscribed');
  await test.db.pool.query('alter table order_events rename to order_events_away');
  const failed = async () => {
    const { text } = await watched.call('GET', '//metrics');
    return Number(/^holdfast_live_read_failures_total\{[^}]*what="orders"[^}]*\} (\d+)$/m.exec(text)?.[1]);
  };
  await waitFor(async () => (await failed()) >= 3);
  await test.db.pool.query('alter table order_events_away rename to order_events');
  await append(orderId, 1);
  await waitFor(() => client.of(`orders:${orderId}`).length === 1);
  const told = lines.filter((line) => line.includes('a topic could not be read'));
  expect(told.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    {
      level: 40,
      topic: 'orders',
      times: 1,
      err: { message: expect.stringContaining('order_events') as string },
    },
  ]);
  await client.leave();
  await watched.close();
});

it('sockets of one caller and of the process are counted with their streams, and a place is free when one ends', async () => {
  const few = await openTestApi({ shop: test, env: { STREAMS_PER_CALLER: '2', STREAMS: '2' } });
  const [first, second] = [await connect(few), await connect(few)];
  expect(await refused(few)).toEqual({ status: 429, code: 'TOO_MANY_STREAMS' });
  const stream = await fetch(`${few.api.url}/api/v1/live?topic=alerts`, { headers: AS_ADMIN });
  expect(stream.status).toBe(429);
  const { text } = await few.call('GET', '//metrics');
  expect(text).toMatch(/^holdfast_live_places_used_ratio\{[^}]*of="all"[^}]*\} 1$/m);
  expect(text).toMatch(/^holdfast_live_refused_total\{[^}]*limit="caller"[^}]*\} 2$/m);
  await first.leave();
  const third = await waitFor(async () => {
    const made = await tryConnect(few);
    return 'socket' in made ? made : null;
  });
  await Promise.all([second.leave(), third.leave()]);
  await few.close();
});

it('a request that asks for another upgrade is an ordinary one, with its body', async () => {
  const body = JSON.stringify({ location: 'AMS', delta: 1, reason: 'receipt' });
  const sent = request(`${test.api.url}/api/v1/inventory/A/adjust`, {
    method: 'POST',
    headers: {
      ...AS_ADMIN,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAAP__',
    },
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  expect(await json(response)).toMatchObject({ warehouse: 'AMS' });
  expect(await refused(test, { path: '/api/v1/orders/x' })).toMatchObject({ status: 404 });
});

it('a connection whose WebSocket was refused is closed, whatever else its client sends or keeps open', async () => {
  const stopping = await openTestApi({ shop: test });
  const { port } = new URL(stopping.api.url);
  const asked = `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  const clients = [false, true].map((sendsMore) => {
    const one = connectTcp({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
    one.on('error', () => undefined);
    one.write(asked);
    if (sendsMore) one.once('data', () => one.write('more'));
    return one.resume();
  });
  await Promise.allSettled(clients.map((one) => once(one, 'end')));
  // What is not closed would hold up the end of the process until it is killed.
  await expect(stopping.close()).resolves.toBeUndefined();
  for (const one of clients) one.destroy();
});

it('a request for another protocol whose headers are not all known is not read again', async () => {
  const { port } = new URL(test.api.url);
  const body = `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  const one = connectTcp(Number(port), '127.0.0.1');
  one.on('error', () => undefined);
  let answered = '';
  one.on('data', (data) => (answered += data.toString()));
  one.write(
    `POST /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n` +
      `${'a:b\r\n'.repeat(1_100)}Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  await once(one, 'close');
  // Nothing, or of a later Node its own refusal; never what the body asks for.
  expect(answered).toMatch(/^(?:HTTP\/1\.1 431 .*)?$/s);
  expect(answered).not.toContain('HTTP/1.1 200');
});

it('asking for another protocol with each request of a connection leaves nothing behind', async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error) => warnings.push(name);
  process.on('warning', onWarning);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let n = 0; n < 15; n++) {
    const headers = { connection: 'Upgrade, keep-alive', upgrade: 'h2c' };
    const sent = request(`${test.api.url}/health`, { agent, headers }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
    await once(response, 'end');
  }
  agent.destroy();
  process.off('warning', onWarning);
  expect(warnings).not.toContain('MaxListenersExceededWarning');
});

it('a WebSocket that is asked for before the response to an earlier request ends its connection, and nothing else', async () => {
  const { port } = new URL(test.api.url);
  const head = `Host: 127.0.0.1:${port}\r\nX-Api-Key: ${AS_ADMIN['x-api-key']}\r\n`;
  for (const upgrade of ['websocket', 'h2c']) {
    const one = connectTcp(Number(port), '127.0.0.1');
    one.on('error', () => undefined);
    one.write(
      `GET /api/v1/orders HTTP/1.1\r\n${head}\r\nGET /ws HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`,
    );
    one.resume();
    await once(one, 'close');
  }
  expect((await test.call('GET', '//health')).status).toBe(200);
});

it('a process that stops closes its sockets, and those that do not close are cut off', async () => {
  const stopping = await openTestApi({ shop: test });
  const client = await connect(stopping);
  const silent = await connect(stopping);
  silent.socket.pause();
  const closing = stopping.close();
  expect(await client.closed).toBe(1001);
  await closing;
  silent.socket.resume();
  await silent.closed;
});
