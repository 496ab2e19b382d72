import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await test.call('POST', '/merchants', { body: { id: 'acme', name: 'Acme' } });
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

const post = (path: string, body: object, key?: string) =>
  test.call('POST', path, { body, headers: key === undefined ? {} : { 'idempotency-key': key } });

const LAMP = { sku: 'LAMP', name: 'Lamp', priceMinor: 1_999, currency: 'EUR' };

it('there is always ours, whose days are those of UTC', async () => {
  expect((await test.call('GET', '/merchants/house')).body).toMatchObject({ id: 'house', zone: 'UTC' });
  expect((await test.call('GET', '/merchants?limit=1')).body).toMatchObject({
    items: [{ id: 'acme' }],
    nextCursor: expect.any(String) as string,
  });
});

it.each(['Europe/Atlantis', 'UTC+3', '../UTC', ''])('the time zone %j is refused', async (zone) => {
  const refused = await post('/merchants', { id: 'lost', name: 'Lost', zone });
  expect(refused.status).toBe(422);
  expect((await test.call('GET', '/merchants/lost')).status).toBe(404);
});

it('a product is ours unless somebody else sells it, and stays with them when they are not named', async () => {
  expect((await post('/products', LAMP)).body).toMatchObject({ merchant: 'house' });
  const theirs = { ...LAMP, sku: 'LAMP-2', merchant: 'acme' };
  expect((await post('/products', theirs)).body).toMatchObject({ merchant: 'acme' });
  const fields = { name: LAMP.name, priceMinor: LAMP.priceMinor, currency: LAMP.currency };
  const put = (body: object) => test.call('PUT', '/products/LAMP-2', { body, headers: { 'if-match': '*' } });
  expect((await put({ ...fields, priceMinor: 5 })).body).toMatchObject({ merchant: 'acme', priceMinor: 5 });
  expect((await put({ ...fields, merchant: 'house' })).body).toMatchObject({ merchant: 'house' });
  expect(await put({ ...fields, merchant: 'nobody' })).toMatchObject({
    status: 422,
    body: { code: 'UNKNOWN_MERCHANT' },
  });
});

describe('a fee rule', () => {
  const RULE = { currency: 'EUR', rateBasisPoints: 250, fixedMinor: 30 };
  const path = '/merchants/acme/fee-rules';

  it('holds from now on unless it says otherwise, and is listed, the newest first', async () => {
    const first = await post(path, RULE);
    expect(first).toMatchObject({
      status: 201,
      body: {
        ...RULE,
        minimumMinor: 0,
        maximumMinor: null,
        isReturned: false,
        effectiveFrom: expect.any(String) as string,
      },
    });
    const effectiveFrom = '2999-01-01T00:00:00.000Z';
    const later = { ...RULE, rateBasisPoints: 100, minimumMinor: 5, maximumMinor: 500, effectiveFrom };
    const key = newId();
    const second = await post(path, later, key);
    expect(second).toMatchObject({ status: 201, body: later });
    expect((await post(path, later, key)).body).toEqual(second.body);
    expect(await post(path, later)).toMatchObject({ status: 409, body: { code: 'DUPLICATE_NAME' } });
    const page = await test.call('GET', `${path}?limit=1`);
    expect(page.body.items).toEqual([second.body]);
    const rest = await test.call('GET', `${path}?cursor=${String(page.body.nextCursor)}`);
    expect(rest.body).toEqual({ items: [first.body], nextCursor: null });
  });

  it.each([
    { rateBasisPoints: 10_001 },
    { rateBasisPoints: 2.5 },
    { fixedMinor: -1 },
    { minimumMinor: 10, maximumMinor: 9 },
    { currency: 'eur' },
    { effectiveFrom: '2020-01-01T00:00:00Z' },
    { rate: 5 },
  ])('is refused with %j', async (wrong) => {
    expect((await post(path, { ...RULE, ...wrong })).status).toBe(422);
  });

  it('of a merchant that there is not is not found', async () => {
    expect((await post('/merchants/nobody/fee-rules', RULE)).status).toBe(404);
    expect((await test.call('GET', '/merchants/nobody/fee-rules')).status).toBe(404);
  });
});
