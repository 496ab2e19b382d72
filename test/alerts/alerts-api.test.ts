import { raiseAttention, resolveAttention } from '../../domain/orders/attention';
import type { AttentionKind } from '../../domain/orders/types';
import { raiseAlerts, resolveAlerts } from '../../domain/stock/alerts/alerts';
import { newId } from '../../platform/ids';
import { openTestApi, type TestApi } from '../api/support';
import { addPaidOrder, addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { readAlerts } from './alert-rows';
import { ADMIN_CALLER } from '../support/access-keys';

interface AlertBody {
  id: string;
  kind: string;
  status: string;
  sku: string;
  location: string;
  details: object;
  note: string | null;
  acknowledgedBy: string | null;
  acknowledgedAt: string | null;
}

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  await test.db.pool.query(`insert into categories (code, name) values ('light', 'Light'), ('seat', 'Seat')`);
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

async function productIn(category: string | null, levels: Record<string, number>): Promise<string> {
  const sku = `SKU-${newId().slice(-8)}`;
  await test.db.pool.query(
    `insert into products (sku, name, price_minor, currency, category_id)
     values ($1, $1, 1000, 'USD', (select id from categories where code = $2))`,
    [sku, category],
  );
  for (const [warehouse, onHand] of Object.entries(levels)) await addStock(test.db, sku, warehouse, onHand);
  return sku;
}

async function alertsOf(sku: string, more = ''): Promise<AlertBody[]> {
  const reply = await test.call('GET', `/inventory/alerts?sku=${sku}${more}`);
  expect(reply.status).toBe(200);
  return reply.body.items as unknown as AlertBody[];
}

function setTo(sku: string, count: number, location = 'AMS') {
  return test.call('POST', `/inventory/${sku}/adjust`, { body: { location, setTo: count, reason: 'count' } });
}

function setThresholds(sku: string, body: object) {
  return test.call('PUT', `/inventory/${sku}/thresholds`, { body });
}

const inForce = async (sku: string) =>
  ((await test.call('GET', `/inventory/${sku}/thresholds`)).body as unknown as { locations: object[] })
    .locations;

async function orderInNeed(kind: AttentionKind): Promise<{ orderId: string; about: string }> {
  const sku = await productIn(null, { AMS: 1 });
  const { orderId } = await addPaidOrder(test.db, [{ sku, warehouse: 'AMS', quantity: 1 }]);
  const about = newId();
  await test.db.transaction((tx) => raiseAttention(tx, [{ orderId, kind, about, why: 'test' }]));
  return { orderId, about };
}

describe('the list', () => {
  it('is filtered by the order that needs a person, also where that is over, and by the reason', async () => {
    const [first, second] = [await orderInNeed('refund_failed'), await orderInNeed('disputed')];
    await test.db.transaction((tx) => resolveAttention(tx, [{ kind: 'refund_failed', about: first.about }]));
    const found = async (query: string) =>
      (
        (await test.call('GET', `/inventory/alerts?${query}`)).body.items as unknown as { orderId: string }[]
      ).map(({ orderId }) => orderId);
    expect(await found(`orderId=${first.orderId}`)).toEqual([first.orderId]);
    expect(await found(`orderId=${first.orderId}&status=open`)).toEqual([]);
    expect(await found('reason=disputed')).toEqual([second.orderId]);
    expect(await found(`reason=disputed&orderId=${first.orderId}`)).toEqual([]);
    expect((await test.call('GET', '/inventory/alerts?reason=nothing')).status).toBe(422);
    expect((await test.call('GET', '/inventory/alerts?orderId=1')).status).toBe(422);
  });

  it('is filtered by status, kind, product and location, newest first, in pages', async () => {
    const sku = await productIn(null, { AMS: 5, LON: 5 });
    await setTo(sku, 0);
    await setTo(sku, 0, 'LON');
    await setTo(sku, 4);
    expect(await alertsOf(sku)).toMatchObject([
      {
        sku,
        location: 'LON',
        kind: 'out_of_stock',
        status: 'open',
        details: { onHand: 0, available: 0, threshold: 0 },
      },
      { sku, location: 'AMS', kind: 'out_of_stock', status: 'resolved' },
    ]);
    expect(await alertsOf(sku, '&status=open')).toHaveLength(1);
    expect(await alertsOf(sku, '&location=AMS')).toMatchObject([{ location: 'AMS' }]);
    expect(await alertsOf(sku, '&kind=low_stock')).toEqual([]);
    expect(await alertsOf('NOPE')).toEqual([]);
    const first = await test.call('GET', `/inventory/alerts?sku=${sku}&limit=1`);
    const second = await test.call(
      'GET',
      `/inventory/alerts?sku=${sku}&limit=1&cursor=${first.body.nextCursor}`,
    );
    expect(second.body).toMatchObject({ items: [{ location: 'AMS' }], nextCursor: null });
    expect(await alertsOf(sku, '&offset=1')).toMatchObject([{ location: 'AMS' }]);
  });

  it.each([
    'status=gone',
    'kind=boredom',
    'limit=0',
    'limit=101',
    'limit=x',
    'cursor=x',
    'offset=-1',
    'sku=',
    'location=',
  ])('refuses ?%s', async (query) => {
    expect(await test.call('GET', `/inventory/alerts?${query}`)).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', errors: [{ path: query.split('=')[0] }] },
    });
  });
});

describe('acknowledging', () => {
  const acknowledge = (id: string, body?: object) =>
    test.call('POST', `/inventory/alerts/${id}/acknowledge`, { body });

  async function openAlert() {
    const sku = await productIn(null, { AMS: 5 });
    await setTo(sku, 0);
    const [alert] = await alertsOf(sku);
    return { sku, id: alert!.id };
  }

  it('keeps who was first and what they said, however often it is repeated', async () => {
    const { sku, id } = await openAlert();
    const first = await acknowledge(id, { note: 'ordered more' });
    expect(first).toMatchObject({
      status: 200,
      body: { id, status: 'acknowledged', note: 'ordered more', acknowledgedBy: ADMIN_CALLER },
    });
    const again = await acknowledge(id, { note: 'me too' });
    expect([again.status, again.body]).toEqual([200, first.body]);
    await setTo(sku, 0);
    expect(await readAlerts(test.db, sku)).toEqual(['out_of_stock acknowledged']);
    await setTo(sku, 3);
    expect(await readAlerts(test.db, sku)).toEqual(['out_of_stock resolved']);
    expect(await acknowledge(id)).toMatchObject({ status: 409, body: { code: 'ALERT_RESOLVED' } });
  });

  it('needs no body, and an alert', async () => {
    const { id } = await openAlert();
    expect(await acknowledge(id)).toMatchObject({ status: 200, body: { note: null } });
    expect((await acknowledge(newId())).status).toBe(404);
    expect((await acknowledge('7')).status).toBe(404);
    for (const note of ['', 'x'.repeat(501), 7, 'a\u0000b'])
      expect(await acknowledge(id, { note })).toMatchObject({
        status: 422,
        body: { code: 'VALIDATION_FAILED' },
      });
  });
});

describe('resolving by hand', () => {
  const resolve = (id: string, body: object) =>
    test.call('POST', `/inventory/alerts/${id}/resolve`, { body });
  const note = { note: 'the parcel came back, booked in' };

  /** An order that needs a person for this. */
  async function attention(kind: AttentionKind) {
    await addStock(test.db, `ATT-${newId().slice(-8)}`, 'AMS', 5);
    const { rows } = await test.db.pool.query<{ sku: string }>(
      `select sku from products where sku like 'ATT-%' order by id desc limit 1`,
    );
    const { orderId } = await addPaidOrder(test.db, [{ sku: rows[0]!.sku, warehouse: 'AMS', quantity: 1 }]);
    const about = newId();
    await test.db.transaction((tx) => raiseAttention(tx, [{ orderId, kind, about, why: 'it left' }]));
    const found = await test.db.pool.query<{ id: string }>('select id from alerts where order_id = $1', [
      orderId,
    ]);
    return { orderId, about, id: found.rows[0]!.id };
  }

  it('ends it, writes into the history of the order who did what, and keeps who was first', async () => {
    const { orderId, about, id } = await attention('left_after_stop');
    const first = await resolve(id, note);
    expect(first).toMatchObject({
      status: 200,
      body: { id, status: 'resolved', resolvedBy: ADMIN_CALLER, resolution: note.note },
    });
    expect((await resolve(id, { note: 'me too' })).body).toEqual(first.body);
    expect((await test.call('GET', `/orders/${orderId}`)).body).toMatchObject({ attention: [] });
    const { rows } = await test.db.pool.query('select type, data from order_events where order_id = $1', [
      orderId,
    ]);
    expect(rows).toEqual([
      { type: 'attention_resolved', data: { kind: 'left_after_stop', about, by: ADMIN_CALLER, ...note } },
    ]);
  });

  it('ends one that somebody looks after, whose note stays', async () => {
    const { id } = await attention('left_after_stop');
    await test.call('POST', `/inventory/alerts/${id}/acknowledge`, { body: { note: 'calling the carrier' } });
    expect(await resolve(id, note)).toMatchObject({
      status: 200,
      body: { status: 'resolved', note: 'calling the carrier', resolution: note.note },
    });
  });

  it('is refused where its cause ends it, without a note, and where there is none', async () => {
    const { id, about } = await attention('refund_delayed');
    expect(await resolve(id, note)).toMatchObject({ status: 409, body: { code: 'ALERT_ENDS_BY_ITSELF' } });
    await test.db.transaction((tx) => resolveAttention(tx, [{ kind: 'refund_delayed', about }]));
    expect(await resolve(id, note)).toMatchObject({ status: 409, body: { code: 'ALERT_RESOLVED' } });
    expect((await resolve(newId(), note)).status).toBe(404);
    for (const body of [{}, { note: '' }, { note: 'x'.repeat(501) }])
      expect(await resolve(id, body)).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
  });
});

describe('thresholds', () => {
  it('of a location raise and resolve at once', async () => {
    const sku = await productIn(null, { AMS: 5, LON: 5 });
    const reply = await setThresholds(sku, { location: 'AMS', lowStock: 5, overstock: null });
    expect(reply).toMatchObject({
      status: 200,
      body: {
        sku,
        default: null,
        locations: [
          { warehouse: 'AMS', lowStock: 5, overstock: null, own: true },
          { warehouse: 'LON', lowStock: 0, overstock: null, own: false },
        ],
      },
    });
    expect(await readAlerts(test.db, sku)).toEqual(['low_stock open']);
    expect((await test.call('GET', `/inventory/${sku}/location/AMS`)).body.status).toBe('low_stock');
    await setThresholds(sku, { location: 'AMS', lowStock: 1, overstock: 4 });
    expect((await readAlerts(test.db, sku)).sort()).toEqual(['low_stock resolved', 'overstock open']);
    await setThresholds(sku, { location: 'AMS', inherit: true });
    expect((await readAlerts(test.db, sku)).sort()).toEqual(['low_stock resolved', 'overstock resolved']);
    expect(await inForce(sku)).toMatchObject([{ lowStock: 0, overstock: null, own: false }, {}]);
  });

  it('are inherited from the category by rows without their own, also by those made later', async () => {
    const [sku, other] = [await productIn('light', { AMS: 5 }), await productIn('seat', { AMS: 5 })];
    await setThresholds(sku, { location: 'LON', lowStock: 2, overstock: null });
    const put = () =>
      test.call('PUT', '/categories/light/thresholds', { body: { lowStock: 7, overstock: 50 } });
    expect(await put()).toMatchObject({
      status: 200,
      body: { category: 'light', lowStock: 7, overstock: 50, changed: 1 },
    });
    expect(await put()).toMatchObject({ body: { changed: 0 } });
    await addStock(test.db, sku, 'EWR', 60);
    expect(await inForce(sku)).toMatchObject([
      { warehouse: 'AMS', lowStock: 7, overstock: 50, own: false },
      { warehouse: 'EWR', lowStock: 7, overstock: 50, own: false },
      { warehouse: 'LON', lowStock: 2, own: true },
    ]);
    expect((await readAlerts(test.db, sku)).sort()).toEqual(['low_stock open', 'overstock open']);
    expect(await inForce(other)).toMatchObject([{ lowStock: 0, own: false }]);
  });

  it('of a product win over those of its category, until they are given up', async () => {
    const sku = await productIn('light', { AMS: 5 });
    await test.call('PUT', '/categories/light/thresholds', { body: { lowStock: 7, overstock: null } });
    const reply = await setThresholds(sku, { lowStock: 3, overstock: 9 });
    expect(reply.body).toMatchObject({ default: { lowStock: 3, overstock: 9, from: 'product' } });
    await addStock(test.db, sku, 'LON', 1);
    expect(await inForce(sku)).toMatchObject([{ lowStock: 3 }, { lowStock: 3, overstock: 9 }]);
    await test.call('PUT', '/categories/light/thresholds', { body: { lowStock: 8, overstock: null } });
    expect(await inForce(sku)).toMatchObject([{ lowStock: 3 }, { lowStock: 3 }]);
    expect((await setThresholds(sku, { inherit: true })).body).toMatchObject({
      default: { lowStock: 8, from: 'category' },
    });
    expect(await inForce(sku)).toMatchObject([{ lowStock: 8, overstock: null }, { lowStock: 8 }]);
  });

  it('follow a product to its new category', async () => {
    await test.call('PUT', '/categories/seat/thresholds', { body: { lowStock: 6, overstock: null } });
    const sku = await productIn(null, { AMS: 5 });
    await test.db.pool.query(
      `update products set category_id = (select id from categories where code = 'seat') where sku = $1`,
      [sku],
    );
    expect(await inForce(sku)).toMatchObject([{ lowStock: 6 }]);
    expect(await readAlerts(test.db, sku)).toEqual(['low_stock open']);
  });

  it('of a category reach every row, whoever makes stock rows meanwhile', async () => {
    const skus = await Promise.all(Array.from({ length: 10 }, () => productIn('seat', { AMS: 9 })));
    for (let lowStock = 20; lowStock < 25; lowStock++) {
      const warehouse = `W${lowStock}`;
      await Promise.all([
        test.call('PUT', '/categories/seat/thresholds', { body: { lowStock, overstock: null } }),
        ...skus.map((sku) => setTo(sku, 5, 'AMS')),
        ...skus.map((sku) => addStock(test.db, sku, warehouse, 1)),
      ]);
      for (const sku of skus) for (const row of await inForce(sku)) expect(row).toMatchObject({ lowStock });
    }
  });

  it('are refused where they make no sense', async () => {
    const sku = await productIn(null, { AMS: 5 });
    const bad = [
      {},
      { lowStock: 1 },
      { overstock: 1 },
      { lowStock: -1, overstock: null },
      { lowStock: 1.5, overstock: null },
      { lowStock: '1', overstock: null },
      { lowStock: 1e10, overstock: null },
      { lowStock: 5, overstock: 4 },
      { lowStock: 5, overstock: -4 },
      { lowStock: null, overstock: null },
      { inherit: false },
      { lowStock: 1, overstock: null, location: '' },
      { lowStock: 1, overstock: null, location: 'x'.repeat(51) },
    ];
    for (const body of bad)
      expect(await setThresholds(sku, body)).toMatchObject({
        status: 422,
        body: { code: 'VALIDATION_FAILED' },
      });
    expect((await setThresholds(sku, { location: 'NOPE', lowStock: 1, overstock: null })).body.code).toBe(
      'UNKNOWN_LOCATION',
    );
    expect((await setThresholds('NOPE', { lowStock: 1, overstock: null })).status).toBe(404);
    expect((await test.call('GET', '/inventory/NOPE/thresholds')).status).toBe(404);
    expect(
      (await test.call('PUT', '/categories/nope/thresholds', { body: { lowStock: 1, overstock: null } }))
        .status,
    ).toBe(404);
    expect(
      (await test.call('PUT', '/categories/seat/thresholds', { body: { lowStock: 9, overstock: 8 } })).status,
    ).toBe(422);
  });
});

describe('alerts that others raise', () => {
  it('are one per product, location and kind, with the details of now', async () => {
    const sku = await productIn(null, { AMS: 5 });
    const key = await keyOf(sku);
    const raise = (onHand: number) =>
      test.db.transaction((tx) => raiseAlerts(tx, 'ledger_drift', [{ ...key, details: { onHand } }]));
    await raise(5);
    await raise(5);
    await raise(6);
    expect(await alertsOf(sku)).toMatchObject([
      { kind: 'ledger_drift', status: 'open', details: { onHand: 6 } },
    ]);
    await test.db.transaction((tx) => resolveAlerts(tx, 'ledger_drift', [key]));
    await test.db.transaction((tx) => resolveAlerts(tx, 'ledger_drift', [key]));
    await raise(7);
    expect(await readAlerts(test.db, sku)).toEqual(['ledger_drift resolved', 'ledger_drift open']);
  });
});

async function keyOf(sku: string) {
  const found = await test.db.pool.query<{ productId: number; warehouseId: number }>(
    `select product_id as "productId", warehouse_id as "warehouseId" from stock s join products p on p.id = s.product_id where p.sku = $1`,
    [sku],
  );
  return found.rows[0]!;
}
