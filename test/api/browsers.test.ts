import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { json, text } from 'node:stream/consumers';
import { readSettings } from '../../platform/config';
import { openTestApi, type TestApi } from './support';
import { AS_ADMIN } from '../support/access-keys';

let test: TestApi;
let proxied: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  proxied = await openTestApi({
    shop: test,
    env: {
      ALLOWED_HOSTS: 'api, Shop.example',
      ALLOWED_ORIGINS: 'https://shop.example, http://localhost:5173',
    },
  });
});
afterAll(async () => {
  await proxied.close();
  await test.close();
});

/** As fetch does not let us: with any Host and Sec-Fetch-Site. */
async function call(method: string, path: string, headers: Record<string, string>, { api } = test) {
  const sent = request(`${api.url}${path}`, { method, headers: { ...AS_ADMIN, ...headers } });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: (await json(response)) as { code?: string } };
}

const CHANGE = '/api/v1/refunds/01980000-0000-7000-8000-000000000000/retry';
const NO_SUCH_REFUND = { status: 404 };
const REFUSED = { status: 403, body: { code: 'CROSS_SITE_REQUEST' } };
const MISDIRECTED = { status: 421, body: { code: 'HOST_NOT_SERVED' } };

/** Any response, with its headers. */
async function respond(method: string, path: string, headers: Record<string, string>, { api } = test) {
  const sent = request(`${api.url}${path}`, { method, headers });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, text: await text(response) };
}

describe('a page of a listed origin', () => {
  const origin = 'https://shop.example';

  it('asks first, and may send what the API takes', async () => {
    const asked = {
      origin,
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'idempotency-key',
    };
    const { status, headers, text } = await respond('OPTIONS', '/api/v1/orders/x', asked, proxied);
    expect([status, text]).toEqual([204, '']);
    expect(headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
    expect(headers['access-control-allow-methods']).toMatch(/PATCH/);
    for (const name of ['Authorization', 'X-Api-Key', 'Idempotency-Key', 'If-Match', 'Content-Type'])
      expect(headers['access-control-allow-headers']).toContain(name);
    expect(headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('changes and reads, problems too, and sees the headers of the contract', async () => {
    for (const listed of [origin, 'http://localhost:5173']) {
      const headers = { ...AS_ADMIN, origin: listed, 'sec-fetch-site': 'cross-site' };
      const changed = await respond('POST', CHANGE, headers, proxied);
      const read = await respond('GET', '/api/v1/orders', headers, proxied);
      expect([changed.status, read.status]).toEqual([404, 200]);
      for (const { headers: given } of [changed, read]) {
        expect(given['access-control-allow-origin']).toBe(listed);
        for (const name of [
          'Location',
          'ETag',
          'Retry-After',
          'RateLimit',
          'Idempotency-Replayed',
          'X-Request-Id',
        ])
          expect(given['access-control-expose-headers']).toContain(name);
      }
    }
  });

  it('is none that begins like it, has another scheme or port, or is not listed here', async () => {
    const asked = { 'access-control-request-method': 'POST' };
    for (const other of [
      'https://shop.example.evil.example',
      'http://shop.example',
      'https://shop.example:8443',
      'null',
      '*',
    ]) {
      const { status, headers } = await respond(
        'OPTIONS',
        '/api/v1/orders',
        { ...asked, origin: other },
        proxied,
      );
      expect([status, headers['access-control-allow-origin']]).toEqual([403, undefined]);
      expect(await call('POST', CHANGE, { origin: other }, proxied)).toMatchObject(REFUSED);
    }
    expect(await call('POST', CHANGE, { origin })).toMatchObject(REFUSED);
  });

  it('has to be an origin as browsers send it', () => {
    for (const bad of [
      '*',
      'shop.example',
      'https://shop.example/',
      'https://SHOP.example',
      'https://shop.example:443',
      'file://x',
    ])
      expect(() => readSettings({ ALLOWED_ORIGINS: bad })).toThrow('ALLOWED_ORIGINS');
    expect(readSettings({ ALLOWED_ORIGINS: `${origin}, http://[::1]:3000` }).ALLOWED_ORIGINS).toHaveLength(2);
  });
});

it('an address has one spelling, so that a proxy which keeps it to the inside keeps all of it there', async () => {
  const others = ['/Metrics', '/METRICS', '/metrics/', '/Ready', '/health/', '/OPENAPI.json', '/Docs/'];
  for (const path of [...others, '/Codec/decode', '/API/v1/orders', '/api/v1/Orders'])
    expect([path, (await call('GET', path, {})).status]).toEqual([path, 404]);
  expect((await respond('GET', '/metrics', {})).status).toBe(200);
  expect((await call('GET', '/api/v1/orders/', {})).status).toBe(200);
});

it('probes are answered by any name, nothing else is', async () => {
  for (const api of [test, proxied]) {
    for (const path of ['/health', '/ready'])
      expect(await call('GET', path, { host: '10.1.2.3:8080' }, api)).toMatchObject({ status: 200 });
    expect(await call('GET', '/metrics', { host: '10.1.2.3:8080' }, api)).toMatchObject(MISDIRECTED);
  }
});

describe('what a browser may do with a response', () => {
  it('is nothing with data', async () => {
    for (const path of ['/api/v1/orders', '/api/v1/nothing', '/health', '/openapi.json']) {
      const { headers } = await respond('GET', path, {});
      expect(headers).toMatchObject({
        'content-security-policy': "default-src 'none';frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(headers['x-powered-by']).toBeUndefined();
    }
  });

  it('is to run the scripts of /docs, all of which are files of ours', async () => {
    const { status, headers, text } = await respond('GET', '/docs/', {});
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain("script-src 'self';");
    const scripts = [...text.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)];
    expect(scripts.length).toBeGreaterThan(2);
    for (const [, attributes = '', inline = ''] of scripts) {
      expect(inline.trim()).toBe('');
      const source = /src="\.\/([^"]+)"/.exec(attributes)?.[1] ?? '';
      expect((await respond('GET', `/docs/${source}`, {})).status).toBe(200);
    }
    expect(text).not.toMatch(/\son\w+=|javascript:/);
  });
});

describe('a page of another site', () => {
  it('changes nothing by the browser of who reaches the API', async () => {
    const foreign: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://127.0.0.1:1' },
    ];
    for (const headers of foreign) expect(await call('POST', CHANGE, headers)).toMatchObject(REFUSED);
    // Nor does it read, though the browser would not show it what comes.
    for (const headers of foreign.filter(({ origin }) => origin !== undefined))
      for (const path of ['/api/v1/orders', '/metrics', '/openapi.json'])
        expect(await call('GET', path, headers)).toMatchObject(REFUSED);
    expect(await call('GET', '/ready', { 'sec-fetch-site': 'cross-site' })).not.toMatchObject(REFUSED);
  });

  it('is no client without a browser, and no page of the API itself', async () => {
    const own: Record<string, string>[] = [
      {},
      { origin: test.api.url },
      { 'sec-fetch-site': 'same-origin', origin: 'https://behind.a.proxy' },
      { 'sec-fetch-site': 'none' },
    ];
    for (const headers of own) expect(await call('POST', CHANGE, headers)).toMatchObject(NO_SUCH_REFUND);
  });

  it('reads nothing by a name that it has point to this machine', async () => {
    for (const host of [
      'evil.example',
      'evil.example:8080',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'x@localhost',
    ])
      for (const path of ['/api/v1/orders', '/metrics', '/openapi.json'])
        expect(await call('GET', path, { host })).toMatchObject(MISDIRECTED);
    for (const host of [
      'localhost',
      'LOCALHOST:8080',
      '127.0.0.1',
      '127.9.9.9:1',
      '[::1]:8080',
      'shop.localhost',
    ])
      expect(await call('GET', '/api/v1/orders', { host })).toMatchObject({ status: 200 });
  });

  it('has none of the names that a setting allows besides', async () => {
    for (const host of ['shop.example', 'SHOP.example:443', 'api:8080', 'localhost'])
      expect(await call('GET', '/api/v1/orders', { host }, proxied)).toMatchObject({ status: 200 });
    expect(await call('GET', '/api/v1/orders', { host: 'evil.example' }, proxied)).toMatchObject(MISDIRECTED);
  });
});
