import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { openTestApi, type TestApi } from './support';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  for (const sku of ['LAMP-1', 'LAMP-2', 'LAMP_3', 'DESK-1']) await addStock(test.db, sku, 'AMS', 10);
  await addStock(test.db, 'LAMP-1', 'LON', 2);
  await addStock(test.db, 'LAMP-1', 'EWR', 0);
  await test.db.pool.query(
    `with made as (insert into categories (code, name) values ('light', 'Light') returning id)
     update products set category_id = made.id, name = 'Lamp of ' || sku from made where sku like 'LAMP%'`,
  );
  await test.db.pool.query(
    `update stock set low_stock_threshold = 5 where product_id = (select id from products where sku = 'LAMP-1')`,
  );
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

const skus = (reply: { body: { items: { sku: string }[] } }) => reply.body.items.map((item) => item.sku);

describe('products', () => {
  it('are listed by SKU, in pages', async () => {
    const first = await test.call('GET', '/products?limit=3');
    expect(skus(first)).toEqual(['DESK-1', 'LAMP-1', 'LAMP-2']);
    const second = await test.call('GET', `/products?limit=3&cursor=${first.body.nextCursor ?? ''}`);
    expect(skus(second)).toEqual(['LAMP_3']);
    expect(second.body.nextCursor).toBeNull();
    expect(skus(await test.call('GET', '/products?offset=2'))).toEqual(['LAMP-2', 'LAMP_3']);
  });

  it('are found by category and by part of SKU or name, taken literally', async () => {
    expect(skus(await test.call('GET', '/products?category=light'))).toEqual(['LAMP-1', 'LAMP-2', 'LAMP_3']);
    expect(skus(await test.call('GET', '/products?category=none'))).toEqual([]);
    expect(skus(await test.call('GET', '/products?q=lamp%20OF'))).toEqual(['LAMP-1', 'LAMP-2', 'LAMP_3']);
    expect(skus(await test.call('GET', '/products?q=p_3'))).toEqual(['LAMP_3']);
    expect(skus(await test.call('GET', '/products?q=%25'))).toEqual([]);
    expect(skus(await test.call('GET', '/products?q=desk&category=light'))).toEqual([]);
  });

  it('are shown one by one', async () => {
    expect((await test.call('GET', '/products/LAMP-1')).body).toMatchObject({
      sku: 'LAMP-1',
      category: 'light',
      priceMinor: 1000,
      currency: 'USD',
      active: true,
    });
  });
});

describe('warehouses', () => {
  it('are listed by code, in pages, without internal keys', async () => {
    const first = await test.call('GET', '/warehouses?limit=2');
    expect(first.body.items).toMatchObject([
      { code: 'AMS', region: 'eu-west', latitude: 52 },
      { code: 'EWR' },
    ]);
    expect(first.body.items[0]).not.toHaveProperty('id');
    const second = await test.call('GET', `/warehouses?limit=2&cursor=${first.body.nextCursor ?? ''}`);
    expect(second.body).toMatchObject({ items: [{ code: 'LON' }], nextCursor: null });
  });
});

describe('the stock of a product', () => {
  it('is shown in total and by location', async () => {
    const { body } = await test.call('GET', '/inventory/LAMP-1');
    expect(body).toMatchObject({ sku: 'LAMP-1', onHand: 12, reserved: 0, available: 12 });
    expect(body.locations).toEqual([
      {
        warehouse: 'AMS',
        open: true,
        onHand: 10,
        reserved: 0,
        available: 10,
        incoming: 0,
        status: 'available',
      },
      {
        warehouse: 'EWR',
        open: true,
        onHand: 0,
        reserved: 0,
        available: 0,
        incoming: 0,
        status: 'out_of_stock',
      },
      {
        warehouse: 'LON',
        open: true,
        onHand: 2,
        reserved: 0,
        available: 2,
        incoming: 0,
        status: 'low_stock',
      },
    ]);
    expect(Math.abs(Date.parse(body.asOf) - Date.now())).toBeLessThan(60_000);
    expect((await test.call('GET', '/inventory/LAMP-1/location/LON')).body).toEqual(body.locations[2]);
    expect((await test.call('GET', '/inventory/LAMP-1/location/NOPE')).status).toBe(404);
  });

  it('is read from the ledger for a time in the past', async () => {
    const before = (await test.call('GET', '/inventory/DESK-1')).body;
    await test.call('POST', '/inventory/DESK-1/adjust', {
      body: { location: 'AMS', delta: 7, reason: 'found' },
    });
    const then = await test.call('GET', `/inventory/DESK-1?asOf=${before.asOf}`);
    // Whether a location was open then is not known.
    const locations = before.locations.map((location) => ({ ...(location as object), open: undefined }));
    expect(then.body).toEqual({ ...before, locations, final: true });
    expect((await test.call('GET', '/inventory/DESK-1')).body.onHand).toBe(17);
    expect((await test.call('GET', '/inventory/DESK-1?asOf=2000-01-01T00:00:00Z')).body).toMatchObject({
      onHand: 0,
      locations: [],
    });
    expect((await test.call('GET', '/inventory/DESK-1?asOf=2999-01-01T00:00:00Z')).status).toBe(422);
  });
});

describe('an adjustment', () => {
  const adjust = (sku: string, body: object, key?: string) =>
    test.call('POST', `/inventory/${sku}/adjust`, {
      body: { location: 'AMS', reason: 'count', ...body },
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });

  it('adds, takes and sets', async () => {
    expect(await adjust('LAMP-2', { delta: 5 })).toMatchObject({
      status: 200,
      body: { warehouse: 'AMS', onHand: 15 },
    });
    expect((await adjust('LAMP-2', { delta: -14 })).body).toMatchObject({ onHand: 1, available: 1 });
    expect((await adjust('LAMP-2', { setTo: 0 })).body).toMatchObject({ onHand: 0, status: 'out_of_stock' });
  });

  it('happens once for one key', async () => {
    const key = newId();
    const first = await adjust('LAMP_3', { delta: 5 }, key);
    expect(first).toMatchObject({ status: 200, body: { onHand: 15 } });
    await adjust('LAMP_3', { delta: 1 });
    const again = await adjust('LAMP_3', { delta: 5 }, key);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect((await test.call('GET', '/inventory/LAMP_3')).body.onHand).toBe(16);
    expect((await adjust('LAMP_3', { delta: 6 }, key)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    expect((await adjust('LAMP-1', { delta: 5 }, key)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  it('happens once when the same key comes many times at once', async () => {
    const key = newId();
    const before = (await test.call('GET', '/inventory/DESK-1')).body.onHand;
    const replies = await Promise.all(Array.from({ length: 8 }, () => adjust('DESK-1', { delta: 3 }, key)));
    for (const { status, body } of replies) {
      expect(status === 200 || body.code === 'IDEMPOTENCY_IN_FLIGHT').toBe(true);
    }
    expect(replies.some((reply) => reply.status === 200)).toBe(true);
    expect((await test.call('GET', '/inventory/DESK-1')).body.onHand).toBe(before + 3);
  });

  it('keeps a refusal for its key', async () => {
    const key = newId();
    const first = await adjust('LAMP-1', { delta: -11 }, key);
    expect(first).toMatchObject({ status: 409, body: { code: 'WOULD_GO_NEGATIVE' } });
    const again = await adjust('LAMP-1', { delta: -11 }, key);
    expect([again.status, again.body]).toEqual([409, first.body]);
  });

  it('refuses what breaks a rule', async () => {
    const bad = [
      {},
      { delta: 0 },
      { delta: 1, setTo: 1 },
      { delta: 1.5 },
      { setTo: -1 },
      { delta: 1e12 },
      { delta: '1' },
    ];
    for (const body of bad) expect(await adjust('LAMP-1', body)).toMatchObject({ status: 422 });
    expect(await adjust('LAMP-1', { delta: 1, reason: '' })).toMatchObject({ status: 422 });
    expect((await adjust('LAMP-1', { delta: 1, location: 'NOPE' })).body.code).toBe('UNKNOWN_LOCATION');
    expect((await adjust('NOPE', { delta: 1 })).body.code).toBe('NOT_FOUND');
  });
});
