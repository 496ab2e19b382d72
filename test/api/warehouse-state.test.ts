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

it('knows no other warehouse, and no other member', async () => {
  expect((await test.call('POST', '/warehouses/NOPE/close')).status).toBe(404);
  expect((await test.call('POST', '/warehouses/NOPE/open')).status).toBe(404);
  expect(await test.call('POST', '/warehouses/A/close', { body: { reasons: 'x' } })).toMatchObject({
    status: 422,
    body: { errors: [{ path: 'reasons' }] },
  });
});
