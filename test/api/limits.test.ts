import { createBadCredentials } from '../../api/http/bad-credentials';
import { limitClassOf } from '../../api/http/limit-classes';
import { createKey } from '../../domain/identity/keys';
import type { ServiceRole } from '../../domain/identity/types';
import { newId } from '../../platform/ids';
import { readSettings } from '../../platform/config';
import { ADMIN_KEY } from '../support/access-keys';
import { addPaidOrder, addStock } from '../support/fixtures';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';
import { openTestApi, withoutItsBody, type TestApi } from './support';

let test: TestApi;
let narrow: TestApi;
let proxied: TestApi;
/** Of one test. */
const opened: TestApi[] = [];
beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'A', 'AMS', 10);
  narrow = await openTestApi({
    shop: test,
    env: {
      LIMIT_READS: '5',
      LIMIT_WRITES: '3',
      LIMIT_REPORTS: '2',
      LIMIT_WEBHOOKS: '1',
      STREAMS_PER_CALLER: '2',
      STREAMS: '3',
    },
  });
  proxied = await openTestApi({ shop: test, env: { LIMIT_WRITES: '2', TRUSTED_PROXIES: 'loopback' } });
});
afterAll(async () => {
  await proxied.close();
  await narrow.close();
  await test.close();
});

afterEach(async () => {
  for (const api of opened.splice(0)) await api.close();
});

async function openAnother(env: Record<string, string>): Promise<TestApi> {
  const api = await openTestApi({ shop: test, env });
  opened.push(api);
  return api;
}

/** A key of a service, which has it for itself unless it is named. */
async function newKey(role: ServiceRole = 'operator', service = newId()): Promise<string> {
  const wanted = { service, role, kind: 'live', label: null, expiresInSeconds: null } as const;
  const scopes = role === 'service' ? (['orders'] as const) : [];
  return (await createKey(test.db, { ...wanted, scopes, actor: 'a test' })).key;
}

const CHANGE = () => `/refunds/${newId()}/retry`;

describe('the limit of requests', () => {
  it('is told by every response, and refuses one too many with the time to wait', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) {
      const reply = await narrow.call('POST', CHANGE());
      statuses.push(reply.status);
      expect(reply.headers.get('ratelimit')).toMatch(
        new RegExp(`^"writes"; r=${Math.max(0, 2 - n)}; t=\\d+$`),
      );
      expect(reply.headers.get('ratelimit-policy')).toMatch(/^"writes"; q=3; w=60; pk=:/);
    }
    expect(statuses).toEqual([404, 404, 404, 429]);
    const refused = await narrow.call('POST', CHANGE());
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED', status: 429 } });
    const seconds = Number(refused.headers.get('retry-after'));
    expect(refused.body).toMatchObject({ retryAfter: seconds });
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it('is one of each class: who may not change anything any more still reads', async () => {
    expect((await narrow.call('POST', CHANGE())).status).toBe(429);
    expect((await narrow.call('GET', '/products/A')).status).toBe(200);
    for (let n = 0; n < 2; n++) expect((await narrow.call('GET', '/inventory/valuation')).status).toBe(200);
    expect((await narrow.call('GET', '/inventory/valuation')).status).toBe(429);
    expect((await narrow.call('POST', '/carriers/sandbox/events', { body: {} })).status).not.toBe(429);
    expect((await narrow.call('POST', '/carriers/sandbox/events', { body: {} })).status).toBe(429);
  });

  it('is before the body: what is refused is not read', async () => {
    const raw = '{"not": "read"';
    expect((await narrow.call('POST', '/orders', { raw })).status).toBe(429);
  });

  it('spares what watches the process', async () => {
    for (let n = 0; n < 10; n++)
      for (const path of ['//health', '//ready', '//metrics'])
        expect((await narrow.call('GET', path)).status).toBe(200);
  });

  it('is wide unless it is set: thousands of orders at once from one address pass', async () => {
    const { LIMIT_READS, LIMIT_WRITES } = readSettings({});
    expect(Math.min(LIMIT_READS, LIMIT_WRITES)).toBeGreaterThanOrEqual(60_000);
    for (let round = 0; round < 10; round++) {
      const replies = await Promise.all(Array.from({ length: 100 }, () => test.call('POST', CHANGE())));
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([404]));
    }
  });

  it('is none where the setting is 0', async () => {
    const free = await openAnother({ LIMIT_WRITES: '0' });
    const reply = await free.call('POST', CHANGE());
    expect([reply.status, reply.headers.get('ratelimit')]).toEqual([404, null]);
  });

  it('belongs to a class by what a route does, unless it says so itself', () => {
    expect(limitClassOf({ methods: ['get'] })).toBe('reads');
    expect(limitClassOf({ methods: ['post', 'put'] })).toBe('writes');
    expect(limitClassOf({ methods: ['post'], upload: ['text/csv'] })).toBe('uploads');
    expect(limitClassOf({ methods: ['get'], limit: 'reports' })).toBe('reports');
    expect(limitClassOf({ methods: ['get'], limit: null })).toBeNull();
  });
});

describe('who is limited', () => {
  /** A change without a sign-in, as of an address. */
  const from = (address: string, key: string | null = null, api = proxied) =>
    api.call('POST', CHANGE(), { key, headers: { 'x-forwarded-for': address } });
  const statuses = async (...replies: (() => Promise<{ status: number }>)[]) => {
    const seen: number[] = [];
    for (const reply of replies) seen.push((await reply()).status);
    return seen;
  };

  it('is who has signed in, from whatever address', async () => {
    const [key, other] = [await newKey('operator'), await newKey('operator')];
    const calls = ['198.51.100.1', '198.51.100.2', '198.51.100.3'].map((address) => () => from(address, key));
    expect(await statuses(...calls, () => from('198.51.100.3', other))).toEqual([404, 404, 429, 404]);
  });

  it('is one service with all its keys', async () => {
    const service = `shop ${newId()}`;
    const keys = [await newKey('operator', service), await newKey('operator', service)];
    const calls = [...keys, ...keys].map((key) => () => from('198.51.100.4', key));
    expect(await statuses(...calls)).toEqual([404, 404, 429, 429]);
  });

  it('is the address where credentials are not good, and nobody who signs in behind it', async () => {
    const good = await newKey('operator');
    const bad = [
      'secret',
      `${good.slice(0, -4)}AAAA`,
      `hf_live_${newId().replaceAll('-', '')}_${'x'.repeat(43)}`,
    ];
    const calls = bad.map((key) => () => from('198.51.100.5', key));
    expect(await statuses(...calls, () => from('198.51.100.5'))).toEqual([401, 401, 429, 429]);
    const token = { 'x-forwarded-for': '198.51.100.5', authorization: 'Bearer none' };
    expect(await proxied.call('POST', CHANGE(), { key: null, headers: token })).toMatchObject({
      status: 429,
      body: { code: 'RATE_LIMITED' },
    });
    expect(
      await statuses(
        () => from('198.51.100.5', good),
        () => from('198.51.100.6', 'secret'),
      ),
    ).toEqual([404, 401]);
  });

  it('is refused before the body is read, with bad credentials too', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.7', 'x-api-key': 'secret' };
    const sent = () => withoutItsBody(proxied, '/orders', headers);
    expect([await sent(), await sent(), await sent()].map(({ status }) => status)).toEqual([401, 401, 429]);
  });

  it('counts what the caller is refused: nobody tries what is not theirs without a limit', async () => {
    const key = await newKey('service');
    const calls = Array.from({ length: 3 }, () => () => from('198.51.100.8', key));
    expect(await statuses(...calls)).toEqual([403, 403, 429]);
  });

  it('is the address of who sends a publishable key, which many have', async () => {
    const service = `shop ${newId()}`;
    const wanted = { service, role: 'service', scopes: [], label: null, expiresInSeconds: null } as const;
    const { key } = await createKey(test.db, { ...wanted, kind: 'publishable', actor: 'a test' });
    const calls = Array.from({ length: 3 }, () => () => from('198.51.100.9', key));
    const ofOther = () => from('198.51.100.10', key);
    const ofService = await newKey('service', service);
    expect(await statuses(...calls, ofOther, () => from('198.51.100.9', ofService))).toEqual([
      403, 403, 429, 403, 403,
    ]);
  });

  it('is the client that a trusted proxy names', async () => {
    for (let n = 0; n < 2; n++) expect((await from('192.0.2.1')).status).toBe(401);
    expect((await from('192.0.2.1')).status).toBe(429);
    expect((await from('192.0.2.2')).status).toBe(401);
  });

  it('is the address that the nearest untrusted one has, whatever a client puts before it', async () => {
    for (let n = 0; n < 2; n++) expect((await from(`203.0.113.${n}, 192.0.2.3`)).status).toBe(401);
    expect((await from('203.0.113.9, 192.0.2.3')).status).toBe(429);
  });

  it('is a network of IPv6, of which a client has as many addresses as it likes', async () => {
    for (let n = 1; n <= 2; n++) expect((await from(`2001:db8:0:1::${n}`)).status).toBe(401);
    expect((await from('2001:db8:0:1::3')).status).toBe(429);
    expect((await from('2001:db8:ff00::1')).status).toBe(401);
  });

  it('is the same whatever port it comes from', async () => {
    for (const port of [1, 2]) expect((await from(`192.0.2.9:${port}`)).status).toBe(401);
    for (const same of ['192.0.2.9', '[::ffff:192.0.2.9]:3', '::ffff:192.0.2.9'])
      expect((await from(same)).status).toBe(429);
  });

  it('is who opened the connection where no proxy is trusted', async () => {
    for (let n = 0; n < 3; n++) await from(`192.0.2.${n}`, null, narrow);
    expect((await from('192.0.2.77', null, narrow)).status).toBe(429);
  });

  it('has proxies that are addresses, networks or their names', () => {
    for (const good of ['10.0.0.0/8', '::1', 'loopback, 192.0.2.7', 'fd00::/8'])
      expect(readSettings({ TRUSTED_PROXIES: good }).TRUSTED_PROXIES.length).toBeGreaterThan(0);
    for (const bad of ['true', '1', '10.0.0.0/33', 'proxy.example', '10.0.0.0/8/8', '10.0.0.0/x'])
      expect(() => readSettings({ TRUSTED_PROXIES: bad })).toThrow('TRUSTED_PROXIES');
  });
});

describe('bad credentials', () => {
  const from = (api: TestApi, address: string, key: string | null, path = '/products') =>
    api.call('GET', path, { key, headers: { 'x-forwarded-for': address } });

  it('from one address are looked up so often in a minute, and then none from there', async () => {
    const api = await openAnother({ LIMIT_BAD_CREDENTIALS: '3', TRUSTED_PROXIES: 'loopback' });
    const bad = `hf_live_${newId().replaceAll('-', '')}_${'x'.repeat(43)}`;
    const seen: number[] = [];
    for (let n = 0; n < 5; n++) seen.push((await from(api, '198.51.100.20', bad)).status);
    expect(seen).toEqual([401, 401, 401, 429, 429]);
    const refused = await from(api, '198.51.100.20', await newKey());
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    // Who sends none, is elsewhere, or asks for what looks at none, is not held.
    expect((await from(api, '198.51.100.20', null)).status).toBe(200);
    expect((await from(api, '198.51.100.21', await newKey())).status).toBe(200);
    expect((await from(api, '198.51.100.20', bad, '//ready')).status).toBe(200);
  });

  it('are counted while they are looked up, forgotten when the minute is over, and good ones count for nothing', () => {
    let now = 0;
    const counted = createBadCredentials(2, () => now);
    const req = { ip: '192.0.2.1' };
    const isRefused = () => {
      try {
        counted.count(req)();
        return false;
      } catch {
        return true;
      }
    };
    for (let n = 0; n < 10; n++) expect(isRefused()).toBe(false);
    counted.count(req);
    expect(isRefused()).toBe(false);
    counted.count(req);
    expect(isRefused()).toBe(true);
    now += 59_999;
    expect(isRefused()).toBe(true);
    now += 1;
    expect(isRefused()).toBe(false);
  });
});

describe('live streams', () => {
  it('are so many of one caller and of the process, and a place is free when one ends', async () => {
    const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    const streams = await openAnother({ STREAMS_PER_CALLER: '2', STREAMS: '3' });
    const [first, second, third] = [ADMIN_KEY, await newKey(), await newKey()];
    const open = async (key: string, path = `/orders/${orderId}/events`) => {
      const ending = new AbortController();
      const response = await fetch(`${streams.api.url}/api/v1${path}`, {
        headers: { accept: 'text/event-stream', 'x-api-key': key },
        signal: ending.signal,
      });
      const problem = response.ok ? undefined : ((await response.json()) as { code: string });
      return {
        status: response.status,
        code: problem?.code,
        retryAfter: response.headers.get('retry-after'),
        end: () => ending.abort(),
      };
    };
    const one = await open(first);
    // Of whatever: the events of one order, and all events.
    expect([one.status, (await open(first, '/events')).status]).toEqual([200, 200]);
    expect(await open(first, '/events')).toMatchObject({ status: 429, code: 'TOO_MANY_STREAMS' });
    expect(await open(first)).toMatchObject({ status: 429, code: 'TOO_MANY_STREAMS', retryAfter: '10' });
    expect(await open(second)).toMatchObject({ status: 200 });
    expect(await open(third)).toMatchObject({ status: 503, code: 'OVERLOADED', retryAfter: '10' });
    one.end();
    await waitFor(async () => (await open(third)).status === 200);
  });
});

it('lists and reports that are slow keep no other request from the database', async () => {
  const slow = await openAnother({ REPORT_POOL_SIZE: '2' });
  const holder = await openTransaction(test.db);
  await holder.query('lock table receipts in access exclusive mode');
  // Beyond the connections of the pool that orders and reads have.
  const reports = Array.from({ length: 30 }, () => slow.call('GET', '/receipts'));
  await waitFor(async () => {
    const { text } = await slow.call('GET', '//metrics');
    return /holdfast_db_pool_waiting\{pool="reports",part="api"\} 28/.test(text);
  });
  for (let n = 0; n < 5; n++) expect((await slow.call('GET', '/products/A')).status).toBe(200);
  const reserved = await slow.call('POST', '/inventory/A/reserve', { body: { quantity: 1 } });
  expect(reserved.status).toBe(201);
  await holder.query('rollback');
  holder.release();
  const statuses = new Set((await Promise.all(reports)).map(({ status }) => status));
  expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);
});
