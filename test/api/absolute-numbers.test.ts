import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { callApi } from './support';
import { AS_ADMIN } from '../support/access-keys';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ api: true });
});
afterEach(() => expectInvariants(stack.db));
afterAll(() => stack.stop());

// Each test knows what it asked for, and fails where it is something else.
async function call(method: string, path: string, body?: unknown, key?: string) {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  const reply = await callApi(stack.url.replace('/api/v1', ''), method, path, { body, headers });
  return { status: reply.status, body: reply.body as unknown as Record<string, unknown> };
}

/** A product with 10 on hand in AMS. */
async function product(): Promise<string> {
  const sku = `S-${newId()}`;
  await addStock(stack.db, sku, 'AMS', 10);
  return sku;
}

const adjust = (sku: string, change: object, key?: string) =>
  call('POST', `/inventory/${sku}/adjust`, { location: 'AMS', reason: 'test', ...change }, key);
const onHand = async (sku: string) => (await call('GET', `/inventory/${sku}`)).body['onHand'];
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

async function sheetOf(sku: string): Promise<string> {
  const { body } = await call('POST', '/counts', { location: 'AMS', skus: [sku] });
  return `/counts/${String(body['id'])}`;
}
const variance = ({ body }: { body: Record<string, unknown> }) =>
  (body['lines'] as { variance: number }[]).map((line) => line.variance);

describe('an absolute number', () => {
  it('keeps what has moved since its time, and an older one changes nothing', async () => {
    const sku = await product();
    const then = new Date().toISOString();
    await adjust(sku, { delta: -3 });
    expect(await adjust(sku, { setTo: 9, asOf: then })).toMatchObject({
      status: 200,
      body: { onHand: 6, outcome: 'applied' },
    });
    await adjust(sku, { setTo: 4 });
    expect(await adjust(sku, { setTo: 9, asOf: then })).toMatchObject({
      status: 200,
      body: { onHand: 4, outcome: 'superseded' },
    });
    const { body } = await call('GET', `/inventory/${sku}/transactions?limit=3`);
    expect(body['items']).toMatchObject([
      { kind: 'adjust', number: 4, onHandDelta: -2, asOf: expect.stringMatching(/Z$/) as string },
      { kind: 'adjust', number: 9, onHandDelta: -1 },
      { kind: 'adjust', number: null, onHandDelta: -3, asOf: null },
    ]);
  });

  it('is done only where as much is on hand as was expected', async () => {
    const sku = await product();
    expect(await adjust(sku, { setTo: 8, expected: 11 })).toMatchObject({
      status: 409,
      body: { code: 'ON_HAND_CHANGED', onHand: 10 },
    });
    const key = newId();
    expect(await adjust(sku, { setTo: 8, expected: 10 }, key)).toMatchObject({
      status: 200,
      body: { onHand: 8 },
    });
    expect((await adjust(sku, { setTo: 8, expected: 10 }, key)).status).toBe(200);
  });

  it('of a time that has not come is refused, everywhere', async () => {
    const sku = await product();
    const sheet = await sheetOf(sku);
    const refused = { status: 422, body: { code: 'ASOF_IN_FUTURE' } };
    expect(await adjust(sku, { setTo: 9, asOf: inAnHour() })).toMatchObject(refused);
    expect(await adjust(sku, { delta: 9, kind: 'correction', asOf: inAnHour() })).toMatchObject(refused);
    expect(await call('PUT', `${sheet}/lines`, { sku, counted: 9, countedAt: inAnHour() })).toMatchObject(
      refused,
    );
    const feed = await fetch(`${stack.url}/jobs/feed?asOf=${inAnHour()}`, {
      method: 'POST',
      headers: { ...AS_ADMIN, 'content-type': 'text/csv' },
      body: `sku,location,quantity\n${sku},AMS,9\n`,
    });
    expect([feed.status, await feed.json()]).toMatchObject([422, { code: 'ASOF_IN_FUTURE' }]);
    expect(await onHand(sku)).toBe(10);
  });

  it.each([
    ['a kind of a setTo', { setTo: 9, kind: 'correction' }, 'kind'],
    ['a time of a movement', { delta: 1, asOf: '2026-01-01T00:00:00Z' }, 'asOf'],
    ['what is expected of a delta', { delta: 1, expected: 10 }, 'expected'],
    ['a time without an offset', { setTo: 9, asOf: '2026-01-01T00:00:00' }, 'asOf'],
  ])('cannot have %s', async (_name, change, path) => {
    expect(await adjust(await product(), change)).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', errors: [{ path }] },
    });
  });
});

it('a delta feed has no time', async () => {
  const reply = await fetch(`${stack.url}/jobs/feed?mode=delta&asOf=2026-01-01T00:00:00Z`, {
    method: 'POST',
    headers: { ...AS_ADMIN, 'content-type': 'text/csv' },
    body: 'sku,location,quantity\nX,AMS,9\n',
  });
  expect([reply.status, await reply.json()]).toMatchObject([422, { errors: [{ path: 'asOf' }] }]);
});

it('counted again after a clerk booked the breakage, nothing is off; the same request again counts nothing', async () => {
  const sku = await product();
  const sheet = await sheetOf(sku);
  const key = newId();
  expect(variance(await call('PUT', `${sheet}/lines`, { sku, counted: 8 }, key))).toEqual([-2]);
  await adjust(sku, { delta: -2 });
  expect(variance(await call('PUT', `${sheet}/lines`, { sku, counted: 8 }, key))).toEqual([-2]);
  expect(variance(await call('PUT', `${sheet}/lines`, { sku, counted: 8 }))).toEqual([0]);
  expect((await call('POST', `${sheet}/submit`)).body['status']).toBe('closed');
  expect((await call('POST', `${sheet}/approve`)).status).toBe(200);
  expect(await onHand(sku)).toBe(8);
});

it('the time of a count comes back as it is kept: sent back as `asOf` it is that time, not an earlier one', async () => {
  const sku = await product();
  const sheet = await sheetOf(sku);
  const { body } = await call('PUT', `${sheet}/lines`, { sku, counted: 8 });
  const [line] = body['lines'] as { countedAt: string }[];
  expect(line?.countedAt).toMatch(/\.\d{6}Z$/);
  await call('POST', `${sheet}/submit`);
  expect((await call('POST', `${sheet}/approve`)).status).toBe(200);
  expect(await adjust(sku, { setTo: 7, asOf: line?.countedAt })).toMatchObject({
    status: 200,
    body: { onHand: 7, outcome: 'applied' },
  });
  const { body: ledger } = await call('GET', `/inventory/${sku}/transactions?limit=2`);
  expect(ledger['items']).toMatchObject([{ asOf: line?.countedAt }, { asOf: line?.countedAt }]);
});
