import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import {
  addressOf,
  CALLERS,
  MAY,
  openAccessApi,
  OWNED,
  ruleOf,
  type AccessApi,
  type Caller,
  type Operation,
} from './access-table';
import { withoutItsBody, type ReplyBody, type TestApi } from './support';

let api: AccessApi;
let test: TestApi;
let operations: Operation[];
let keys: AccessApi['keys'];

beforeAll(async () => {
  api = await openAccessApi();
  ({ test, operations, keys } = api);
});
afterAll(() => test.close());

it('every operation has an entry, and every entry an operation', () => {
  expect(operations.filter((each) => !ruleOf(each)).map(({ name }) => name)).toEqual([]);
  const names = new Set(operations.map(({ name }) => name));
  expect(Object.keys(MAY).filter((name) => !names.has(name))).toEqual([]);
  const owned = operations.filter(({ access }) => access.owned !== undefined);
  expect(Object.fromEntries(owned.map(({ name, access }) => [name, access.owned]))).toEqual(OWNED);
});

it('lets nobody do what is not theirs to do, and everybody what is', async () => {
  const wrong: string[] = [];
  const attempt = async (operation: Operation, caller: Caller) => {
    const signedIn =
      caller === 'customer'
        ? { key: null, headers: { authorization: `Bearer ${api.ada.accessToken}` } }
        : { key: keys.get(caller) ?? null };
    // A body that breaks every rule: whoever may call it changes nothing.
    const options = operation.method === 'GET' ? signedIn : { ...signedIn, body: { unknownMember: true } };
    const { status, body } = await test.call(operation.method, addressOf(operation), options);
    // Pages and metrics are no JSON.
    const code = String((body as ReplyBody | undefined)?.code);
    const told = `${operation.name} as ${caller}: ${status} ${code}`;
    if (operation.access.rule === 'signature') {
      if (![404, 503].includes(status)) wrong.push(told);
      return;
    }
    const isLetIn = ruleOf(operation)?.includes(caller);
    const expected = isLetIn ? 'let in' : caller === 'nobody' ? '401 NOT_SIGNED_IN' : '403 NOT_ALLOWED';
    const seen = status === 401 || status === 403 ? `${status} ${code}` : 'let in';
    if (seen !== expected) wrong.push(`${told}, not ${expected}`);
  };
  for (const operation of operations) await Promise.all(CALLERS.map((caller) => attempt(operation, caller)));
  expect(wrong).toEqual([]);
}, 300_000);

it('says how to sign in, without waiting for the body', async () => {
  const { headers } = await test.call('GET', '/orders', { key: null });
  expect(headers.get('www-authenticate')).toContain('Bearer');
  expect(await withoutItsBody(test, '/orders', {})).toMatchObject({
    status: 401,
    body: { code: 'NOT_SIGNED_IN' },
  });
  const publishable = { 'x-api-key': keys.get('publishable') ?? '' };
  expect(await withoutItsBody(test, '/orders', publishable)).toMatchObject({
    status: 403,
    body: { code: 'NOT_ALLOWED' },
  });
});

describe('a key that is not good', () => {
  it.each([
    ['no key at all', 'secret'],
    ['an empty one', ''],
    ['an id that there is not', `hf_live_${newId().replaceAll('-', '')}_${'x'.repeat(43)}`],
    ['one with a NUL', 'hf_live_%00'],
    ['a long one', `hf_live_${'0'.repeat(4_000)}`],
  ])('is refused everywhere where credentials matter: %s', async (_what, key) => {
    for (const path of ['/orders', '/products'])
      expect(await test.call('GET', path, { key })).toMatchObject({
        status: 401,
        body: { code: 'NOT_SIGNED_IN' },
      });
    expect((await test.call('GET', '//metrics', { key })).status).toBe(200);
  });

  it('is one with another secret, or of the other kind', async () => {
    const good = keys.get('admin') ?? '';
    const other = `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`;
    for (const key of [other, good.replace('hf_live', 'hf_pub')])
      expect((await test.call('GET', '/orders', { key })).status).toBe(401);
    expect((await test.call('GET', '/orders', { key: good })).status).toBe(200);
  });
});

it('a publishable key reads what can be ordered now, and nothing else of stock', async () => {
  await addStock(test.db, 'SHOWN', 'AMS', 3);
  const key = keys.get('publishable');
  const here = { warehouse: 'AMS', available: 3, status: expect.any(String) as unknown };
  for (const caller of ['publishable', 'availability:read', 'customer'] as const) {
    const as =
      caller === 'customer'
        ? { key: null, headers: { authorization: `Bearer ${api.ada.accessToken}` } }
        : { key: keys.get(caller) };
    for (const path of ['/inventory/SHOWN', '/products/SHOWN/inventory']) {
      const { status, body } = await test.call('GET', path, as);
      expect([status, body]).toEqual([
        200,
        { sku: 'SHOWN', available: 3, locations: [here], asOf: expect.any(String) as unknown },
      ]);
    }
    expect((await test.call('GET', '/inventory/SHOWN/location/AMS', as)).body).toEqual(here);
  }
  const all = await test.call('GET', '/inventory/SHOWN', { key: keys.get('inventory:read') });
  expect(all.body).toMatchObject({ onHand: 3, reserved: 0, available: 3, locations: [{ onHand: 3 }] });
  for (const query of ['states=true', `asOf=${new Date().toISOString()}`])
    expect((await test.call('GET', `/inventory/SHOWN?${query}`, { key })).status).toBe(403);
});
