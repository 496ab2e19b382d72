import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { ADMIN_KEY } from '../support/access-keys';
import { addPaidOrder, addStock } from '../support/fixtures';
import { waitFor } from '../support/wait';
import { openTestApi, type TestApi } from './support';
import { addressOf, describedBy } from './walk';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi({ env: { REQUEST_HEADER_SECONDS: '1', HTTP_MAX_CONNECTIONS: '40' } });
});
afterAll(() => test.close());

/** A socket to the API, and what has come on it. */
function open(api = test.api): {
  socket: Socket;
  text(): string;
  closed: Promise<void>;
  send(text: string): void;
} {
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => undefined);
  return {
    socket,
    text: () => text,
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
    send: (given) => void socket.write(given),
  };
}

/** The response to what is sent, until the connection is closed by the API. */
async function responseTo(sent: string) {
  const { socket, text, closed } = open();
  socket.write(sent);
  await closed;
  const [head = '', body = ''] = text().split('\r\n\r\n');
  const [, status] = head.split(' ');
  return {
    status: Number(status),
    head,
    body: body === '' ? undefined : (JSON.parse(body) as { code: string; instance: string }),
  };
}

async function refused(reason: string): Promise<number> {
  const { text } = await test.call('GET', '//metrics');
  const line = text.split('\n').find((one) => one.includes(`refused_connections_total{reason="${reason}"`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

describe('what never becomes a request', () => {
  it.each([
    ['is not HTTP', 'hello\r\n\r\n', 400, 'BAD_REQUEST', 'malformed'],
    [
      'has a method that there is not',
      'BREW / HTTP/1.1\r\nhost: localhost\r\n\r\n',
      400,
      'BAD_REQUEST',
      'malformed',
    ],
    ['has a header without a name', 'GET / HTTP/1.1\r\n: x\r\n\r\n', 400, 'BAD_REQUEST', 'malformed'],
    [
      'has headers of 20 KB',
      `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
      'headers_too_large',
    ],
    [
      'has an address of 20 KB',
      `GET /${'y'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
      'headers_too_large',
    ],
    [
      'has headers that do not end',
      'GET / HTTP/1.1\r\nhost: localhost\r\n',
      408,
      'REQUEST_TIMEOUT',
      'timeout',
    ],
    ['is an idle connection', '', 408, 'REQUEST_TIMEOUT', 'timeout'],
    [
      'has a chunk that is none',
      `POST /api/v1/orders HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${ADMIN_KEY}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n`,
      400,
      'BAD_REQUEST',
      'body_malformed',
    ],
  ])('%s: gets a problem document, is counted and closed', async (_, sent, status, code, reason) => {
    const before = await refused(reason);
    const response = await responseTo(sent);
    expect(response).toMatchObject({ status, body: { status, code } });
    expect(response.head).toMatch(/content-type: application\/problem\+json/);
    expect(response.head).toContain(`x-request-id: ${response.body?.instance ?? ''}`);
    expect(await refused(reason)).toBe(before + 1);
  });

  it('headers that trickle are cut off all the same', async () => {
    const { text, closed, send } = open();
    send('GET / HTTP/1.1\r\n');
    const trickle = setInterval(() => send('x-more: 1\r\n'), 100);
    await closed;
    clearInterval(trickle);
    expect(text()).toContain('REQUEST_TIMEOUT');
  });

  it('a request without a Host, and one with an expectation that nobody knows, get problem documents too', async () => {
    expect(await responseTo('GET /ready HTTP/1.1\r\nconnection: close\r\n\r\n')).toMatchObject({
      status: 400,
      body: { code: 'BAD_REQUEST' },
    });
    expect(
      await responseTo(
        'GET /nothing HTTP/1.1\r\nhost: localhost\r\nexpect: more\r\nconnection: close\r\n\r\n',
      ),
    ).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
});

it('a connection that had a request may rest for longer than a new one', async () => {
  const { socket, text, send } = open();
  const ask = 'GET /api/v1/products HTTP/1.1\r\nhost: localhost\r\n\r\n';
  send(ask);
  await waitFor(() => text().includes('HTTP/1.1 200'));
  const fresh = open();
  await fresh.closed;
  send(ask);
  expect(await waitFor(() => text().split('HTTP/1.1 200').length === 3)).toBe(true);
  socket.destroy();
});

describe('a body that nobody reads', () => {
  it.each([
    ['of an unknown route', 'POST /nothing', {}, 404],
    ['of a method that is not allowed', 'POST /health', {}, 405],
    ['of a read', 'GET /api/v1/products', {}, 200],
    ['from a page of another site', 'POST /api/v1/orders', { origin: 'https://evil.example' }, 403],
    ['for another host', 'POST /api/v1/orders', { host: 'evil.example' }, 421],
    ['of who has not signed in', 'POST /api/v1/orders', {}, 401],
    [
      'of a type that is not taken',
      'POST /api/v1/orders',
      { 'content-type': 'text/plain', 'x-api-key': ADMIN_KEY },
      415,
    ],
  ])('%s is not waited for: it trickles into a closed connection', async (_, line, headers, status) => {
    const { text, closed, send } = open();
    const all = { host: 'localhost', 'content-length': '1000000', ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    send(`${line} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    const trickle = setInterval(() => send('x'), 50);
    const began = performance.now();
    await closed;
    clearInterval(trickle);
    expect(text()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    // REQUEST_BODY_SECONDS is 30.
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('that comes in time keeps its connection', async () => {
    const { socket, text, send } = open();
    const body = JSON.stringify({ note: 'x'.repeat(100_000) });
    for (let n = 0; n < 2; n++)
      send(`POST /nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    expect(await waitFor(() => text().split('HTTP/1.1 404').length === 3)).toBe(true);
    socket.destroy();
  });
});

describe('HEAD', () => {
  async function head(path: string, accept = '*/*') {
    const sent = httpRequest(`${test.api.url}${path}`, {
      method: 'HEAD',
      headers: { accept, 'x-api-key': ADMIN_KEY },
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
    return response;
  }

  it('is answered by every route that is read, as GET is', async () => {
    const { operations } = await describedBy(test);
    const reads = operations.filter(({ method }) => method === 'GET');
    expect(reads.length).toBeGreaterThan(50);
    for (const operation of reads) {
      const path = addressOf(operation).slice(1);
      const get = await fetch(`${test.api.url}${path}`, { headers: { 'x-api-key': ADMIN_KEY } });
      await get.arrayBuffer();
      expect({ path, status: (await head(path)).statusCode }).toEqual({ path, status: get.status });
    }
  });

  it('of a live stream ends at once, with the headers of the stream', async () => {
    await addStock(test.db, 'A', 'AMS', 10);
    const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    const events = await head(`/api/v1/orders/${orderId}/events`, 'text/event-stream');
    expect([events.statusCode, events.headers['content-type']]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ]);
    const all = await head('/api/v1/events', 'text/event-stream');
    expect([all.statusCode, all.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const { body } = await test.call('POST', '/jobs/consistency', { body: {} });
    const { jobId } = body as unknown as { jobId: string };
    const job = await head(`/api/v1/jobs/${jobId}/events`);
    expect([job.statusCode, job.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect((await test.call('GET', '//metrics')).text).toContain('holdfast_event_streams{part="api"} 0');
  });

  it('of a file makes none of it', async () => {
    const file = await head('/api/v1/inventory/valuation/products', 'text/csv');
    expect(file.headers['content-disposition']).toContain('valuation.csv');
  });
});

describe('connections', () => {
  it('beyond the bound are closed and counted, those that are open go on, and later ones are taken', async () => {
    const idle = Array.from({ length: 60 }, () => open());
    await waitFor(() => idle.filter(({ socket }) => socket.destroyed).length >= 20);
    // Those that were taken are timed out, since they send nothing.
    await Promise.all(idle.map(({ closed }) => closed));
    expect(await refused('too_many')).toBeGreaterThanOrEqual(20);
    expect((await test.call('GET', '/warehouses')).status).toBe(200);
  });

  it('that are slow in every way keep nobody from being served', async () => {
    const slow = Array.from({ length: 30 }, (_, n) => {
      const connection = open();
      if (n % 3 > 0)
        connection.send(
          `POST /api/v1/orders HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${ADMIN_KEY}\r\ncontent-type: application/json\r\n`,
        );
      if (n % 3 > 1) connection.send('content-length: 100\r\n\r\n{');
      return connection;
    });
    for (let n = 0; n < 10; n++) expect((await test.call('GET', '/warehouses')).status).toBe(200);
    for (const { socket } of slow) socket.destroy();
  });
});
