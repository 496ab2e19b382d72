import { expectSumsRight } from '../analytics/support';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await test.db.pool.query(`insert into categories (code, name) values ('=A', 'Formula')`);
  await test.db.pool.query(
    `insert into products (sku, name, price_minor, currency, category_id)
     select s, s, 1000, 'USD', (select id from categories where code = '=A') from unnest(array['A-1', 'A-2', 'A-3']) s`,
  );
  await test.db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region) values ('AMS', 'AMS', 52, 5, 'eu-west') on conflict do nothing`,
  );
  await test.db.pool.query(
    `insert into product_cost_steps (product_id, at, average_minor, costed_units, owned_units, currency)
     select id, '2020-01-01', 250, 9, 9, 'USD' from products where sku = 'A-1'`,
  );
  await test.db.pool.query(
    `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select p.id, w.id, m.kind, m.units, 0, gen_random_uuid()
     from products p, warehouses w, (values ('receipt', 10), ('ship', -4), ('adjust', -6)) m (kind, units)
     where p.sku = 'A-1' and w.code = 'AMS' order by m.units desc`,
  );
});
afterEach(() => expectSumsRight(test.db));
afterAll(() => test.close());

const DAY = 86_400_000;
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);
/** Days around now: midnight may pass. */
const PERIOD = `from=${dayOf(Date.now() - DAY)}&to=${dayOf(Date.now() + 2 * DAY)}`;

const get = (path: string, headers: Record<string, string> = {}) =>
  test.call('GET', `/analytics/${path}`, { headers });

it('groups are told with their totals', async () => {
  const { status, body } = await get(`inventory?groupBy=category&${PERIOD}`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    groupBy: 'category',
    tz: 'UTC',
    stale: false,
    isOver: false,
    totals: { units: { sold: 4, received: 10, adjusted: -6, closing: 0 }, growth: null },
    items: [
      {
        key: '=A',
        units: { sold: 4 },
        sellThrough: 0.4,
        share: 1,
        values: [{ currency: 'USD', costedUnits: 4, costMinor: 1_000, pricedUnits: 0, marginMinor: null }],
      },
    ],
    nextCursor: null,
  });
});

it('products are told page by page', async () => {
  const first = await get(`inventory?groupBy=product&limit=2&${PERIOD}`);
  expect(first.body).toMatchObject({ items: [{ key: 'A-1' }, { key: 'A-2' }] });
  const cursor = String(Reflect.get(first.body, 'nextCursor'));
  expect((await get(`inventory?groupBy=product&limit=2&${PERIOD}&cursor=${cursor}`)).body).toMatchObject({
    items: [{ key: 'A-3', units: { sold: 0, average: 0 }, turnover: null }],
    nextCursor: null,
  });
  expect((await get(`inventory?groupBy=product&sku=A-2&${PERIOD}`)).body).toMatchObject({
    items: [{ key: 'A-2' }],
    nextCursor: null,
  });
});

it('a product is told day by day', async () => {
  const { body } = await get(`products/A-1?${PERIOD}&location=AMS`);
  expect(body).toMatchObject({ sku: 'A-1', movement: 'none', variability: null, ageing: { upTo30: 0 } });
  expect(await get(`products/GONE?${PERIOD}`)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
});

it('what is sold out is told by place', async () => {
  const { body } = await get(`stockouts?${PERIOD}`);
  expect(body).toMatchObject({ items: expect.any(Array) as unknown[], nextCursor: null });
});

it('in a table no text begins a formula, and amounts are numbers', async () => {
  const accept = { accept: 'text/csv' };
  const groups = await get(`inventory?groupBy=category&${PERIOD}`, accept);
  expect(groups.headers.get('content-type')).toMatch(/^text\/csv/);
  expect(groups.text).toContain("\ncategory,'=A,4,10,0,-6,0,0,0,0,0,");
  expect(groups.text).toContain("\ncategory,'=A,,,,,,,,,,,,,,,,,,USD,0,0.00,0.00,4,10.00,,,,\n");
  expect((await get(`products/A-1?${PERIOD}`, accept)).text).toMatch(/^day,sold,[^\n]+\n\d{4}-\d\d-\d\d,/);
  expect((await get(`stockouts?${PERIOD}`, accept)).text).toMatch(/^sku,warehouse,days,since\n/);
});

const MARCH = 'from=2026-03-01&to=2026-04-01';

it.each([
  ['inventory', 'VALIDATION_FAILED'],
  [`inventory?groupBy=merchant&${MARCH}`, 'VALIDATION_FAILED'],
  ['inventory?groupBy=category&from=2026-03-01&to=2026-03-01', 'VALIDATION_FAILED'],
  ['inventory?groupBy=category&from=2006-03-01&to=2026-03-30', 'VALIDATION_FAILED'],
  ['inventory?groupBy=category&from=2999-03-01&to=2999-03-02', 'VALIDATION_FAILED'],
  [`inventory?groupBy=category&zone=UTC&${MARCH}`, 'VALIDATION_FAILED'],
  [`inventory?groupBy=category&sku=A-1&${MARCH}`, 'VALIDATION_FAILED'],
  [`inventory?groupBy=product&tz=Europe/Paris&${MARCH}`, 'VALIDATION_FAILED'],
  [`inventory?groupBy=product&cursor=x&${MARCH}`, 'VALIDATION_FAILED'],
  [`inventory?groupBy=category&tz=Asia/Kolkata&${MARCH}`, 'ZONE_NOT_WHOLE_HOURS'],
  [`inventory?groupBy=category&tz=EST&${MARCH}`, 'UNKNOWN_ZONE'],
  [`inventory?groupBy=category&category=gone&${MARCH}`, 'UNKNOWN_CATEGORY'],
  [`inventory?groupBy=category&location=GONE&${MARCH}`, 'UNKNOWN_LOCATION'],
  ['products/A-1?from=2020-03-01&to=2026-03-01', 'VALIDATION_FAILED'],
  [`products/A-1?tz=UTC&${MARCH}`, 'VALIDATION_FAILED'],
  [`stockouts?limit=5&${MARCH}`, 'VALIDATION_FAILED'],
])('%s is refused', async (path, code) => {
  expect(await get(path)).toMatchObject({ status: 422, body: { code } });
});
