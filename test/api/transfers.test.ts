import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { openTestApi, type TestApi } from './support';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'LAMP', 'AMS', 1_000);
  await addStock(test.db, 'LAMP', 'BER', 0);
  await addStock(test.db, 'DESK', 'AMS', 5);
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

const wish = (more: object = {}) => ({
  sku: 'LAMP',
  from: 'AMS',
  to: 'BER',
  quantity: 4,
  mode: 'in_transit',
  ...more,
});

function post(path: string, body?: object, key?: string) {
  return test.call('POST', path, { body, headers: key === undefined ? {} : { 'idempotency-key': key } });
}

const start = (more: object = {}, key?: string) => post('/inventory/transfer', wish(more), key);
const idOf = async (more: object = {}) => (await start(more)).body.id;
const lamp = async () => (await test.call('GET', '/inventory/LAMP')).body;

describe('POST /inventory/transfer', () => {
  it('responds with 200 and the transfer when the units are there at once', async () => {
    expect(
      await start({ sku: 'DESK', mode: 'immediate', reason: 'balance', reference: 'T-1' }),
    ).toMatchObject({
      status: 200,
      body: {
        status: 'completed',
        from: 'AMS',
        to: 'BER',
        quantity: 4,
        received: 4,
        open: 0,
        expectedAt: null,
      },
    });
  });

  it('responds with 202 and the transfer and its address when they are on their way', async () => {
    const reply = await start({ transitSeconds: 60 });
    expect(reply).toMatchObject({
      status: 202,
      body: { status: 'in_transit', open: 4, received: 0, overdueAt: null },
    });
    expect(reply.headers.get('location')).toBe(`/api/v1/transfers/${reply.body.id}`);
    expect((await test.call('GET', `/transfers/${reply.body.id}`)).body).toEqual(reply.body);
    expect(await lamp()).toMatchObject({ onHand: 996, inTransit: 4 });
    expect((await test.call('GET', '/inventory/LAMP/location/BER')).body).toMatchObject({
      onHand: 0,
      incoming: 4,
    });
  });

  it('is overdue when it was told, after the seconds it was given, or after those of the settings', async () => {
    const dueOf = (reply: { body: unknown }) =>
      Date.parse((reply.body as { expectedAt: string }).expectedAt) - Date.now();
    const expectedBy = new Date(Date.now() + 86_400_000).toISOString();
    expect((await start({ expectedBy })).body).toMatchObject({ expectedAt: expectedBy });
    expect(Math.abs(dueOf(await start({ transitSeconds: 100 })) - 100_000)).toBeLessThan(30_000);
    expect(Math.abs(dueOf(await start()) - 604_800_000)).toBeLessThan(30_000);
  });

  it('moves once for one key, and a repeat returns its present state', async () => {
    const key = newId();
    const first = await start({ transitSeconds: 1 }, key);
    const again = await start({ transitSeconds: 1 }, key);
    expect([again.status, again.body]).toEqual([202, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    await post(`/transfers/${first.body.id}/receive`);
    expect(await start({ transitSeconds: 1 }, key)).toMatchObject({
      status: 200,
      body: { id: first.body.id, status: 'completed' },
    });
    expect((await start({ quantity: 5 }, key)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  it('sent again with a time that is past by now is still the same transfer', async () => {
    const key = newId();
    const expectedBy = new Date(Date.now() + 60_000).toISOString();
    const first = await start({ expectedBy }, key);
    expect(first.status).toBe(202);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.parse(expectedBy) + 1);
    try {
      expect(await start({ expectedBy }, newId())).toMatchObject({ status: 422 });
      expect(await start({ expectedBy }, key)).toMatchObject({ status: 202, body: { id: first.body.id } });
    } finally {
      clock.mockRestore();
    }
  });

  it('refuses what is not there, and keeps the refusal for its key', async () => {
    const key = newId();
    const first = await start({ sku: 'DESK', quantity: 99 }, key);
    expect(first).toMatchObject({
      status: 409,
      body: { code: 'OUT_OF_STOCK', shortages: [{ sku: 'DESK', requested: 99 }] },
    });
    const again = await start({ sku: 'DESK', quantity: 99 }, key);
    expect([again.status, again.body]).toEqual([409, first.body]);
    expect((await start({ sku: 'NOPE' })).body.code).toBe('UNKNOWN_SKU');
    expect((await start({ from: 'NOPE' })).body.code).toBe('UNKNOWN_LOCATION');
    expect(await start({ to: 'NOPE' })).toMatchObject({ status: 422, body: { code: 'UNKNOWN_LOCATION' } });
  });

  it.each<[string, object]>([
    ['sku', { sku: undefined }],
    ['sku', { sku: '' }],
    ['sku', { sku: 5 }],
    ['sku', { sku: 'x'.repeat(101) }],
    ['from', { from: undefined }],
    ['from', { from: '' }],
    ['to', { to: undefined }],
    ['to', { to: 'x'.repeat(51) }],
    ['to', { to: 'AMS' }],
    ['quantity', { quantity: undefined }],
    ['quantity', { quantity: 0 }],
    ['quantity', { quantity: -1 }],
    ['quantity', { quantity: 1.5 }],
    ['quantity', { quantity: '4' }],
    ['quantity', { quantity: 1_000_000_001 }],
    ['mode', { mode: undefined }],
    ['mode', { mode: 'teleport' }],
    ['mode', { mode: 'immediate', transitSeconds: 5 }],
    ['reason', { reason: '' }],
    ['reason', { reason: 'a\u0007' }],
    ['reference', { reference: 'x'.repeat(201) }],
    ['expectedBy', { expectedBy: 'tomorrow' }],
    ['expectedBy', { expectedBy: '2090-01-01T00:00:00+16:00' }],
    ['expectedBy', { expectedBy: '0000-01-01T00:00:00Z' }],
    ['expectedBy', { expectedBy: '2020-01-01T00:00:00Z' }],
    ['expectedBy', { expectedBy: '2090-01-01T00:00:00Z', transitSeconds: 5 }],
    ['transitSeconds', { transitSeconds: 0 }],
    ['transitSeconds', { transitSeconds: 31_536_001 }],
    ['transitSeconds', { transitSeconds: 1.5 }],
  ])('refuses a wrong %s: %j', async (path, more) => {
    expect(await start(more)).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', errors: [{ path }] },
    });
  });
});

describe('POST /transfers/{id}/receive', () => {
  it('receives in part, loses, and without a body receives the rest', async () => {
    const id = await idOf({ quantity: 9 });
    expect((await post(`/transfers/${id}/receive`, { quantity: 2 })).body).toMatchObject({
      received: 2,
      open: 7,
    });
    expect((await post(`/transfers/${id}/receive`, { quantity: 1, lost: 2 })).body).toMatchObject({
      lost: 2,
      open: 4,
    });
    expect(await post(`/transfers/${id}/receive`)).toMatchObject({
      status: 200,
      body: { status: 'completed', received: 7, lost: 2, open: 0 },
    });
    expect(await post(`/transfers/${id}/receive`)).toMatchObject({
      status: 409,
      body: { code: 'TRANSFER_NOT_OPEN', status: 409 },
    });
    const entries = await test.call('GET', `/inventory/LAMP/transactions?reference=transfer:${id}`);
    expect(entries.body.items).toHaveLength(5);
  });

  it('happens once for one key', async () => {
    const id = await idOf({ quantity: 9 });
    const key = newId();
    const first = await post(`/transfers/${id}/receive`, { quantity: 2 }, key);
    const again = await post(`/transfers/${id}/receive`, { quantity: 2 }, key);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect((await test.call('GET', `/transfers/${id}`)).body).toMatchObject({ received: 2, open: 7 });
  });

  it('refuses more than is on its way', async () => {
    const id = await idOf({ quantity: 3 });
    expect(await post(`/transfers/${id}/receive`, { quantity: 4 })).toMatchObject({
      status: 409,
      body: { code: 'OVER_RECEIPT', open: 3 },
    });
  });

  it.each<[string, object]>([
    ['quantity', { quantity: 0 }],
    ['quantity', { quantity: -2 }],
    ['quantity', { quantity: '2' }],
    ['quantity', { quantity: 0.5 }],
    ['lost', { lost: 0 }],
    ['lost', { lost: null }],
    ['lost', { lost: 1_000_000_001 }],
    ['reason', { reason: '' }],
  ])('refuses a wrong %s: %j', async (path, body) => {
    const id = await idOf();
    expect(await post(`/transfers/${id}/receive`, body)).toMatchObject({
      status: 422,
      body: { errors: [{ path }] },
    });
  });
});

describe('POST /transfers/{id}/cancel', () => {
  it('brings back what is on its way, and a repeat returns the same', async () => {
    const id = await idOf({ quantity: 5 });
    await post(`/transfers/${id}/receive`, { quantity: 1 });
    const before = await lamp();
    const first = await post(`/transfers/${id}/cancel`, { reason: 'recalled' });
    expect(first).toMatchObject({
      status: 200,
      body: { status: 'cancelled', received: 1, returned: 4, open: 0 },
    });
    expect((await lamp()).onHand).toBe(before.onHand + 4);
    expect((await post(`/transfers/${id}/cancel`)).body).toEqual(first.body);
    expect((await post(`/transfers/${id}/receive`)).body.code).toBe('TRANSFER_NOT_OPEN');
  });

  it('is refused once everything has arrived', async () => {
    const id = await idOf();
    await post(`/transfers/${id}/receive`);
    expect(await post(`/transfers/${id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'TRANSFER_NOT_OPEN' },
    });
  });

  it.each([{ reason: '' }, { reason: 5 }, { reason: 'x'.repeat(201) }])('refuses %j', async (body) => {
    expect((await post(`/transfers/${await idOf()}/cancel`, body)).status).toBe(422);
  });
});

it('a transfer that does not exist is not found', async () => {
  for (const id of [newId(), 'nonsense']) {
    expect((await test.call('GET', `/transfers/${id}`)).status).toBe(404);
    expect((await post(`/transfers/${id}/receive`)).body.code).toBe('NOT_FOUND');
    expect((await post(`/transfers/${id}/cancel`)).body.code).toBe('NOT_FOUND');
  }
});

describe('GET /transfers', () => {
  const list = async (query: string) => (await test.call('GET', `/transfers?${query}`)).body;

  it('lists newest first, in pages, by status, SKU and location', async () => {
    await addStock(test.db, 'BOWL', 'AMS', 100);
    await addStock(test.db, 'BOWL', 'OSL', 100);
    const ids: string[] = [];
    for (const more of [{}, { to: 'OSL' }, { from: 'OSL', mode: 'immediate' }, { from: 'OSL' }, {}]) {
      ids.unshift(await idOf({ sku: 'BOWL', ...more }));
    }
    await post(`/transfers/${ids[4] ?? ''}/cancel`);
    const idsOf = (page: { items: { id: string }[] }) => page.items.map((item) => item.id);
    expect(idsOf(await list('sku=BOWL'))).toEqual(ids);
    expect(idsOf(await list('sku=BOWL&status=cancelled'))).toEqual([ids[4]]);
    expect(idsOf(await list('sku=BOWL&status=completed'))).toEqual([ids[2]]);
    expect(idsOf(await list('sku=BOWL&location=OSL'))).toEqual([ids[1], ids[2], ids[3]]);
    expect(idsOf(await list('location=NOPE'))).toEqual([]);
    const first = await list('sku=BOWL&limit=2');
    expect(idsOf(first)).toEqual(ids.slice(0, 2));
    const second = await list(`sku=BOWL&limit=2&cursor=${first.nextCursor ?? ''}`);
    expect(idsOf(second)).toEqual(ids.slice(2, 4));
    const third = await list(`sku=BOWL&limit=2&cursor=${second.nextCursor ?? ''}`);
    expect([idsOf(third), third.nextCursor]).toEqual([[ids[4]], null]);
    expect(idsOf(await list('sku=BOWL&offset=3'))).toEqual(ids.slice(3));
  });

  it.each(['status=lost', 'limit=0', 'cursor=x', 'sku=', 'location=', 'offset=x'])(
    'refuses ?%s',
    async (query) => {
      expect((await test.call('GET', `/transfers?${query}`)).status).toBe(422);
    },
  );
});
