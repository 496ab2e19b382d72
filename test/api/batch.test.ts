import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { openTestApi, type TestApi } from './support';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'LAMP', 'AMS', 10);
  await addStock(test.db, 'DESK', 'BER', 10);
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

const update = (more: object = {}) => ({ sku: 'LAMP', location: 'AMS', delta: 1, reason: 'count', ...more });

function send(body: object, key?: string) {
  return test.call('POST', '/inventory/batch', {
    body,
    headers: key === undefined ? {} : { 'idempotency-key': key },
  });
}

const onHand = async (sku: string) => (await test.call('GET', `/inventory/${sku}`)).body.onHand;

it('a batch returns an outcome for each update, in their order', async () => {
  const { status, body } = await send({
    updates: [
      update({ delta: -2 }),
      update({ sku: 'NOPE' }),
      update({ sku: 'DESK', location: 'BER', delta: -11 }),
    ],
  });
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      applied: 1,
      rejected: 2,
      results: [
        {
          index: 0,
          status: 'applied',
          location: { warehouse: 'AMS', onHand: 8, reserved: 0, available: 8, status: 'available' },
        },
        {
          index: 1,
          status: 'rejected',
          code: 'UNKNOWN_SKU',
          detail: 'There is no product NOPE.',
          location: null,
        },
        {
          index: 2,
          status: 'rejected',
          code: 'WOULD_GO_NEGATIVE',
          detail: 'It would take DESK at BER below zero.',
          location: { warehouse: 'BER', onHand: 10, reserved: 0, available: 10, status: 'available' },
        },
      ],
    },
  });
});

it('an atomic batch with an update that cannot be applied is refused whole, with the updates that are to blame', async () => {
  const before = await onHand('LAMP');
  const reply = await send({ atomic: true, updates: [update(), update({ location: 'NOPE' })] });
  expect(reply).toMatchObject({
    status: 409,
    body: { code: 'BATCH_REJECTED', rejected: [{ index: 1, code: 'UNKNOWN_LOCATION' }] },
  });
  expect(await onHand('LAMP')).toBe(before);
});

it('a key applies its batch once, and every repeat has the first response', async () => {
  for (const atomic of [true, false]) {
    const key = newId();
    const before = await onHand('LAMP');
    const body = { atomic, updates: [update({ delta: 3 }), update({ delta: 1 })] };
    const first = await send(body, key);
    expect(first).toMatchObject({ status: 200, body: { applied: 2 } });
    const again = await send(body, key);
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await onHand('LAMP')).toBe(before + 4);
    expect((await send({ ...body, updates: [update()] }, key)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
  }
});

it('a batch whose response was lost is not applied again when it is sent again with its key', async () => {
  const key = newId();
  const before = await onHand('LAMP');
  const body = { updates: [update({ delta: 3 }), update({ sku: 'NOPE' })] };
  const first = await send(body, key);
  await test.db.pool.query(
    `update idempotency_keys set state = 'accepted', status = null, body = null where key = $1`,
    [key],
  );
  expect((await send(body, key)).body).toEqual(first.body);
  expect(await onHand('LAMP')).toBe(before + 3);
});

it('a refusal of an atomic batch is kept for its key', async () => {
  const key = newId();
  const body = { atomic: true, updates: [update({ sku: 'LATER' })] };
  const first = await send(body, key);
  await addStock(test.db, 'LATER', 'AMS', 1);
  const again = await send(body, key);
  expect([again.status, again.body]).toEqual([409, first.body]);
});

it('five thousand updates are taken, with every text as long as it may be, and not one more', async () => {
  const long = {
    sku: 'S'.repeat(100),
    location: 'L'.repeat(50),
    reason: 'r'.repeat(200),
    reference: 'f'.repeat(200),
    delta: -1_000_000_000,
  };
  await addStock(test.db, long.sku, long.location, 5);
  const updates = Array.from({ length: 5_000 }, () => update(long));
  expect(await send({ updates })).toMatchObject({ status: 200, body: { applied: 0, rejected: 5_000 } });
  expect(await send({ updates: [...updates, update()] })).toMatchObject({
    status: 422,
    body: { code: 'VALIDATION_FAILED', errors: [{ path: 'updates' }] },
  });
  expect(await send({ updates: Array.from({ length: 5_000 }, () => update()) })).toMatchObject({
    status: 200,
    body: { applied: 5_000 },
  });
});

it('a body beyond the limit of this address is refused, and says it', async () => {
  const reply = await send({ updates: [], note: 'x'.repeat(5 * 1_048_576) });
  expect(reply).toMatchObject({
    status: 413,
    body: { code: 'PAYLOAD_TOO_LARGE', detail: 'A body may have at most 4 MB here.' },
  });
});

it.each<[string, object]>([
  ['no updates', {}],
  ['an empty list', { updates: [] }],
  ['a list that is none', { updates: update() }],
  ['atomic as text', { atomic: 'yes', updates: [update()] }],
  ['atomic as null', { atomic: null, updates: [update()] }],
  ['an update that is text', { updates: ['LAMP'] }],
  ['an update that is null', { updates: [null] }],
  ['no SKU', { updates: [update({ sku: undefined })] }],
  ['an empty SKU', { updates: [update({ sku: '' })] }],
  ['a SKU too long', { updates: [update({ sku: 'x'.repeat(101) })] }],
  ['a SKU with a NUL', { updates: [update({ sku: 'a\u0000' })] }],
  ['a number as SKU', { updates: [update({ sku: 7 })] }],
  ['no location', { updates: [update({ location: undefined })] }],
  ['an empty location', { updates: [update({ location: '' })] }],
  ['a location too long', { updates: [update({ location: 'x'.repeat(51) })] }],
  ['no delta', { updates: [update({ delta: undefined })] }],
  ['a delta of zero', { updates: [update({ delta: 0 })] }],
  ['a delta of minus zero', { updates: [update({ delta: -0 })] }],
  ['half a unit', { updates: [update({ delta: 1.5 })] }],
  ['a delta as text', { updates: [update({ delta: '1' })] }],
  ['a delta that is null', { updates: [update({ delta: null })] }],
  ['more than can be counted', { updates: [update({ delta: 1_000_000_001 })] }],
  ['less than can be counted', { updates: [update({ delta: -1_000_000_001 })] }],
  ['no reason', { updates: [update({ reason: undefined })] }],
  ['an empty reason', { updates: [update({ reason: '' })] }],
  ['a reason of two lines', { updates: [update({ reason: 'a\nb' })] }],
  ['a reason too long', { updates: [update({ reason: 'x'.repeat(201) })] }],
  ['a reference too long', { updates: [update({ reference: 'x'.repeat(201) })] }],
  ['an empty reference', { updates: [update({ reference: '' })] }],
  ['one wrong update among right ones', { updates: [update(), update({ delta: 0 }), update()] }],
])('a batch with %s is refused, and nothing of it is applied', async (_name, body) => {
  const before = await onHand('LAMP');
  expect(await send(body)).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
  expect(await onHand('LAMP')).toBe(before);
});
