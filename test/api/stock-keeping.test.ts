import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { callStock, receiptOf as receipt } from './stock-support';
import { order } from './support';
import { AS_ADMIN } from '../support/access-keys';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ api: true });
  for (const sku of ['LAMP', 'DESK', 'MILK', 'PHONE']) await addStock(stack.db, sku, 'AMS', 0);
  await addStock(stack.db, 'LAMP', 'BER', 0);
  await call('POST', '/receipts', receipt([{ sku: 'DESK', quantity: 4, unitCostMinor: 250 }]));
});
afterEach(() => expectInvariants(stack.db));
afterAll(() => stack.stop());

const call = (method: string, path: string, body?: unknown, key?: string) =>
  callStock(stack.url, method, path, body, key);
const onHand = async (sku: string) =>
  (await call('GET', `/inventory/${sku}`)).body as unknown as { onHand: number; reserved: number };

describe('a count', () => {
  it('goes from sheet to approval', async () => {
    await call('POST', '/receipts', receipt([{ sku: 'LAMP', quantity: 10 }]));
    const key = newId();
    const body = { location: 'AMS', skus: ['LAMP'], blind: true };
    const sheet = await call('POST', '/counts', body, key);
    expect(sheet).toMatchObject({
      status: 201,
      body: { status: 'open', lines: [{ sku: 'LAMP', expected: null }] },
    });
    expect((await call('POST', '/counts', body, key)).body).toEqual(sheet.body);
    const at = `/counts/${sheet.body.id}`;
    expect(await call('POST', `${at}/submit`)).toMatchObject({
      status: 409,
      body: { code: 'COUNT_INCOMPLETE', skus: ['LAMP'] },
    });
    expect((await call('PUT', `${at}/lines`, { sku: 'LAMP', counted: 8 })).status).toBe(200);
    expect((await call('PUT', `${at}/lines`, { lines: [{ sku: 'LAMP', counted: 9 }] })).status).toBe(200);
    expect((await call('POST', `${at}/submit`)).body).toMatchObject({
      status: 'review',
      lines: [{ expected: 10, variance: -1 }],
    });
    expect((await call('POST', `${at}/recount`, { skus: ['LAMP'] })).body.status).toBe('open');
    expect(await call('POST', `${at}/approve`)).toMatchObject({
      status: 409,
      body: { code: 'COUNT_NOT_IN_REVIEW' },
    });
    await call('PUT', `${at}/lines`, { sku: 'LAMP', counted: 9 });
    await call('POST', `${at}/submit`);
    expect((await call('POST', `${at}/approve`)).body.status).toBe('closed');
    expect(await onHand('LAMP')).toMatchObject({ onHand: 9 });
    expect((await call('GET', at)).body.status).toBe('closed');
    const list = await call('GET', '/counts?status=closed&location=AMS&limit=1');
    expect(list.body.items.map((item) => item.id)).toEqual([sheet.body.id]);
    const other = await call('POST', '/counts', { location: 'AMS' });
    expect((await call('POST', `/counts/${other.body.id}/reject`)).body.status).toBe('closed');
  });

  it.each([
    ['both SKUs and a category', { location: 'AMS', skus: ['LAMP'], category: 'x' }, 'category'],
    ['no SKU at all', { location: 'AMS', skus: [] }, 'skus'],
    ['a tolerance below zero', { location: 'AMS', tolerance: -1 }, 'tolerance'],
    ['a blindness that is a word', { location: 'AMS', blind: 'yes' }, 'blind'],
    ['no location', {}, 'location'],
  ])('with %s is refused', async (_name, body, path) => {
    const reply = await call('POST', '/counts', body);
    expect(reply).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(reply.body.errors.map((error) => error.path)).toContain(path);
  });

  it('takes only whole numbers of products that are on its sheet', async () => {
    const { id } = (await call('POST', '/counts', { location: 'AMS', skus: ['LAMP'] })).body;
    const put = (body: unknown) => call('PUT', `/counts/${id}/lines`, body);
    for (const counted of [-1, 1.5, '3', null, 1e10])
      expect(await put({ sku: 'LAMP', counted })).toMatchObject({ status: 422 });
    for (const body of [{}, { lines: [] }, { sku: 'LAMP' }])
      expect(await put(body)).toMatchObject({ status: 422 });
    expect((await put({ sku: 'DESK', counted: 1 })).body.code).toBe('UNKNOWN_SKU');
    expect((await call('PUT', `/counts/${newId()}/lines`, { sku: 'LAMP', counted: 1 })).status).toBe(404);
    expect((await call('POST', '/counts', { location: 'NO-SUCH' })).body.code).toBe('UNKNOWN_LOCATION');
    expect((await call('POST', '/counts', { location: 'AMS', category: 'x' })).body.code).toBe(
      'UNKNOWN_CATEGORY',
    );
    expect((await call('POST', '/counts', { location: 'AMS', skus: ['X'] })).body.code).toBe('UNKNOWN_SKU');
  });
});

describe('a quality hold', () => {
  const body = { location: 'AMS', quantity: 3, reason: 'scratched' };

  it('is made, listed, released in part and written off', async () => {
    await call('POST', '/receipts', receipt([{ sku: 'LAMP', quantity: 5 }]));
    const before = await onHand('LAMP');
    const key = newId();
    const made = await call('POST', '/inventory/LAMP/quality-hold', body, key);
    expect(made).toMatchObject({ status: 201, body: { status: 'open', open: 3, sku: 'LAMP' } });
    expect((await call('POST', '/inventory/LAMP/quality-hold', body, key)).body).toEqual(made.body);
    const at = `/quality-holds/${made.body.id}`;
    const releaseKey = newId();
    for (let n = 0; n < 2; n++) {
      expect((await call('POST', `${at}/release`, { quantity: 1 }, releaseKey)).body).toMatchObject({
        open: 2,
        released: 1,
      });
    }
    expect(await call('POST', `${at}/release`, { quantity: 3 })).toMatchObject({
      status: 409,
      body: { code: 'QUALITY_HOLD_EXCEEDED', open: 2 },
    });
    expect((await call('GET', '/quality-holds?status=open&sku=LAMP&location=AMS')).body.items).toHaveLength(
      1,
    );
    expect((await call('POST', `${at}/write-off`)).body).toMatchObject({ status: 'closed', writtenOff: 2 });
    expect((await call('GET', at)).body.status).toBe('closed');
    expect(await onHand('LAMP')).toMatchObject({ onHand: before.onHand - 2, reserved: before.reserved });
  });

  it('is refused where it breaks a rule', async () => {
    const hold = (change: object, sku = 'LAMP') =>
      call('POST', `/inventory/${sku}/quality-hold`, { ...body, ...change });
    for (const change of [
      { quantity: 0 },
      { quantity: 1.5 },
      { reason: '' },
      { reason: undefined },
      { location: 7 },
      { lot: '' },
    ])
      expect(await hold(change)).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(await hold({ quantity: 1e6 })).toMatchObject({ status: 409, body: { code: 'OUT_OF_STOCK' } });
    expect((await hold({ location: 'NO-SUCH' })).body.code).toBe('UNKNOWN_LOCATION');
    expect((await hold({ lot: 'L' })).body.code).toBe('NOT_TRACKED');
    expect((await hold({}, 'NO-SUCH')).status).toBe(404);
    expect((await call('POST', `/quality-holds/${newId()}/release`)).status).toBe(404);
    expect((await call('GET', '/quality-holds?status=maybe')).status).toBe(422);
  });
});

describe('a return', () => {
  /** An order of two desks that was shipped. */
  async function shipped(): Promise<string> {
    const placed = await call(
      'POST',
      '/orders',
      order('DESK', 2, { payment: { method: 'card', token: 'tok_ok' } }),
    );
    await waitFor(
      async () => (await call('GET', `/orders/${placed.body.id}/status`)).body.status === 'fulfilled',
    );
    return placed.body.id;
  }

  it('is authorised, received, inspected, and seen in the history of its order', async () => {
    const orderId = await shipped();
    const before = await onHand('DESK');
    const key = newId();
    const body = { orderId, items: [{ sku: 'DESK', quantity: 2, reason: 'too large' }] };
    const made = await call('POST', '/returns', body, key);
    expect(made).toMatchObject({ status: 201, body: { status: 'authorised', orderId, location: null } });
    expect((await call('POST', '/returns', body, key)).body).toEqual(made.body);
    expect(await call('POST', '/returns', body)).toMatchObject({
      status: 409,
      body: { code: 'NOT_RETURNABLE', items: [{ sku: 'DESK', requested: 2, returnable: 0 }] },
    });
    const at = `/returns/${made.body.id}`;
    const goods = { location: 'AMS', items: [{ sku: 'DESK', quantity: 2 }] };
    const receiveKey = newId();
    for (let n = 0; n < 2; n++)
      expect(await call('POST', `${at}/receive`, goods, receiveKey)).toMatchObject({
        status: 200,
        body: { status: 'received', items: [{ received: 2 }] },
      });
    expect((await call('POST', `${at}/receive`, goods)).body.code).toBe('RETURN_EXCEEDS_AUTHORISED');
    expect(await onHand('DESK')).toMatchObject({ onHand: before.onHand });
    const results = [{ sku: 'DESK', restock: 1, writeOff: 1 }];
    const inspectKey = newId();
    for (let n = 0; n < 2; n++)
      expect(await call('POST', `${at}/inspect`, { results }, inspectKey)).toMatchObject({
        status: 200,
        body: { status: 'completed', items: [{ restocked: 1, writtenOff: 1 }] },
      });
    expect(await onHand('DESK')).toMatchObject({ onHand: before.onHand + 1 });
    expect((await call('POST', `${at}/cancel`)).body.code).toBe('RETURN_NOT_CANCELLABLE');
    expect((await call('GET', `/returns?orderId=${orderId}&status=completed`)).body.items).toEqual([
      (await call('GET', at)).body,
    ]);
    const events = (await call('GET', `/orders/${orderId}/events`)).body as unknown as {
      items: { type: string }[];
    };
    expect(events.items.map((event) => event.type)).toEqual(
      expect.arrayContaining(['return_authorised', 'return_completed']),
    );
  });

  it('can be called off, and is refused where it breaks a rule', async () => {
    await call('POST', '/receipts', receipt([{ sku: 'DESK', quantity: 2 }]));
    const orderId = await shipped();
    const item = { sku: 'DESK', quantity: 1, reason: 'x' };
    for (const body of [
      {},
      { orderId, items: [] },
      { orderId: 'no uuid', items: [item] },
      { orderId, items: [item, item] },
      { orderId, items: [{ ...item, quantity: 0 }] },
      { orderId, items: [{ ...item, reason: '' }] },
    ])
      expect(await call('POST', '/returns', body)).toMatchObject({
        status: 422,
        body: { code: 'VALIDATION_FAILED' },
      });
    expect((await call('POST', '/returns', { orderId: newId(), items: [item] })).body.code).toBe(
      'UNKNOWN_ORDER',
    );
    const { id } = (await call('POST', '/returns', { orderId, items: [item] })).body;
    for (const body of [
      {},
      { location: 'AMS', items: [] },
      { location: 'AMS', items: [{ sku: 'DESK', quantity: -1 }] },
    ])
      expect((await call('POST', `/returns/${id}/receive`, body)).status).toBe(422);
    for (const results of [
      [],
      [{ sku: 'DESK' }],
      [{ sku: 'DESK', restock: -1, writeOff: 2 }],
      [{ sku: 'DESK', restock: 0.5 }],
    ])
      expect((await call('POST', `/returns/${id}/inspect`, { results })).status).toBe(422);
    const inspect = await call('POST', `/returns/${id}/inspect`, { results: [{ sku: 'DESK', restock: 1 }] });
    expect(inspect).toMatchObject({ status: 409, body: { code: 'RETURN_CLOSED' } });
    for (let n = 0; n < 2; n++)
      expect((await call('POST', `/returns/${id}/cancel`)).body.status).toBe('cancelled');
    expect((await call('POST', `/returns/${newId()}/cancel`)).status).toBe(404);
  });
});

describe('lots and serial numbers', () => {
  it('are kept where a product asks for them, and are found', async () => {
    expect((await call('PUT', '/products/MILK/tracking', { lots: true, serials: false })).body).toEqual({
      sku: 'MILK',
      lots: true,
      serials: false,
    });
    await call('PUT', '/products/PHONE/tracking', { lots: false, serials: true });
    const lot = { code: 'M-1', expiresOn: '2099-01-31' };
    const milk = [{ sku: 'MILK', quantity: 4, lot }];
    expect((await call('POST', '/receipts', receipt(milk))).status).toBe(201);
    expect((await call('POST', '/receipts', receipt([{ sku: 'MILK', quantity: 4 }]))).body.code).toBe(
      'LOT_REQUIRED',
    );
    expect((await call('GET', '/inventory/MILK/lots?location=AMS')).body).toEqual({
      sku: 'MILK',
      items: [
        { code: 'M-1', warehouse: 'AMS', expiresOn: '2099-01-31', expired: false, quantity: 4, held: 0 },
      ],
    });
    const phones = [{ sku: 'PHONE', quantity: 2, serials: ['IMEI-1', 'IMEI-2'] }];
    expect((await call('POST', '/receipts', receipt(phones))).status).toBe(201);
    expect(await call('POST', '/receipts', receipt(phones))).toMatchObject({
      status: 409,
      body: { code: 'DUPLICATE_SERIAL' },
    });
    const micros = expect.stringMatching(/\.\d{6}Z$/) as string;
    const first = (await call('GET', '/inventory/PHONE/serials?status=in_stock&limit=1')).body;
    expect(first.items.map((item) => item.serial)).toEqual(['IMEI-1']);
    const second = (await call('GET', `/inventory/PHONE/serials?cursor=${first.nextCursor ?? ''}`)).body;
    expect(second).toMatchObject({ items: [{ serial: 'IMEI-2' }], nextCursor: null });
    expect((await call('GET', '/serials/IMEI-1')).body.items).toMatchObject([
      { sku: 'PHONE', status: 'in_stock', movements: [{ kind: 'receipt', at: micros }] },
    ]);
    expect((await call('GET', '/inventory/MILK/lots/M-1/movements')).body.items).toMatchObject([
      { kind: 'receipt', quantity: 4, at: micros },
    ]);
  });

  it('are refused where they break a rule', async () => {
    expect((await call('PUT', '/products/MILK/tracking', { lots: false, serials: false })).body.code).toBe(
      'PRODUCT_HAS_STOCK',
    );
    for (const body of [{}, { lots: 'yes', serials: false }, { lots: true }])
      expect((await call('PUT', '/products/MILK/tracking', body)).status).toBe(422);
    for (const path of ['/products/NO-SUCH/tracking', '/inventory/NO-SUCH/lots', '/serials/NO-SUCH'])
      expect((await call('GET', path)).status).toBe(404);
    expect((await call('GET', '/inventory/PHONE/serials?status=lost')).status).toBe(422);
    expect((await call('GET', '/products/MILK/tracking')).body).toEqual({
      sku: 'MILK',
      lots: true,
      serials: false,
    });
  });
});

describe('what the stock is worth', () => {
  it('is shown in all and for a product, by either method', async () => {
    for (const method of ['fifo', 'average']) {
      expect((await call('GET', `/inventory/valuation?method=${method}&location=AMS`)).body).toMatchObject({
        method,
        totals: [{ currency: 'USD' }],
      });
      expect((await call('GET', `/inventory/DESK/valuation?method=${method}`)).body).toMatchObject({
        sku: 'DESK',
        method,
        currency: 'USD',
      });
    }
    const report = '/inventory/valuation/products';
    const first = await call('GET', `${report}?limit=1&method=average`);
    expect(first.body.items).toHaveLength(1);
    const all = await call('GET', `${report}?limit=100&method=average`);
    const rest = await call(
      'GET',
      `${report}?limit=100&method=average&cursor=${first.body.nextCursor ?? ''}`,
    );
    expect([...first.body.items, ...rest.body.items]).toEqual(all.body.items);
    expect(all.body.items).toEqual(
      expect.arrayContaining([expect.objectContaining({ sku: 'DESK', currency: 'USD', unitCostMinor: 250 })]),
    );
    const file = await fetch(`${stack.url}${report}?location=AMS`, {
      headers: { ...AS_ADMIN, accept: 'text/csv' },
    });
    expect(file.headers.get('content-type')).toContain('text/csv');
    expect(await file.text()).toMatch(/^sku,quantity,currency,.*\nDESK,\d+,USD,/);
    for (const wrong of ['limit=0', 'cursor=x', 'method=lifo'])
      expect((await call('GET', `${report}?${wrong}`)).status).toBe(422);
    expect((await call('GET', `${report}?category=NO-SUCH`)).body.code).toBe('UNKNOWN_CATEGORY');
    expect((await call('GET', '/inventory/valuation?method=lifo')).status).toBe(422);
    expect((await call('GET', '/inventory/valuation?location=NO-SUCH')).body.code).toBe('UNKNOWN_LOCATION');
    expect((await call('GET', '/inventory/NO-SUCH/valuation')).status).toBe(404);
  });
});
