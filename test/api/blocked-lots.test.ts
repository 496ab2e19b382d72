import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { inDays } from '../tracking/support';
import { callStock, receiptOf as receipt } from './stock-support';
import { openTestApi, type TestApi } from './support';
import { ADMIN_CALLER } from '../support/access-keys';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

const call = (method: string, path: string, body?: unknown, key?: string) =>
  callStock(`${test.api.url}/api/v1`, method, path, body, key);

/** A product that is kept by lot. */
async function lotted(): Promise<string> {
  const sku = `LOT-${newId()}`;
  await addStock(test.db, sku, 'AMS', 0);
  expect((await call('PUT', `/products/${sku}/tracking`, { lots: true, serials: false })).status).toBe(200);
  return sku;
}

const receive = (sku: string, code: string, days: number, quantity = 5) =>
  call('POST', '/receipts', receipt([{ sku, quantity, lot: { code, expiresOn: inDays(days) } }]));
const reserve = (sku: string, quantity: number) =>
  call('POST', '/reservations', { items: [{ sku, quantity }] });
const stockOf = async (sku: string) => (await call('GET', `/inventory/${sku}`)).body;

it('a lot that arrived expired is received and not on sale', async () => {
  const sku = await lotted();
  expect((await receive(sku, 'OLD', -1)).status).toBe(201);
  expect(await stockOf(sku)).toMatchObject({ onHand: 5, available: 0 });
  expect((await reserve(sku, 1)).status).toBe(409);
  expect((await call('GET', `/quality-holds?sku=${sku}`)).body.items).toMatchObject([
    { lot: 'OLD', cause: 'expired', open: 5, awaited: 0 },
  ]);
});

it('a mistyped expiry is corrected, by whom and why is kept, and the lot is received with the right date', async () => {
  const sku = await lotted();
  const wrong = await receive(sku, 'L-7', 3_650);
  const gone = { location: 'AMS', delta: -5, reason: 'wrong date' };
  expect((await call('POST', `/inventory/${sku}/adjust`, gone)).status).toBe(200);
  expect(await receive(sku, 'L-7', 30)).toMatchObject({
    status: 422,
    body: {
      code: 'LOT_EXPIRY_MISMATCH',
      lot: 'L-7',
      known: { expiresOn: inDays(3_650) },
      given: { expiresOn: inDays(30) },
      correctWith: `PUT /inventory/${sku}/lots/L-7`,
    },
  });
  const at = `/inventory/${sku}/lots/L-7`;
  const corrected = await call('PUT', at, { expiresOn: inDays(30), reason: 'mistyped' });
  expect(corrected).toMatchObject({
    status: 200,
    body: {
      code: 'L-7',
      expiresOn: inDays(30),
      changes: [
        {
          change: 'expiry',
          before: inDays(3_650),
          after: inDays(30),
          reason: 'mistyped',
          actor: ADMIN_CALLER,
        },
      ],
    },
  });
  expect((await receive(sku, ' l-7 ', 30)).status).toBe(201);
  expect(await call('GET', at)).toMatchObject({ status: 200, body: { quantity: 5 } });
  expect((await call('PUT', `/inventory/${sku}/lots/NO`, { expiresOn: null, reason: 'x' })).status).toBe(404);
  expect((await call('PUT', at, { expiresOn: '2026-02-30', reason: 'x' })).status).toBe(422);
  // Its units have left, so the receipt itself cannot be taken back.
  expect(
    await call('POST', `/receipts/${wrong.body.id}/correct`, {
      reason: 'x',
      lines: [{ line: 1, quantity: 9 }],
    }),
  ).toMatchObject({ status: 200 });
});

it('a hold of a recalled lot cuts the reservation that it is promised to, and only good units leave', async () => {
  const sku = await lotted();
  await receive(sku, 'BAD', 10);
  await receive(sku, 'GOOD', 20);
  const { id } = (await reserve(sku, 8)).body;
  expect((await call('POST', `/reservations/${id}/confirm`)).status).toBe(200);
  const wanted = { location: 'AMS', lot: 'BAD', quantity: 5, reason: 'glass in it' };
  const held = await call('POST', `/inventory/${sku}/quality-hold`, wanted);
  expect(held).toMatchObject({ status: 201, body: { lot: 'BAD', quantity: 5, open: 5, awaited: 0 } });
  expect((await call('GET', `/reservations/${id}`)).body.items).toMatchObject([
    { quantity: 8, openQuantity: 5 },
  ]);
  const named = { items: [{ sku, lots: [{ code: 'bad', quantity: 1 }] }] };
  expect(await call('POST', `/reservations/${id}/ship`, named)).toMatchObject({
    status: 409,
    body: { code: 'LOT_BLOCKED' },
  });
  expect((await call('POST', `/reservations/${id}/ship`)).status).toBe(200);
  expect((await call('GET', `/inventory/${sku}/lots`)).body.items).toMatchObject([
    { code: 'BAD', quantity: 5, held: 5 },
  ]);
  expect((await call('GET', `/inventory/alerts?kind=recall&sku=${sku}`)).body.items).toMatchObject([
    { details: { why: 'glass in it', affected: [{ reservationId: id, outcome: 'cut', units: 3 }] } },
  ]);
});

it('a recall of a lot holds it everywhere until it is ended', async () => {
  const sku = await lotted();
  await receive(sku, 'L', 10);
  const at = `/inventory/${sku}/lots/l`;
  expect(await call('POST', `${at}/recall`, { reason: 'supplier' })).toMatchObject({
    status: 200,
    body: { code: 'L', held: 5, recall: { reason: 'supplier', by: ADMIN_CALLER } },
  });
  await receive(sku, 'L', 10, 2);
  expect(await stockOf(sku)).toMatchObject({ onHand: 7, available: 0 });
  expect(await call('POST', `${at}/end-recall`, { reason: 'tested' })).toMatchObject({
    status: 200,
    body: { held: 0, recall: null },
  });
  expect(await stockOf(sku)).toMatchObject({ onHand: 7, available: 7 });
});

it('a mistyped receipt is taken back once for its key, and comes again under its reference', async () => {
  const sku = `DESK-${newId()}`;
  await addStock(test.db, sku, 'AMS', 0);
  const body = receipt([{ sku, quantity: 400, unitCostMinor: 250 }]);
  const { id } = (await call('POST', '/receipts', body)).body;
  const key = newId();
  const reversal = { reason: 'a zero too many' };
  const first = await call('POST', `/receipts/${id}/reverse`, reversal, key);
  expect(first).toMatchObject({
    status: 200,
    body: { changes: [{ kind: 'reversal', reason: 'a zero too many' }] },
  });
  expect((await call('POST', `/receipts/${id}/reverse`, reversal, key)).body).toEqual(first.body);
  expect(await call('POST', `/receipts/${id}/reverse`, reversal)).toMatchObject({
    status: 409,
    body: { code: 'RECEIPT_REVERSED' },
  });
  const again = await call('POST', '/receipts', {
    ...body,
    lines: [{ sku, quantity: 40, unitCostMinor: 250 }],
  });
  expect(again.status).toBe(201);
  const line = { line: 1, unitCostMinor: 260 };
  expect(
    await call('POST', `/receipts/${again.body.id}/correct`, { reason: 'invoice', lines: [line] }),
  ).toMatchObject({
    status: 200,
    body: { lines: [{ quantity: 40, unitCostMinor: 260 }] },
  });
  expect(await call('POST', `/receipts/${newId()}/reverse`, reversal)).toMatchObject({ status: 404 });
  expect(
    await call('POST', `/receipts/${again.body.id}/correct`, { reason: 'x', lines: [{ line: 9 }] }),
  ).toMatchObject({
    status: 422,
    body: { code: 'NO_SUCH_LINE', line: 9 },
  });
});
