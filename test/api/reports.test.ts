import { addMerchant } from '../money/support';
import { expectSumsRight } from '../reports/support';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await addMerchant(test.db, '=HYPERLINK("x")');
  await test.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select '2026-06-01T12:00:00Z', '2026-06-01', k.kind, k.debit, k.credit, m.id, k.minor, 'EUR', gen_random_uuid(), gen_random_uuid()
     from merchants m, (values ('capture', 'gateway_clearing', 'merchant_payable', 1000), ('refund', 'merchant_payable', 'refunds', 3000))
       as k (kind, debit, credit, minor)
     where m.code like '=%'`,
  );
});
afterEach(() => expectSumsRight(test.db));
afterAll(() => test.close());

const get = (path: string) => test.call('GET', `/admin/reports/${path}`);

it('a day is told hour by hour, and by merchant', async () => {
  const { status, body } = await get('daily?date=2026-06-01');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    period: '2026-06-01',
    tz: 'UTC',
    isOver: true,
    orders: { placed: 0, cancelled: 0 },
    totals: [{ currency: 'EUR', capturedMinor: 1_000, refundedMinor: 3_000, netMinor: -2_000, units: 0 }],
    merchants: [{ merchant: '=HYPERLINK("x")', netMinor: -2_000 }],
    products: [{ sku: null, netMinor: -2_000 }],
    warehouses: [{ warehouse: null, netMinor: -2_000 }],
    categories: [{ category: null, netMinor: -2_000 }],
    hasMoreProducts: false,
  });
  expect(body).toHaveProperty('slots.length', 24);
});

it('in a file no text begins a formula, and amounts are numbers', async () => {
  const file = await get('daily.csv?date=2026-06-01');
  expect(file.headers.get('content-disposition')).toContain('sales-2026-06-01.csv');
  expect(file.text).toContain(
    '\nmerchant,"\'=HYPERLINK(""x"")",EUR,0,0.00,0,0.00,10.00,30.00,0.00,-20.00,0.00,0.00,0,-20.00,',
  );
  expect(file.text).toContain('\ntotal,,EUR,0,0.00,0,0.00,10.00,30.00,0.00,-20.00,0.00,0.00,0,-20.00,');
});

it('a month is told day by day, and what its goods cost', async () => {
  expect((await get('monthly?month=2026-06&tz=Asia/Tokyo')).body).toMatchObject({
    period: '2026-06',
    totals: [{ netMinor: -2_000 }],
  });
  expect((await get('monthly.csv?month=2026-06')).text).toContain('\nday,2026-06-01,EUR,');
  expect((await get('cost-of-goods?month=2026-06')).body).toMatchObject({
    totals: [],
    uncosted: 0,
    products: [],
  });
  expect((await get('cost-of-goods.csv?month=2026-06')).text).toBe(
    'sku,currency,units,cost,uncosted_units\n',
  );
});

it.each([
  ['daily', 'VALIDATION_FAILED'],
  ['daily?date=2026-02-30', 'VALIDATION_FAILED'],
  ['daily?date=2026-06-01&zone=UTC', 'VALIDATION_FAILED'],
  ['daily?date=2026-06-01&tz=%2B02:00', 'UNKNOWN_ZONE'],
  ['daily?date=2026-06-01&tz=Europe/Nowhere', 'UNKNOWN_ZONE'],
  ['daily?date=2026-06-01&products=10001', 'VALIDATION_FAILED'],
  ['daily.csv?date=2026-06-01&products=5', 'VALIDATION_FAILED'],
  ['monthly?month=2026-13', 'VALIDATION_FAILED'],
  ['cost-of-goods?month=2999-01', 'VALIDATION_FAILED'],
  ['cost-of-goods?month=2026-06&tz=EST', 'UNKNOWN_ZONE'],
])('%s is refused', async (path, code) => {
  expect(await get(path)).toMatchObject({ status: 422, body: { code } });
});
