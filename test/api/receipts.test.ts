import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { callStock, receiptOf as receipt } from './stock-support';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'DESK', 'AMS', 0);
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

const call = (method: string, path: string, body?: unknown, key?: string) =>
  callStock(`${test.api.url}/api/v1`, method, path, body, key);
const onHand = async (sku: string) =>
  (await call('GET', `/inventory/${sku}`)).body as unknown as { onHand: number; reserved: number };

describe('a receipt', () => {
  it('is taken once for its key and once for its reference, and is found again', async () => {
    const body = receipt([{ sku: 'DESK', quantity: 4, unitCostMinor: 250 }]);
    const key = newId();
    const first = await call('POST', '/receipts', body, key);
    expect(first.status).toBe(201);
    expect(first.headers.get('location')).toBe(`/api/v1/receipts/${first.body.id}`);
    const again = await call('POST', '/receipts', body, key);
    expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([
      201,
      first.body,
      'true',
    ]);
    expect(await call('POST', '/receipts', body)).toMatchObject({
      status: 409,
      body: { code: 'DUPLICATE_RECEIPT' },
    });
    expect(await call('POST', '/receipts', receipt(body.lines), key)).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect(await onHand('DESK')).toMatchObject({ onHand: 4 });
    expect((await call('GET', `/receipts/${first.body.id}`)).body).toEqual(first.body);
    const found = await call('GET', `/receipts?supplierReference=${body.supplierReference}&sku=DESK&limit=1`);
    expect(found.body).toEqual({ items: [first.body], nextCursor: null });
    expect((await call('GET', `/receipts/${newId()}`)).status).toBe(404);
  });

  it('is refused where its units would cost more than can be told exactly', async () => {
    const line = { sku: 'DESK', quantity: 1e9, unitCostMinor: Number.MAX_SAFE_INTEGER };
    expect(await call('POST', '/receipts', receipt([line]))).toMatchObject({
      status: 422,
      body: { code: 'AMOUNT_OVERFLOW' },
    });
  });

  it.each([
    ['no lines', receipt([]), 'lines'],
    ['no list of lines', receipt({ sku: 'DESK', quantity: 1 }), 'lines'],
    ['501 lines', receipt(Array.from({ length: 501 }, () => ({ sku: 'DESK', quantity: 1 }))), 'lines'],
    ['no SKU', receipt([{ quantity: 1 }]), 'lines.0.sku'],
    ['a quantity of zero', receipt([{ sku: 'DESK', quantity: 0 }]), 'lines.0.quantity'],
    ['a negative quantity', receipt([{ sku: 'DESK', quantity: -1 }]), 'lines.0.quantity'],
    ['half a unit', receipt([{ sku: 'DESK', quantity: 0.5 }]), 'lines.0.quantity'],
    ['a quantity in words', receipt([{ sku: 'DESK', quantity: '1' }]), 'lines.0.quantity'],
    ['too large a quantity', receipt([{ sku: 'DESK', quantity: 1e9 + 1 }]), 'lines.0.quantity'],
    ['a negative cost', receipt([{ sku: 'DESK', quantity: 1, unitCostMinor: -1 }]), 'lines.0.unitCostMinor'],
    [
      'a currency that is none',
      receipt([{ sku: 'DESK', quantity: 1, unitCostMinor: 1, currency: 'usd' }]),
      'lines.0.currency',
    ],
    [
      'a currency without a cost',
      receipt([{ sku: 'DESK', quantity: 1, currency: 'USD' }]),
      'lines.0.currency',
    ],
    [
      'an expiry that is no day',
      receipt([{ sku: 'DESK', quantity: 1, lot: { code: 'L', expiresOn: '2030-02-30' } }]),
      'lines.0.lot.expiresOn',
    ],
    ['a lot without a code', receipt([{ sku: 'DESK', quantity: 1, lot: {} }]), 'lines.0.lot.code'],
    ['an empty serial number', receipt([{ sku: 'DESK', quantity: 1, serials: [''] }]), 'lines.0.serials.0'],
    [
      'no reference',
      receipt([{ sku: 'DESK', quantity: 1 }], { supplierReference: undefined }),
      'supplierReference',
    ],
    [
      'a reference of two lines',
      receipt([{ sku: 'DESK', quantity: 1 }], { supplierReference: 'a\nb' }),
      'supplierReference',
    ],
    ['an empty supplier', receipt([{ sku: 'DESK', quantity: 1 }], { supplier: '' }), 'supplier'],
    ['no location', receipt([{ sku: 'DESK', quantity: 1 }], { location: undefined }), 'location'],
  ])('with %s is refused', async (_name, body, path) => {
    const reply = await call('POST', '/receipts', body);
    expect(reply).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(reply.body.errors.map((error) => error.path)).toContain(path);
  });

  it.each([
    ['an unknown product', receipt([{ sku: 'NO-SUCH', quantity: 1 }]), 'UNKNOWN_SKU'],
    [
      'an unknown location',
      receipt([{ sku: 'DESK', quantity: 1 }], { location: 'NO-SUCH' }),
      'UNKNOWN_LOCATION',
    ],
    [
      'a lot where there are none',
      receipt([{ sku: 'DESK', quantity: 1, lot: { code: 'L' } }]),
      'NOT_TRACKED',
    ],
    [
      'a cost in another currency',
      receipt([{ sku: 'DESK', quantity: 1, unitCostMinor: 1, currency: 'EUR' }]),
      'CURRENCY_MISMATCH',
    ],
  ])('with %s is refused', async (_name, body, code) => {
    expect(await call('POST', '/receipts', body)).toMatchObject({ status: 422, body: { code } });
  });
});
