import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openTestApi, order, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await test.call('POST', '/categories', { body: { code: 'light', name: 'Light' } });
  await test.call('POST', '/warehouses', { body: WAREHOUSE });
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

const WAREHOUSE = { code: 'AMS', name: 'Amsterdam', latitude: 52.3, longitude: 4.76, region: 'eu-west' };
const LAMP = { sku: 'LAMP', name: 'Lamp', priceMinor: 1_999, currency: 'EUR' };
const post = (path: string, body: object, key?: string) =>
  test.call('POST', path, { body, headers: key === undefined ? {} : { 'idempotency-key': key } });
const put = (path: string, body: object, ifMatch?: string) =>
  test.call('PUT', path, { body, headers: ifMatch === undefined ? {} : { 'if-match': ifMatch } });
const skus = (reply: { body: { items: { sku: string }[] } }) => reply.body.items.map(({ sku }) => sku);

describe.each([
  ['/products', LAMP, { name: 'Other', priceMinor: 5, currency: 'USD' }],
  ['/warehouses', { ...WAREHOUSE, code: 'BER' }, { name: 'Other', latitude: 1, longitude: 2, region: 'x' }],
  ['/categories', { code: 'dark', name: 'Dark' }, { name: 'Other' }],
  ['/merchants', { id: 'acme', name: 'Acme', zone: 'Europe/Paris' }, { name: 'Other', zone: 'Asia/Tokyo' }],
] as [string, Record<string, unknown>, Record<string, unknown>][])('%s', (path, entry, update) => {
  const key = ['sku', 'code', 'id'].find((one) => one in entry) ?? '';
  const id = String(entry[key]);
  const named = (name: string) => ({ ...entry, [key]: name });

  it('are made once for one key, and once for one name, whatever its capitals', async () => {
    const repeat = newId();
    const made = await post(path, entry, repeat);
    expect(made).toMatchObject({ status: 201, body: { name: entry.name } });
    expect(made.headers.get('etag')).toBe('"1"');
    expect(made.headers.get('location')).toBe(`/api/v1${path}/${id}`);
    const again = await post(path, entry, repeat);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    for (const name of [id, id.toLowerCase(), ` ${id}\t`.replace('\t', ' ')])
      expect(await post(path, named(name))).toMatchObject({
        status: 409,
        body: { code: 'DUPLICATE_NAME', existing: id },
      });
    const read = await test.call('GET', `${path}/${id}`);
    expect([read.body, read.headers.get('etag')]).toEqual([made.body, '"1"']);
    expect((await test.call('GET', `${path}/NOPE`)).status).toBe(404);
  });

  it('are made by a process that died after it, and asked again with its key', async () => {
    const [repeat, other] = [newId(), named(`twice-${id}`)];
    await post(path, other);
    // Whoever has no key, or another body, is told that there is one.
    expect((await post(path, other, repeat)).status).toBe(201);
    expect((await post(path, { ...other, name: 'else' }, newId())).status).toBe(409);
  });

  it('of one name at once make one', async () => {
    const names = [`race-${id}`, `RACE-${id}`];
    const replies = await Promise.all([0, 1, 0, 1].map((n) => post(path, named(names[n] ?? ''))));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  it('are changed by who has read the latest', async () => {
    expect(await put(`${path}/${id}`, update)).toMatchObject({
      status: 428,
      body: { code: 'PRECONDITION_REQUIRED' },
    });
    for (const stale of ['"2"', 'W/"1"', '"x"', '1', ''])
      expect(await put(`${path}/${id}`, update, stale)).toMatchObject({ status: 412 });
    const changed = await put(`${path}/${id}`, update, '"7", "1"');
    expect(changed).toMatchObject({ status: 200, body: update });
    expect(changed.headers.get('etag')).toBe('"2"');
    expect(await put(`${path}/${id}`, update, '"1"')).toMatchObject({
      status: 412,
      body: { code: 'PRECONDITION_FAILED' },
    });
    expect((await put(`${path}/${id}`, update, '*')).headers.get('etag')).toBe('"3"');
    expect((await put(`${path}/NOPE`, update, '*')).status).toBe(404);
    const both = await Promise.all(
      [1, 2].map((n) => put(`${path}/${id}`, { ...update, name: `n${n}` }, '"3"')),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  it('refuse members that they do not know, and names that nobody could address', async () => {
    expect(await post(path, { ...entry, nam: 'x' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'nam' }] },
    });
    expect((await put(`${path}/${id}`, { ...update, nam: 'x' }, '*')).status).toBe(422);
    for (const name of ['', '  ', '.', ' ..', 'a\nb', 'x'.repeat(101)])
      expect((await post(path, named(name))).status).toBe(422);
    expect((await test.call('GET', `${path}?archivd=true`)).status).toBe(422);
  });
});

describe('a product', () => {
  const desk = { sku: 'DESK', name: 'Desk', priceMinor: 1_000, currency: 'USD', category: 'light' };

  it.each([
    { category: 'none' },
    { currency: 'usd' },
    { currency: 'XXZ' },
    { priceMinor: -1 },
    { priceMinor: 1.5 },
    { priceMinor: 2 ** 53 },
    { priceMinor: '5' },
  ])('is refused with %j', async (wrong) => {
    expect((await post('/products', { ...desk, ...wrong })).status).toBe(422);
  });

  it('may change its price and currency: what was ordered keeps its own', async () => {
    await post('/products', desk);
    const adjust = { location: 'AMS', delta: 5, reason: 'receipt' };
    expect((await post('/products/DESK/inventory/adjust', adjust)).status).toBe(200);
    const held = await post('/inventory/DESK/reserve', { quantity: 1 });
    expect(held.status).toBe(201);
    await test.db.pool.query(
      `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
       values ($1, 'c', 'cancelled', 'complete', 'USD', 1000, 900, '{}')`,
      [held.body.id],
    );
    await test.db.pool.query(
      `insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, cancelled_quantity)
       select $1, 1, id, sku, 1, price_minor, 1 from products where sku = 'DESK'`,
      [held.body.id],
    );
    await put('/products/DESK', { name: 'Desk', priceMinor: 9_999, currency: 'EUR' }, '*');
    expect((await test.call('GET', '/products/DESK')).body).toMatchObject({
      currency: 'EUR',
      category: null,
    });
    const { body } = await test.call('GET', `/orders/${held.body.id}`);
    expect(body).toMatchObject({ currency: 'USD', totalMinor: 1_000, items: [{ unitPriceMinor: 1_000 }] });
  });

  it('that is archived cannot be ordered; its stock and what is reserved of it stay', async () => {
    const archived = await post('/products/DESK/archive', {});
    expect(archived).toMatchObject({ status: 200, body: { active: false } });
    expect((await post('/products/DESK/archive', {})).headers.get('etag')).toBe(archived.headers.get('etag'));
    expect(await post('/orders', order('DESK', 1))).toMatchObject({
      status: 422,
      body: { code: 'UNKNOWN_SKU' },
    });
    expect((await post('/inventory/DESK/reserve', { quantity: 1 })).status).toBe(404);
    expect((await test.call('GET', '/inventory/DESK')).body).toMatchObject({ onHand: 5, reserved: 1 });
    expect(skus(await test.call('GET', '/products?archived=true'))).toEqual(['DESK']);
    expect(skus(await test.call('GET', '/products?q=desk'))).toEqual([]);
    expect((await post('/products/DESK/restore', {})).body).toMatchObject({ active: true });
    expect((await post('/inventory/DESK/reserve', { quantity: 1 })).status).toBe(201);
    expect((await post('/products/NOPE/archive', {})).status).toBe(404);
  });

  it('is put into no category that is archived, and stays in one', async () => {
    await post('/categories', { code: 'old', name: 'Old' });
    const shelf = { ...desk, sku: 'SHELF', category: 'old' };
    await post('/products', shelf);
    expect((await post('/categories/old/archive', {})).body).toMatchObject({ archived: true });
    expect((await test.call('GET', '/categories')).text).not.toContain('"old"');
    expect((await test.call('GET', '/categories?archived=true')).text).toContain('"old"');
    expect(await post('/products', { ...shelf, sku: 'SHELF-2' })).toMatchObject({
      status: 422,
      body: { code: 'UNKNOWN_CATEGORY' },
    });
    const fields = { ...shelf, sku: undefined };
    expect((await put('/products/SHELF', { ...fields, name: 'Rack' }, '*')).status).toBe(200);
  });

  it('is put into a category again that was archived and is restored', async () => {
    await post('/categories', { code: 'back', name: 'Back' });
    await post('/categories/back/archive', {});
    const restored = await post('/categories/back/restore', {});
    expect(restored).toMatchObject({ status: 200, body: { archived: false } });
    expect((await post('/categories/back/restore', {})).headers.get('etag')).toBe(
      restored.headers.get('etag'),
    );
    expect((await test.call('GET', '/categories')).text).toContain('"back"');
    expect((await post('/products', { ...desk, sku: 'SHELF-3', category: 'back' })).status).toBe(201);
    expect((await post('/categories/nope/restore', {})).status).toBe(404);
  });
});

describe('the list of products', () => {
  beforeAll(async () => {
    for (let n = 1; n <= 5; n++)
      await post('/products', { sku: `LIST-${n}`, name: `Chair ${n}`, priceMinor: n * 100, currency: 'CHF' });
    await post('/inventory/LIST-2/adjust', { location: 'AMS', delta: 1, reason: 'receipt' });
  });

  it('is searched by text, price and what can be ordered', async () => {
    expect(skus(await test.call('GET', '/products?q=HAIR%204'))).toEqual(['LIST-4']);
    expect(
      skus(await test.call('GET', '/products?currency=CHF&minPriceMinor=200&maxPriceMinor=300')),
    ).toEqual(['LIST-2', 'LIST-3']);
    expect(skus(await test.call('GET', '/products?q=list-&available=true'))).toEqual(['LIST-2']);
    expect(skus(await test.call('GET', '/products?q=list-&available=false'))).toHaveLength(4);
    await post('/warehouses/AMS/close', {});
    expect(skus(await test.call('GET', '/products?q=list-&available=true'))).toEqual([]);
    await post('/warehouses/AMS/open', {});
    expect((await test.call('GET', '/products?available=yes')).status).toBe(422);
  });

  it('shows each product once while others come, go and change between its pages', async () => {
    const first = await test.call('GET', '/products?q=list-&limit=2');
    expect(skus(first)).toEqual(['LIST-1', 'LIST-2']);
    await post('/products', { ...LAMP, sku: 'LIST-0' });
    await post('/products/LIST-1/archive', {});
    await put('/products/LIST-4', { name: 'A chair', priceMinor: 1, currency: 'CHF' }, '*');
    const second = await test.call('GET', `/products?q=list-&limit=3&cursor=${first.body.nextCursor ?? ''}`);
    expect(skus(second)).toEqual(['LIST-3', 'LIST-4', 'LIST-5']);
    expect(second.body.nextCursor).toBeNull();
  });

  it('is searched by an index of its text', async () => {
    const plan = await test.db.transaction(async (tx) => {
      await tx.query({ name: 'test.no_scan', text: 'set local enable_seqscan = off' });
      const { rows } = await tx.query({
        name: 'test.plan',
        text: `explain select 1 from products where sku ilike '%chair%' or name ilike '%chair%'`,
      });
      return JSON.stringify(rows);
    });
    expect(plan).toContain('products_by_text');
  });
});

it.each([
  ['LAMP-А1', 'U+0410'],
  ['ΒOX', 'U+0392'],
  ['ВOX', 'U+0412'],
  ['B\u200bOX', 'U+200B'],
  ['BO\u00adX', 'U+00AD'],
  ['B\u00a0OX', 'U+00A0'],
])(
  'a product is not made with the SKU %j, which people could not tell from another',
  async (sku, character) => {
    const body = { sku, name: 'Lamp', priceMinor: 1, currency: 'EUR' };
    expect(await post('/products', body)).toMatchObject({
      status: 422,
      body: { code: 'SKU_UNCLEAR', character },
    });
  },
);

it.each(['ЛАМПА-1', 'ВСЕ 12', 'R-10Ω', 'α-ACID', '緑LAMP', 'ÄPFEL 1'])(
  'a product is made with the SKU %j: no letter looks like one of another script',
  async (sku) => {
    const body = { sku, name: 'Lamp', priceMinor: 1, currency: 'EUR' };
    expect((await post('/products', body)).status).toBe(201);
  },
);
