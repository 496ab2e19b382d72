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

describe('a receipt that was mistyped', () => {
  it('is corrected after the shelf was counted and units were sold: stock, value and cost are right', async () => {
    await addStock(test.db, 'CHAIR', 'AMS', 0);
    const typed = receipt([{ sku: 'CHAIR', quantity: 100, unitCostMinor: 250 }]);
    const { body: made } = await call('POST', '/receipts', typed);
    const sheet = await call('POST', '/counts', { location: 'AMS', skus: ['CHAIR'] });
    const count = `/counts/${sheet.body.id}`;
    await call('PUT', `${count}/lines`, { sku: 'CHAIR', counted: 10 });
    await call('POST', `${count}/submit`);
    await call('POST', `${count}/approve`);
    const sold = { location: 'AMS', delta: -3, reason: 'sold' };
    await call('POST', '/inventory/CHAIR/adjust', sold);
    const correction = { reason: 'a zero too many', lines: [{ line: 1, quantity: 10 }] };
    const corrected = await call('POST', `/receipts/${made.id}/correct`, correction);
    expect(corrected).toMatchObject({ status: 200, body: { lines: [{ quantity: 10 }] } });
    expect(await onHand('CHAIR')).toMatchObject({ onHand: 7 });
    for (const method of ['fifo', 'average'])
      expect((await call('GET', `/inventory/CHAIR/valuation?method=${method}`)).body).toMatchObject({
        onHand: 7,
        valueMinor: 1_750,
        uncosted: 0,
      });
    // As it was known when it came in, to the microsecond.
    const then = `/inventory/CHAIR/valuation?asOf=${String((made as { receivedAt?: string }).receivedAt)}`;
    expect((await call('GET', then)).body).toMatchObject({ onHand: 100, valueMinor: 25_000, final: true });
    const dear = { reason: 'invoice', lines: [{ line: 1, unitCostMinor: Number.MAX_SAFE_INTEGER }] };
    expect(await call('POST', `/receipts/${made.id}/correct`, dear)).toMatchObject({
      status: 422,
      body: { code: 'AMOUNT_OVERFLOW' },
    });
  });

  it('has its serial numbers replaced', async () => {
    await addStock(test.db, 'PHONE', 'AMS', 0);
    await call('PUT', '/products/PHONE/tracking', { serials: true, lots: false });
    const typed = receipt([{ sku: 'PHONE', quantity: 2, serials: ['A', 'B'] }]);
    const { body: made } = await call('POST', '/receipts', typed);
    const replace = (replaceSerials: unknown) =>
      call('POST', `/receipts/${made.id}/correct`, {
        reason: 'misread',
        lines: [{ line: 1, replaceSerials }],
      });
    expect(await replace([{ serial: 'A', by: 'C' }])).toMatchObject({
      status: 200,
      body: { lines: [{ serials: ['C', 'B'] }] },
    });
    expect(await replace([{ serial: 'A', by: 'D' }])).toMatchObject({
      status: 409,
      body: { code: 'SERIAL_NOT_THERE' },
    });
    expect(await replace([{ serial: 'C' }])).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED' },
    });
  });
});
