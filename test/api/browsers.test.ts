import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { openTestApi, type TestApi } from './support';
import { AS_ADMIN } from '../support/access-keys';

let test: TestApi;
let proxied: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  proxied = await openTestApi({ shop: test, env: { ALLOWED_HOSTS: 'api, Shop.example' } });
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
