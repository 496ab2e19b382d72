import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { openTestApi, order, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'S', 'A', 5);
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

it('shows what can be ordered while the only warehouse of a product is closed, and takes it back when it opens', async () => {
  const closed = await test.call('POST', '/warehouses/A/close', { body: { reason: 'flood' } });
  expect(closed).toMatchObject({ status: 200, body: { code: 'A', status: 'closed', reason: 'flood' } });
  expect(Object.keys(closed.body)).toContain('actor');
  expect((await test.call('POST', '/warehouses/A/close')).body).toEqual(closed.body);

  const shown = (await test.call('GET', '/inventory/S')).body;
  expect(shown).toMatchObject({
    onHand: 5,
    reserved: 0,
    available: 0,
    locations: [{ warehouse: 'A', open: false, onHand: 5, available: 0, status: 'out_of_stock' }],
  });
  expect((await test.call('GET', '/inventory/S/location/A')).body).toEqual(shown.locations[0]);
  expect((await test.call('GET', '/inventory/metrics')).body).toMatchObject({
    units: { onHand: 5, available: 0 },
  });
  expect((await test.call('GET', '/warehouses')).body.items).toMatchObject([
    { active: false, status: 'closed' },
  ]);
  expect(await test.call('POST', '/orders', { body: order('S', 1) })).toMatchObject({
    status: 409,
    body: { code: 'OUT_OF_STOCK', shortages: [{ requested: 1, available: 0 }] },
  });
  for (const location of ['A', undefined]) {
    const reply = await test.call('POST', '/inventory/S/reserve', { body: { quantity: 1, location } });
    expect(reply).toMatchObject({ status: 409, body: { code: 'OUT_OF_STOCK' } });
  }

  const opened = await test.call('POST', '/warehouses/A/open');
  expect(opened).toMatchObject({ status: 200, body: { status: 'open', reason: null } });
  expect((await test.call('GET', '/inventory/S')).body).toMatchObject({ available: 5 });
  expect((await test.call('POST', '/inventory/S/reserve', { body: { quantity: 5 } })).status).toBe(201);
});

it('shows the units of each state where it is asked for them', async () => {
  const { body } = await test.call('GET', '/inventory/S?states=true');
  expect(body).toMatchObject({ onHand: 5, available: 0, committed: 0, unpaid: 5, unavailable: 0 });
  expect(body.locations).toMatchObject([{ committed: 0, unpaid: 5, unavailable: 0 }]);
  expect((await test.call('GET', '/inventory/S')).body).not.toHaveProperty('unpaid');
  expect((await test.call('GET', '/inventory/NOPE?states=true')).status).toBe(404);
  expect((await test.call('GET', `/inventory/S?states=true&asOf=2020-01-01T00:00:00Z`)).status).toBe(422);
  expect((await test.call('GET', '/inventory/S?state=true')).status).toBe(422);
});

it('says of a closed warehouse the same after a change of its stock, one by one, in a batch, and again', async () => {
  await addStock(test.db, 'T', 'B', 5);
  expect((await test.call('POST', '/warehouses/B/close')).status).toBe(200);
  const shown = { warehouse: 'B', reserved: 0, available: 0, status: 'out_of_stock' };
  const post = (path: string, body: object, key: string) =>
    test.call('POST', path, { body, headers: { 'idempotency-key': key } });

  const change = { location: 'B', reason: 'found' };
  const adjusted = await post('/inventory/T/adjust', { ...change, delta: 1 }, 'closed-adjust');
  expect(adjusted).toMatchObject({ status: 200, body: { ...shown, onHand: 6, outcome: 'applied' } });
  const superseded = { ...change, setTo: 9, asOf: '2020-01-01T00:00:00Z' };
  await post('/inventory/T/adjust', { ...change, setTo: 6 }, 'closed-number');
  const late = await post('/inventory/T/adjust', superseded, 'closed-superseded');
  expect(late).toMatchObject({ status: 200, body: { ...shown, onHand: 6, outcome: 'superseded' } });

  const update = { sku: 'T', location: 'B', reason: 'found' };
  for (const atomic of [false, true]) {
    const batch = { atomic, updates: [{ ...update, delta: 1 }] };
    const first = await post('/inventory/batch', batch, `closed-${atomic}`);
    expect(first.body.results).toMatchObject([{ status: 'applied', location: shown }]);
  }
  const refused = await post(
    '/inventory/batch',
    { atomic: true, updates: [{ ...update, delta: -100 }] },
    'closed-refused',
  );
  expect(refused).toMatchObject({ status: 409, body: { rejected: [{ location: { ...shown, onHand: 8 } }] } });

  expect((await test.call('GET', '/inventory/T/location/B')).body).toMatchObject({ ...shown, onHand: 8 });
  expect((await test.call('POST', '/warehouses/B/open')).status).toBe(200);
  const opened = await post('/inventory/T/adjust', { ...change, delta: 1 }, 'opened-adjust');
  expect(opened.body).toMatchObject({ onHand: 9, available: 9, status: 'available' });
});

it('knows no other warehouse, and no other member', async () => {
  expect((await test.call('POST', '/warehouses/NOPE/close')).status).toBe(404);
  expect((await test.call('POST', '/warehouses/NOPE/open')).status).toBe(404);
  expect(await test.call('POST', '/warehouses/A/close', { body: { reasons: 'x' } })).toMatchObject({
    status: 422,
    body: { errors: [{ path: 'reasons' }] },
  });
});
