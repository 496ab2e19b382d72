import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { openTestApi, type Reply, type TestApi } from './support';
import { withStock } from '../support/stock';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

async function newSku(levels: Record<string, number> = { AMS: 10 }): Promise<string> {
  const sku = `SKU-${newId()}`;
  for (const [warehouse, onHand] of Object.entries(levels)) await addStock(test.db, sku, warehouse, onHand);
  return sku;
}

const post = (path: string, body?: unknown, key?: string) =>
  test.call('POST', path, { body, headers: key === undefined ? {} : { 'idempotency-key': key } });
const reserve = (sku: string, body: object, key?: string) => post(`/inventory/${sku}/reserve`, body, key);
const act = (id: string, action: string, body?: unknown, key?: string) =>
  post(`/reservations/${id}/${action}`, body, key);
const levels = async (sku: string) => {
  const { onHand, reserved } = (await test.call('GET', `/inventory/${sku}`)).body;
  return [onHand, reserved];
};
const said = ({ status, body }: Reply) => [status, body.code];

describe('POST /inventory/{sku}/reserve', () => {
  it('reserves units, and returns the reservation with where it is kept', async () => {
    const sku = await newSku({ AMS: 2, BER: 5 });
    const reply = await reserve(sku, { quantity: 3, location: 'BER', orderId: 'PO-77', holdSeconds: 60 });
    expect(reply.status).toBe(201);
    const { id } = reply.body;
    expect(reply.body).toMatchObject({
      kind: 'hold',
      status: 'pending',
      orderId: 'PO-77',
      items: [{ sku, quantity: 3, openQuantity: 3, allocations: [{ warehouse: 'BER', quantity: 3 }] }],
    });
    expect(reply.headers.get('location')).toBe(`/api/v1/reservations/${id}`);
    const read = await test.call('GET', `/reservations/${id}`);
    expect([read.status, read.body]).toEqual([200, reply.body]);
    expect(await levels(sku)).toEqual([7, 3]);
  });

  it('keeps a reservation until the time that it names', async () => {
    const expiresAt = new Date(Date.now() + 5_000_000).toISOString();
    const reply = await reserve(await newSku(), { quantity: 1, expiresAt });
    expect(reply.body).toMatchObject({ expiresAt });
  });

  it('says what is short, of all locations or of one, and reserves nothing', async () => {
    const sku = await newSku({ AMS: 2, BER: 5 });
    const everywhere = await reserve(sku, { quantity: 8 });
    expect(said(everywhere)).toEqual([409, 'OUT_OF_STOCK']);
    expect(everywhere.body).toMatchObject({ shortages: [{ sku, requested: 8, available: 7 }] });
    const here = await reserve(sku, { quantity: 3, location: 'AMS' });
    expect(here.body).toMatchObject({ shortages: [{ sku, requested: 3, available: 2 }] });
    expect(await levels(sku)).toEqual([7, 0]);
  });

  it('refuses every wrong form of every field', async () => {
    const sku = await newSku();
    const past = new Date(Date.now() - 1_000).toISOString();
    const far = new Date(Date.now() + 31 * 86_400_000).toISOString();
    const wrong: [string, object][] = [
      ...[0, -1, 1.5, '2', null, undefined, 1_000_001, 1e30, true, [1]].map((quantity): [string, object] => [
        'quantity',
        { quantity },
      ]),
      ...['', 7, 'x'.repeat(51), 'a\u0000b', {}].map((location): [string, object] => [
        'location',
        { quantity: 1, location },
      ]),
      ...['', 7, 'x'.repeat(201), 'a\nb', ['a']].map((orderId): [string, object] => [
        'orderId',
        { quantity: 1, orderId },
      ]),
      ...[0, -5, 1.5, '60', 2_592_001, true].map((holdSeconds): [string, object] => [
        'holdSeconds',
        { quantity: 1, holdSeconds },
      ]),
      ...[past, far, 'tomorrow', '2030-01-01', '2030-13-01T00:00:00Z', 1_900_000_000, ''].map(
        (expiresAt): [string, object] => ['expiresAt', { quantity: 1, expiresAt }],
      ),
      ['expiresAt', { quantity: 1, holdSeconds: 60, expiresAt: new Date(Date.now() + 60_000).toISOString() }],
    ];
    for (const [path, body] of wrong) {
      const reply = await reserve(sku, body);
      expect([body, ...said(reply), reply.body.errors[0]?.path]).toEqual([
        body,
        422,
        'VALIDATION_FAILED',
        path,
      ]);
    }
    expect(said(await reserve(sku, { quantity: 1, location: 'NOWHERE' }))).toEqual([422, 'UNKNOWN_LOCATION']);
    expect(said(await reserve('NO-SUCH', { quantity: 1 }))).toEqual([404, 'NOT_FOUND']);
    expect(said(await reserve('NO-SUCH', { quantity: 1 }, newId()))).toEqual([404, 'NOT_FOUND']);
    expect(await levels(sku)).toEqual([10, 0]);
  });

  it('does it once for a key, says so, and keeps a refusal as well', async () => {
    const sku = await newSku({ AMS: 5 });
    const [held, short, late] = [newId(), newId(), newId()];
    const first = await reserve(sku, { quantity: 4 }, held);
    const again = await reserve(sku, { quantity: 4 }, held);
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(said(await reserve(sku, { quantity: 3 }, held))).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect(said(await reserve(sku, { quantity: 4 }, short))).toEqual([409, 'OUT_OF_STOCK']);
    await act(first.body.id, 'release');
    expect(said(await reserve(sku, { quantity: 4 }, short))).toEqual([409, 'OUT_OF_STOCK']);
    // A repeat that comes when the time it names has passed is still the same request.
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const named = await reserve(sku, { quantity: 1, expiresAt }, late);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.parse(expiresAt) + 1);
    try {
      expect(said(await reserve(sku, { quantity: 1, expiresAt }, newId()))).toEqual([
        422,
        'VALIDATION_FAILED',
      ]);
      expect((await reserve(sku, { quantity: 1, expiresAt }, late)).body).toEqual(named.body);
    } finally {
      clock.mockRestore();
    }
  });

  it('returns the reservation that it made before it lost its response', async () => {
    const sku = await newSku({ AMS: 5 });
    const key = newId();
    const first = await reserve(sku, { quantity: 4 }, key);
    await test.db.pool.query(
      `update idempotency_keys set state = 'accepted', status = null, body = null where key = $1`,
      [key],
    );
    expect((await reserve(sku, { quantity: 4 }, key)).body).toEqual(first.body);
    expect(await levels(sku)).toEqual([5, 4]);
  });
});

describe('POST /inventory/{sku}/release', () => {
  it('gives the units back, again and again, until they have left', async () => {
    const sku = await newSku();
    const [gone, left] = [await reserve(sku, { quantity: 4 }), await reserve(sku, { quantity: 1 })];
    const release = (reply: Reply) => post(`/inventory/${sku}/release`, { reservationId: reply.body.id });
    for (let n = 0; n < 2; n++) {
      expect(await release(gone)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
      expect(await levels(sku)).toEqual([10, 1]);
    }
    await act(left.body.id, 'confirm');
    await act(left.body.id, 'ship');
    expect(said(await release(left))).toEqual([409, 'ALREADY_SHIPPED']);
    expect(await levels(sku)).toEqual([9, 0]);
  });

  it('knows no reservation of another SKU, and refuses wrong ids', async () => {
    const [sku, other] = [await newSku(), await newSku()];
    const { id } = (await reserve(other, { quantity: 1 })).body;
    for (const reservationId of [id, newId()]) {
      expect(said(await post(`/inventory/${sku}/release`, { reservationId }))).toEqual([404, 'NOT_FOUND']);
    }
    for (const reservationId of ['', 'abc', 7, null, undefined, [id]]) {
      const reply = await post(`/inventory/${sku}/release`, { reservationId });
      expect([...said(reply), reply.body.errors[0]?.path]).toEqual([
        422,
        'VALIDATION_FAILED',
        'reservationId',
      ]);
    }
    const both = await post('/reservations', { items: [sku, other].map((s) => ({ sku: s, quantity: 1 })) });
    expect(said(await post(`/inventory/${sku}/release`, { reservationId: both.body.id }))).toEqual([
      409,
      'HOLD_OF_SEVERAL_SKUS',
    ]);
    expect((await act(both.body.id, 'release')).body.status).toBe('cancelled');
  });
});

describe('POST /reservations', () => {
  it('reserves several products over several warehouses, all or nothing', async () => {
    const [one, two] = [await newSku({ AMS: 1, NYC: 1 }), await newSku({ BER: 3 })];
    const items = [
      { sku: one, quantity: 1 },
      { sku: two, quantity: 2 },
      { sku: one, quantity: 1 },
    ];
    const reply = await post('/reservations', { items, shipTo: { latitude: 52, longitude: 5 } });
    expect(reply.status).toBe(201);
    expect(reply.body.items).toHaveLength(2);
    expect(reply.body.items.find((item) => item.sku === one)?.allocations).toHaveLength(2);
    const short = await post('/reservations', { items: [...items.slice(1, 2), { sku: one, quantity: 1 }] });
    expect(short.body).toMatchObject({
      code: 'OUT_OF_STOCK',
      shortages: [
        { sku: two, requested: 2, available: 1 },
        { sku: one, requested: 1, available: 0 },
      ],
    });
    expect(await levels(two)).toEqual([3, 2]);
  });

  it('refuses every wrong form of every field', async () => {
    const sku = await newSku();
    const items = [{ sku, quantity: 1 }];
    const wrong: [string, object][] = [
      ['items', {}],
      ['items', { items: [] }],
      ['items', { items: {} }],
      ['items', { items: Array.from({ length: 101 }, (_, n) => ({ sku: `S${n}`, quantity: 1 })) }],
      ['items.0.sku', { items: [{ quantity: 1 }] }],
      ['items.0.quantity', { items: [{ sku }] }],
      ['items.0.quantity', { items: [{ sku, quantity: 0 }] }],
      ['shipTo', { items, shipTo: 'Amsterdam' }],
      ['shipTo.latitude', { items, shipTo: { latitude: 91, longitude: 0 } }],
      ['location', { items, location: '' }],
      ['orderId', { items, orderId: '' }],
      ['holdSeconds', { items, holdSeconds: 0 }],
      ['expiresAt', { items, expiresAt: '2001-01-01T00:00:00Z' }],
    ];
    for (const [path, body] of wrong) {
      const reply = await post('/reservations', body);
      expect([body, ...said(reply), reply.body.errors[0]?.path]).toEqual([
        body,
        422,
        'VALIDATION_FAILED',
        path,
      ]);
    }
    expect(said(await post('/reservations', { items: [{ sku: 'NO-SUCH', quantity: 1 }] }))).toEqual([
      422,
      'UNKNOWN_SKU',
    ]);
    expect(said(await post('/reservations', { items, location: 'NOWHERE' }))).toEqual([
      422,
      'UNKNOWN_LOCATION',
    ]);
  });
});

describe('a reservation', () => {
  it('is confirmed and shipped, each once for a key, and refuses what no longer fits', async () => {
    const sku = await newSku();
    const { id } = (await reserve(sku, { quantity: 2 })).body;
    expect(said(await act(id, 'ship'))).toEqual([409, 'HOLD_NOT_CONFIRMED']);
    const keys = { confirm: newId(), ship: newId() };
    const confirmed = await act(id, 'confirm', undefined, keys.confirm);
    expect(confirmed).toMatchObject({ status: 200, body: { status: 'confirmed' } });
    expect((await act(id, 'confirm')).status).toBe(200);
    expect(said(await act(id, 'extend', { holdSeconds: 60 }))).toEqual([409, 'HOLD_CONFIRMED']);
    const shipped = await act(id, 'ship', undefined, keys.ship);
    expect(shipped.body).toMatchObject({ status: 'shipped', items: [{ quantity: 2, openQuantity: 0 }] });
    const repeat = await act(id, 'confirm', undefined, keys.confirm);
    expect([repeat.body, repeat.headers.get('idempotency-replayed')]).toEqual([confirmed.body, 'true']);
    expect(said(await act(id, 'confirm'))).toEqual([409, 'ALREADY_SHIPPED']);
    expect(await levels(sku)).toEqual([8, 0]);
  });

  it('is extended, never shortened, and not after it fell due', async () => {
    const sku = await newSku();
    const { id } = (await reserve(sku, { quantity: 2, holdSeconds: 100 })).body;
    const until = new Date(Date.now() + 1_000_000).toISOString();
    expect((await act(id, 'extend', { expiresAt: until })).body).toMatchObject({ expiresAt: until });
    expect(said(await act(id, 'extend', { holdSeconds: 60 }))).toEqual([409, 'NOT_LATER']);
    for (const body of [{}, { holdSeconds: 0 }, { holdSeconds: 'x' }, { expiresAt: 'x' }, undefined, []]) {
      expect(said(await act(id, 'extend', body))).toEqual([422, 'VALIDATION_FAILED']);
    }
    await test.db.pool.query('update reservations set expires_at = clock_timestamp() where id = $1', [id]);
    expect(said(await act(id, 'extend', { holdSeconds: 60 }))).toEqual([409, 'HOLD_EXPIRED']);
    expect(said(await act(id, 'confirm'))).toEqual([409, 'HOLD_EXPIRED']);
    expect((await act(id, 'release')).body.status).toBe('cancelled');
    expect(said(await act(id, 'confirm'))).toEqual([409, 'HOLD_RELEASED']);
  });

  it('that is not there is not found, whatever is asked of it', async () => {
    for (const id of [newId(), 'abc']) {
      expect(said(await test.call('GET', `/reservations/${id}`))).toEqual([404, 'NOT_FOUND']);
      for (const action of ['confirm', 'release', 'ship']) {
        expect(said(await act(id, action))).toEqual([404, 'NOT_FOUND']);
      }
      expect(said(await act(id, 'extend', { holdSeconds: 5 }))).toEqual([404, 'NOT_FOUND']);
    }
  });

  it('of an order can be read but not changed', async () => {
    const sku = await newSku();
    const [orderId, id] = [newId(), newId()];
    await test.db.pool.query(
      `insert into reservations (id, kind, order_id, status, expires_at)
       values ($1, 'order', $2, 'charging', clock_timestamp() + interval '1 hour')`,
      [id, orderId],
    );
    expect((await test.call('GET', `/reservations/${id}`)).body).toMatchObject({
      kind: 'order',
      orderId,
      status: 'pending',
    });
    for (const action of ['confirm', 'release', 'ship']) {
      const reply = await act(id, action);
      expect(said(reply)).toEqual([409, 'HOLD_OF_ORDER']);
      expect(reply.body.orderId).toBe(orderId);
    }
    expect(said(await act(id, 'extend', { holdSeconds: 5 }))).toEqual([409, 'HOLD_OF_ORDER']);
    expect(said(await post(`/inventory/${sku}/release`, { reservationId: id }))).toEqual([404, 'NOT_FOUND']);
  });

  it('gives what it frees to the next who asks', async () => {
    const sku = await newSku({ AMS: 1 });
    const { id } = (await reserve(sku, { quantity: 1 })).body;
    await test.db.pool.query('update reservations set expires_at = clock_timestamp() where id = $1', [id]);
    expect((await reserve(sku, { quantity: 1 })).status).toBe(201);
    expect((await test.call('GET', `/reservations/${id}`)).body.status).toBe('expired');
  });

  it('keeps its units from an adjustment', async () => {
    const sku = await newSku({ AMS: 3 });
    await reserve(sku, { quantity: 2 });
    const take = { sku, location: 'AMS', change: { delta: -2 }, reason: 'x', actor: 'x', effectId: newId() };
    await expect(adjustStock(withStock(test.db), take)).rejects.toMatchObject({ code: 'BELOW_RESERVED' });
  });
});

describe('GET /reservations', () => {
  it('pages through reservations, newest first, by status and SKU', async () => {
    const sku = await newSku();
    const made: string[] = [];
    for (let n = 0; n < 3; n++) made.unshift((await reserve(sku, { quantity: 1 })).body.id);
    await act(made[0]!, 'confirm');
    const list = async (query: string) => (await test.call('GET', `/reservations?sku=${sku}&${query}`)).body;
    const first = await list('limit=2');
    const second = await list(`limit=2&cursor=${first.nextCursor}`);
    expect([...first.items, ...second.items].map((item) => item.id)).toEqual(made);
    expect(second.nextCursor).toBeNull();
    expect((await list('status=confirmed')).items.map((item) => item.id)).toEqual([made[0]]);
    expect((await list('offset=2')).items.map((item) => item.id)).toEqual([made[2]]);
  });

  it('refuses every wrong parameter by its name', async () => {
    for (const query of [
      'limit=0',
      'limit=x',
      'offset=-1',
      'cursor=abc',
      'status=charging',
      'status=',
      'sku=',
    ]) {
      const reply = await test.call('GET', `/reservations?${query}`);
      expect([query, reply.status, reply.body.errors[0]?.path]).toEqual([query, 422, query.split('=')[0]]);
    }
  });
});
