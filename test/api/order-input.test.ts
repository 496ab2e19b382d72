import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { openTestApi, order, type TestApi } from './support';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'A', 'AMS', 10);
});
afterAll(() => test.close());

const payment = (token: unknown) => ({ payment: { method: 'card', token } });
const lines = (count: number) => Array.from({ length: count }, () => ({ sku: 'A', quantity: 1 }));

describe('an order that breaks a rule', () => {
  it.each([
    ['no items', { customerId: 'c' }, 'items'],
    ['an empty list of items', { customerId: 'c', items: [] }, 'items'],
    ['101 lines', { customerId: 'c', items: lines(101) }, 'items'],
    ['items that are no list', { customerId: 'c', items: { sku: 'A', quantity: 1 } }, 'items'],
    ['a line that is no object', { customerId: 'c', items: ['A'] }, 'items.0'],
    ['a quantity of zero', order('A', 0), 'items.0.quantity'],
    ['a negative quantity', order('A', -1), 'items.0.quantity'],
    ['a fractional quantity', order('A', 1.5), 'items.0.quantity'],
    ['a quantity above a million', order('A', 1_000_001), 'items.0.quantity'],
    ['an enormous quantity', order('A', 1e300), 'items.0.quantity'],
    [
      'a quantity that is text',
      { customerId: 'c', items: [{ sku: 'A', quantity: '1' }] },
      'items.0.quantity',
    ],
    ['no quantity', { customerId: 'c', items: [{ sku: 'A' }] }, 'items.0.quantity'],
    ['no SKU', { customerId: 'c', items: [{ quantity: 1 }] }, 'items.0.sku'],
    ['an empty SKU', order('', 1), 'items.0.sku'],
    ['a SKU that is a number', { customerId: 'c', items: [{ sku: 7, quantity: 1 }] }, 'items.0.sku'],
    ['a SKU that PostgreSQL cannot keep', order('A\u0000', 1), 'items.0.sku'],
    ['half of a surrogate pair', order('A\ud800', 1), 'items.0.sku'],
    ['lines of one SKU that add up to too many', twice('A', 600_000), 'items'],
    ['no customer', { items: lines(1) }, 'customerId'],
    ['an empty customer', order('A', 1, { customerId: '' }), 'customerId'],
    ['a customer of 201 characters', order('A', 1, { customerId: 'c'.repeat(201) }), 'customerId'],
    ['a reservation of no time', order('A', 1, { holdSeconds: 0 }), 'holdSeconds'],
    ['a reservation of more than a day', order('A', 1, { holdSeconds: 86_401 }), 'holdSeconds'],
    ['a fractional reservation', order('A', 1, { holdSeconds: 1.5 }), 'holdSeconds'],
    ['a reservation that is text', order('A', 1, { holdSeconds: '900' }), 'holdSeconds'],
    ['an unknown way to fulfil', order('A', 1, { fulfilment: 'maybe' }), 'fulfilment'],
    ['a latitude that is not on Earth', order('A', 1, { shipTo: { latitude: 91, longitude: 0 } }), 'shipTo'],
    ['half a point', order('A', 1, { shipTo: { latitude: 52 } }), 'shipTo'],
    ['an empty destination', order('A', 1, { shipTo: {} }), 'shipTo'],
    ['an unknown token', order('A', 1, payment('tok_nope')), 'payment.token'],
    ['a token that is a number', order('A', 1, payment(4242)), 'payment.token'],
    ['a misspelt member', order('A', 1, { holdSecond: 60 }), 'holdSecond'],
    [
      'a misspelt member of a line',
      { customerId: 'c', items: [{ sku: 'A', quantity: 1, qty: 2 }] },
      'items.0.qty',
    ],
    [
      'a misspelt member of the payment',
      order('A', 1, { payment: { method: 'card', token: 'tok_ok', returnURL: 'https://x.example' } }),
      'payment.returnURL',
    ],
    ['a payment without a token', order('A', 1, { payment: { method: 'card' } }), 'payment.token'],
  ])('is answered with 422: %s', async (_what, body, path) => {
    const key = newId();
    const reply = await test.call('POST', '/orders', { body, headers: { 'idempotency-key': key } });
    expect(reply).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(reply.body.errors.map((error) => error.path)).toContainEqual(
      expect.stringMatching(new RegExp(`^${path.replaceAll('.', '\\.')}`)),
    );
    // It was not accepted, so its key is free for the request that is right.
    const keys = await test.db.pool.query('select 1 from idempotency_keys where key = $1', [key]);
    expect(keys.rowCount).toBe(0);
  });

  it.each([
    ['POST', '/payments', { method: 'card', token: 'tok_ok', more: 1 }],
    ['POST', '/cancel', { reasn: 'x' }],
    ['PATCH', '', { items: [{ sku: 'A', quantity: 1 }], more: 1 }],
    ['POST', '/review', { decision: 'approve', notes: 'x' }],
    ['POST', '/refunds', { amountMinor: 1, reason: 'x', amount: 1 }],
  ])(
    'gets 422 with the path of a member that %s /orders/{id}%s does not know',
    async (method, path, body) => {
      const reply = await test.call(method, `/orders/${newId()}${path}`, {
        body,
        headers: { 'idempotency-key': newId() },
      });
      const member = Object.keys(body).at(-1);
      expect(reply).toMatchObject({ status: 422, body: { errors: [{ path: member }] } });
    },
  );

  it('gets 422 for a filter that the list does not know', async () => {
    const reply = await test.call('GET', '/orders?state=paid');
    expect(reply).toMatchObject({ status: 422, body: { errors: [{ path: 'state' }] } });
  });

  it('gets 422 when the idempotency key is not one', async () => {
    for (const key of ['x'.repeat(256), 'has space']) {
      const reply = await test.call('POST', '/orders', {
        body: order('A', 1),
        headers: { 'idempotency-key': key },
      });
      expect(reply).toMatchObject({ status: 422, body: { errors: [{ path: 'Idempotency-Key' }] } });
    }
  });

  it('leaves nothing behind', async () => {
    const left = await test.db.pool.query(
      'select (select count(*) from orders) + (select count(*) from outbox) as n',
    );
    expect(left.rows).toEqual([{ n: 0 }]);
  });
});

function twice(sku: string, quantity: number) {
  return { customerId: 'c', items: [sku, sku].map((same) => ({ sku: same, quantity })) };
}

describe('an order that cannot be filled', () => {
  it('is refused with what is short, without an order or a saga', async () => {
    const body = { customerId: 'c', items: [...lines(2), { sku: 'A', quantity: 9 }] };
    const reply = await test.call('POST', '/orders', { body });
    expect(reply).toMatchObject({
      status: 409,
      body: { code: 'OUT_OF_STOCK', shortages: [{ sku: 'A', requested: 11, available: 10 }] },
    });
    expect((await test.call('GET', '/orders')).body.items).toEqual([]);
  });

  it.each([
    ['https://shop;script-src.example/', 422],
    ['https://*.example/', 422],
    ['https://user:secret@shop.example/', 422],
    ['https://user@shop.example/', 422],
    ['ftp://shop.example/', 422],
    ['not an address', 422],
    ['https://shop.example:8443/thanks?order=1', 409],
    ['http://[::1]:3000/thanks', 409],
  ])('takes the customer on to plain web addresses only: %s', async (returnUrl, status) => {
    const payment = { method: 'card', token: 'tok_ok', returnUrl };
    // More than there is: a plain address is refused for that only.
    const reply = await test.call('POST', '/orders', { body: { ...order('A', 999_999), payment } });
    expect(reply.status).toBe(status);
    if (status === 422) expect(reply.body).toMatchObject({ errors: { 0: { path: 'payment.returnUrl' } } });
  });

  it('names every SKU that is not sold', async () => {
    await test.db.pool.query(
      `insert into products (sku, name, price_minor, currency, active) values ('GONE', 'Gone', 1, 'USD', false)`,
    );
    const body = { customerId: 'c', items: ['NOPE', 'A', 'GONE'].map((sku) => ({ sku, quantity: 1 })) };
    for (const fulfilment of ['complete', 'partial', 'backorder']) {
      const reply = await test.call('POST', '/orders', { body: { ...body, fulfilment } });
      expect(reply).toMatchObject({ status: 422, body: { code: 'UNKNOWN_SKU', skus: ['NOPE', 'GONE'] } });
    }
  });

  it('counts an unpaid reservation that is past due as available, and one that is not as taken', async () => {
    await addStock(test.db, 'HELD', 'AMS', 10);
    await hold('HELD', 4, '-1 second');
    await hold('HELD', 5, '1 hour');
    const reply = await test.call('POST', '/orders', { body: order('HELD', 6) });
    expect(reply).toMatchObject({
      status: 409,
      body: { shortages: [{ sku: 'HELD', requested: 6, available: 5 }] },
    });
  });

  it('does not count stock in a warehouse that is closed', async () => {
    await addStock(test.db, 'FAR', 'CLOSED', 10);
    await addStock(test.db, 'FAR', 'AMS', 1);
    await test.db.pool.query(`update warehouses set active = false where code = 'CLOSED'`);
    const reply = await test.call('POST', '/orders', { body: order('FAR', 2) });
    expect(reply).toMatchObject({ status: 409, body: { shortages: [{ available: 1 }] } });
  });

  it('gives the same refusal to the same key, also after stock has come, and none to another body', async () => {
    const headers = { 'idempotency-key': newId() };
    const body = order('A', 11);
    const first = await test.call('POST', '/orders', { body, headers });
    expect(first.status).toBe(409);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    await test.call('POST', '/inventory/A/adjust', {
      body: { location: 'AMS', delta: 5, reason: 'receipt' },
    });
    const again = await test.call('POST', '/orders', { body, headers });
    expect(again.status).toBe(409);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const other = await test.call('POST', '/orders', { body: order('A', 12), headers });
    expect(other).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  async function hold(sku: string, quantity: number, expires: string): Promise<void> {
    await test.db.pool.query(
      `with held as (
         insert into reservations (id, kind, status, expires_at)
         values (gen_random_uuid(), 'hold', 'pending', clock_timestamp() + $3::interval) returning id
       ), line as (
         insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
         select h.id, s.product_id, s.warehouse_id, $2::int, $2::int
         from held h, stock s join products p on p.id = s.product_id where p.sku = $1
         returning *
       ), counted as (
         update stock s set reserved = s.reserved + l.quantity from line l
         where s.product_id = l.product_id and s.warehouse_id = l.warehouse_id
       )
       insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select product_id, warehouse_id, 'reserve', 0, quantity, reservation_id from line`,
      [sku, quantity, expires],
    );
  }
});
