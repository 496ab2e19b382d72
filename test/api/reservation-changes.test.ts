import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { openTestApi, type Reply, type TestApi } from './support';

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

const keyed = (key: string | undefined): Record<string, string> =>
  key === undefined ? {} : { 'idempotency-key': key };
const post = (path: string, body?: unknown, key?: string) =>
  test.call('POST', path, { body, headers: keyed(key) });
const reserve = (items: object[], rest: object = {}, key?: string) =>
  post('/reservations', { items, ...rest }, key);
const change = (id: string, items: object[], rest: object = {}, key?: string) =>
  test.call('PATCH', `/reservations/${id}`, { body: { items, ...rest }, headers: keyed(key) });
const ship = (id: string, items: object[], key: string | undefined = newId()) =>
  post(`/reservations/${id}/ship`, { items }, key);
const levels = async (sku: string) => {
  const { onHand, reserved } = (await test.call('GET', `/inventory/${sku}`)).body;
  return [onHand, reserved];
};
const said = ({ status, body }: Reply) => [status, status < 400 ? body.status : body.code];
const open = ({ body }: Reply) =>
  (body.items as unknown as { openQuantity: number }[]).map(({ openQuantity }) => openQuantity);

async function confirmed(items: object[], rest: object = {}): Promise<string> {
  const { body } = await reserve(items, rest);
  expect((await post(`/reservations/${body.id}/confirm`)).status).toBe(200);
  return body.id;
}

describe('a hold with a reference of the caller', () => {
  it('is made once, also by two requests at once, and found by it', async () => {
    const sku = await newSku();
    const request = () => reserve([{ sku, quantity: 3 }], { reference: 'cart 7 / ü', orderId: 'PO-1' });
    const replies = await Promise.all([request(), request(), request()]);
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
    expect(replies[0].body).toMatchObject({ reference: 'cart 7 / ü', orderId: 'PO-1' });
    expect(await levels(sku)).toEqual([10, 3]);
    const found = await test.call('GET', `/reservations?reference=${encodeURIComponent('cart 7 / ü')}`);
    expect(found.body.items).toEqual([replies[0].body]);
    expect((await test.call('GET', '/reservations?reference=nobody')).body).toEqual({
      items: [],
      nextCursor: null,
    });
  });

  it('stays the same with another key and another time, whatever became of it', async () => {
    const sku = await newSku();
    const reference = newId();
    const first = await reserve([{ sku, quantity: 3 }], { reference }, newId());
    await change(first.body.id, [{ sku, quantity: 1 }]);
    await post(`/reservations/${first.body.id}/release`);
    const again = await reserve([{ sku, quantity: 3 }], { reference, holdSeconds: 60 }, newId());
    expect([again.status, again.body.id, again.body.status]).toEqual([201, first.body.id, 'cancelled']);
    expect(await levels(sku)).toEqual([10, 0]);
  });

  it('refuses another request under it, and holds nothing for that', async () => {
    const sku = await newSku();
    const reference = newId();
    await reserve([{ sku, quantity: 3 }], { reference });
    for (const other of [
      await reserve([{ sku, quantity: 4 }], { reference }),
      await reserve([{ sku, quantity: 3 }], { reference, location: 'AMS' }),
      await post(`/inventory/${sku}/reserve`, { quantity: 2, reference }),
    ])
      expect(said(other)).toEqual([409, 'REFERENCE_REUSED']);
    expect(await levels(sku)).toEqual([10, 3]);
  });
});

describe('PATCH /reservations/{id}', () => {
  it('holds more and fewer units at once, and adds a product', async () => {
    const [a, b, c] = [await newSku(), await newSku(), await newSku()];
    const { body } = await reserve([
      { sku: a, quantity: 2 },
      { sku: b, quantity: 5 },
    ]);
    const reply = await change(body.id, [
      { sku: a, quantity: 4 },
      { sku: b, quantity: 1 },
      { sku: c, quantity: 3 },
    ]);
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({ expiresAt: (body as unknown as { expiresAt: string }).expiresAt });
    expect(await Promise.all([a, b, c].map(levels))).toEqual([
      [10, 4],
      [10, 1],
      [10, 3],
    ]);
  });

  it('is repeated without effect, also with its key after another change', async () => {
    const sku = await newSku();
    const { body } = await reserve([{ sku, quantity: 2 }]);
    const key = newId();
    await change(body.id, [{ sku, quantity: 5 }], {}, key);
    await change(body.id, [{ sku, quantity: 5 }]);
    expect(await levels(sku)).toEqual([10, 5]);
    await change(body.id, [{ sku, quantity: 3 }]);
    await test.db.pool.query(`delete from idempotency_keys where key = $1`, [key]);
    await change(body.id, [{ sku, quantity: 5 }], {}, key);
    expect(await levels(sku)).toEqual([10, 3]);
  });

  it('is all or nothing: what lacks one product changes none', async () => {
    const [a, b] = [await newSku(), await newSku({ AMS: 1 })];
    const { body } = await reserve([{ sku: a, quantity: 2 }]);
    const reply = await change(body.id, [
      { sku: a, quantity: 1 },
      { sku: b, quantity: 2 },
    ]);
    expect(said(reply)).toEqual([409, 'OUT_OF_STOCK']);
    expect(reply.body).toMatchObject({ shortages: [{ sku: b, requested: 2, available: 1 }] });
    expect(await Promise.all([a, b].map(levels))).toEqual([
      [10, 2],
      [1, 0],
    ]);
  });

  it('takes units of a hold that is past due before it is short', async () => {
    const sku = await newSku({ AMS: 5 });
    const late = await reserve([{ sku, quantity: 3 }]);
    const { body } = await reserve([{ sku, quantity: 2 }]);
    await test.db.pool.query(`update reservations set expires_at = clock_timestamp() where id = $1`, [
      late.body.id,
    ]);
    expect((await change(body.id, [{ sku, quantity: 5 }])).status).toBe(200);
    expect(await levels(sku)).toEqual([5, 5]);
  });

  it('gives back and adds in the location that it names', async () => {
    const sku = await newSku({ AMS: 5, BER: 5 });
    const { body } = await reserve([{ sku, quantity: 7 }], { shipTo: { latitude: 52.37, longitude: 4.9 } });
    const fewer = await change(body.id, [{ sku, quantity: 5 }], { location: 'AMS' });
    expect(open(fewer)).toEqual([5]);
    const at = (code: string) => test.call('GET', `/inventory/${sku}/location/${code}`);
    expect((await at('AMS')).body).toMatchObject({ reserved: 3 });
    expect((await at('BER')).body).toMatchObject({ reserved: 2 });
    await change(body.id, [{ sku, quantity: 7 }], { location: 'BER' });
    expect((await at('BER')).body).toMatchObject({ reserved: 4 });
    const tooMany = await change(body.id, [{ sku, quantity: 2 }], { location: 'BER' });
    expect(said(tooMany)).toEqual([409, 'EXCEEDS_HOLD']);
  });

  it('refuses what leaves nothing, what is unknown, ended, of an order, or said twice', async () => {
    const sku = await newSku();
    const { body } = await reserve([{ sku, quantity: 2 }]);
    const id = body.id;
    expect(said(await change(id, [{ sku, quantity: 0 }]))).toEqual([409, 'HOLD_EMPTY']);
    expect(said(await change(id, [{ sku: 'NO-SUCH', quantity: 1 }]))).toEqual([422, 'UNKNOWN_SKU']);
    expect(said(await change(newId(), [{ sku, quantity: 1 }]))).toEqual([404, 'NOT_FOUND']);
    for (const items of [
      [],
      [{ sku, quantity: -1 }],
      [{ sku, quantity: 1.5 }],
      [
        { sku, quantity: 1 },
        { sku, quantity: 2 },
      ],
    ])
      expect(said(await change(id, items))).toEqual([422, 'VALIDATION_FAILED']);
    await post(`/reservations/${id}/release`);
    expect(said(await change(id, [{ sku, quantity: 1 }]))).toEqual([409, 'HOLD_RELEASED']);
    expect(await levels(sku)).toEqual([10, 0]);
  });

  it('never oversells, and loses no unit, when many change and take the same product at once', async () => {
    const sku = await newSku({ AMS: 20, BER: 10 });
    const holds = await Promise.all(Array.from({ length: 5 }, () => reserve([{ sku, quantity: 2 }])));
    const replies = await Promise.all(
      holds.flatMap(({ body }, n) => [
        change(body.id, [{ sku, quantity: 3 + n }]),
        change(body.id, [{ sku, quantity: 9 }]),
        reserve([{ sku, quantity: 1 }]),
      ]),
    );
    expect(new Set(replies.map(({ status }) => status))).not.toContain(500);
    const kept = await Promise.all(
      [...holds, ...replies.filter(({ status }) => status === 201)].map(async ({ body }) =>
        open(await test.call('GET', `/reservations/${body.id}`)).reduce((sum, units) => sum + units, 0),
      ),
    );
    expect(await levels(sku)).toEqual([30, kept.reduce((sum, units) => sum + units, 0)]);
  });
});

describe('POST /reservations/{id}/ship of some units', () => {
  it('lets them leave and holds the rest, until the last has left', async () => {
    const [a, b] = [await newSku(), await newSku()];
    const id = await confirmed([
      { sku: a, quantity: 4 },
      { sku: b, quantity: 1 },
    ]);
    const first = await ship(id, [{ sku: a, quantity: 3 }]);
    expect(said(first)).toEqual([200, 'confirmed']);
    expect([await levels(a), await levels(b)]).toEqual([
      [7, 1],
      [10, 1],
    ]);
    const last = await ship(id, [
      { sku: a, quantity: 1 },
      { sku: b, quantity: 1 },
    ]);
    expect(said(last)).toEqual([200, 'shipped']);
    expect([await levels(a), await levels(b)]).toEqual([
      [6, 0],
      [9, 0],
    ]);
    expect(said(await ship(id, [{ sku: a, quantity: 1 }]))).toEqual([409, 'ALREADY_SHIPPED']);
  });

  it('is done once for its key, also when its response was lost', async () => {
    const sku = await newSku();
    const id = await confirmed([{ sku, quantity: 4 }]);
    const key = newId();
    await ship(id, [{ sku, quantity: 4 }], key);
    await test.db.pool.query(`delete from idempotency_keys where key = $1`, [key]);
    expect(said(await ship(id, [{ sku, quantity: 4 }], key))).toEqual([200, 'shipped']);
    expect(await levels(sku)).toEqual([6, 0]);
  });

  it('needs a key, a confirmed hold, enough units, and a location where it cannot tell', async () => {
    const sku = await newSku({ AMS: 3, BER: 3 });
    const items = (quantity: number, rest: object = {}) => [{ sku, quantity, ...rest }];
    const { body } = await reserve(items(5));
    const id = body.id;
    const keyless = await post(`/reservations/${id}/ship`, { items: items(1) });
    expect(said(keyless)).toEqual([422, 'IDEMPOTENCY_KEY_REQUIRED']);
    expect(said(await ship(id, items(1)))).toEqual([409, 'HOLD_NOT_CONFIRMED']);
    await post(`/reservations/${id}/confirm`);
    expect(said(await ship(id, items(6)))).toEqual([409, 'EXCEEDS_HOLD']);
    expect(said(await ship(id, items(1)))).toEqual([422, 'NOT_IN_PARCEL']);
    expect(said(await ship(id, [...items(1, { location: 'AMS' }), { sku }]))).toEqual([
      422,
      'VALIDATION_FAILED',
    ]);
    expect(said(await ship(id, [...items(1, { location: 'AMS' }), ...items(1)]))).toEqual([
      422,
      'VALIDATION_FAILED',
    ]);
    expect(await levels(sku)).toEqual([6, 5]);
    const both = await ship(id, [...items(1, { location: 'AMS' }), ...items(1, { location: 'BER' })]);
    expect(said(both)).toEqual([200, 'confirmed']);
    expect(said(await ship(id, items(3)))).toEqual([200, 'shipped']);
    expect(await levels(sku)).toEqual([1, 0]);
  });

  it('may be released for the rest', async () => {
    const sku = await newSku();
    const id = await confirmed([{ sku, quantity: 4 }]);
    await ship(id, [{ sku, quantity: 1 }]);
    expect(said(await post(`/reservations/${id}/release`))).toEqual([200, 'cancelled']);
    expect(await levels(sku)).toEqual([9, 0]);
  });
});
