import { addStock } from '../support/fixtures';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

/** Words with a meaning of their own under `/inventory/`, and what else addresses do not take as it is. */
const SKUS = [
  'metrics',
  'health',
  'valuation',
  'alerts',
  'transfer',
  'batch',
  'inventory',
  'A/B',
  'a.b.c',
  '...',
  '100%',
  '%2F',
  'two words',
  'q?x#y&z=1+2',
  ';;',
  'Ünïcödé-北京',
];

describe.each(SKUS)('a product whose SKU is %j', (sku) => {
  const path = `/products/${encodeURIComponent(sku)}`;
  beforeAll(() => addStock(test.db, sku, 'AMS', 5));

  it('is read, with its stock and all that belongs to it', async () => {
    expect((await test.call('GET', path)).body).toMatchObject({ sku });
    expect(await test.call('GET', `${path}/inventory`)).toMatchObject({
      status: 200,
      body: { sku, onHand: 5 },
    });
    expect((await test.call('GET', `${path}/inventory/location/AMS`)).body).toMatchObject({ onHand: 5 });
    expect((await test.call('GET', `${path}/inventory/transactions`)).body.items).toHaveLength(1);
    expect((await test.call('GET', `${path}/inventory/valuation`)).status).toBe(200);
    expect((await test.call('GET', `${path}/inventory/thresholds`)).status).toBe(200);
    expect((await test.call('GET', `${path}/inventory/lots`)).status).toBe(200);
  });

  it('is changed and reserved, once for one key under either address', async () => {
    const headers = { 'idempotency-key': newId() };
    const body = { location: 'AMS', delta: 2, reason: 'found' };
    expect((await test.call('POST', `${path}/inventory/adjust`, { body, headers })).body).toMatchObject({
      onHand: 7,
    });
    const again = `/inventory/${encodeURIComponent(sku)}/adjust`;
    expect((await test.call('POST', again, { body, headers })).headers.get('idempotency-replayed')).toBe(
      'true',
    );
    const held = await test.call('POST', `${path}/inventory/reserve`, { body: { quantity: 3 } });
    expect(held.status).toBe(201);
    const released = await test.call('POST', `${path}/inventory/release`, {
      body: { reservationId: held.body.id },
    });
    expect(released.status).toBe(200);
    expect((await test.call('GET', `${path}/inventory`)).body).toMatchObject({ onHand: 7, reserved: 0 });
  });
});

it('the words under /inventory keep their meaning', async () => {
  expect((await test.call('GET', '/inventory/metrics')).body).toHaveProperty('products');
  expect((await test.call('GET', '/inventory/health')).body).not.toHaveProperty('sku');
  expect((await test.call('GET', '/inventory/valuation')).body).not.toHaveProperty('sku');
  expect((await test.call('GET', '/inventory/alerts')).body).toHaveProperty('items');
  expect((await test.call('POST', '/inventory/transfer', { body: {} })).status).toBe(422);
  expect((await test.call('POST', '/inventory/batch', { body: {} })).status).toBe(422);
});

it('the same letters, written in another way, are the same SKU', async () => {
  const sku = 'Crème';
  await addStock(test.db, sku.normalize('NFC'), 'AMS', 1);
  const decomposed = encodeURIComponent(sku.normalize('NFD'));
  expect((await test.call('GET', `/products/${decomposed}/inventory`)).body).toMatchObject({ onHand: 1 });
  expect((await test.call('GET', `/inventory/${decomposed}`)).body).toMatchObject({ onHand: 1 });
});

it('an address that is not written in UTF-8 is refused', async () => {
  expect((await test.call('GET', '/products/%E0%A4%A/inventory')).status).toBe(400);
});
