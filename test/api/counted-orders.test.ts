import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { callStock } from './stock-support';
import { order } from './support';

let stack: Stack;
beforeAll(async () => {
  // Parcels stay where they are.
  stack = await startStack({ api: true, settings: { SANDBOX_CARRIER_DELAY_MS: 3_600_000 } });
});
afterEach(() => expectInvariants(stack.db));
afterAll(() => stack.stop());

const call = (method: string, path: string, body?: unknown, key?: string) =>
  callStock(stack.url, method, path, body, key);

interface OrderBody {
  status: string;
  shipments: { status: string; items: { quantity: number }[] }[];
  items: { reservedQuantity: number; cancelledQuantity: number; unitPriceMinor: number }[];
  refunds: { status: string; amountMinor: number }[];
}

it('a count below what is reserved is resolved: who has not paid gives up first, a booked parcel is stopped, and the number is right then', async () => {
  const sku = `LAMP-${newId()}`;
  await addStock(stack.db, sku, 'AMS', 10);
  const payment = { method: 'card', token: 'tok_ok' };
  const paid = (await call('POST', '/orders', order(sku, 6, { payment }))).body.id;
  const read = async (id: string) => (await call('GET', `/orders/${id}`)).body as unknown as OrderBody;
  await waitFor(async () => (await read(paid)).shipments[0]?.status === 'booked');
  const unpaid = (await call('POST', '/orders', order(sku, 3))).body.id;
  const { id } = (await call('POST', '/counts', { location: 'AMS', skus: [sku] })).body;
  const at = `/counts/${id}`;
  await call('PUT', `${at}/lines`, { sku, counted: 4 });
  await call('POST', `${at}/submit`);
  expect(await call('POST', `${at}/approve`)).toMatchObject({
    status: 200,
    body: { status: 'review', lines: [{ code: 'BELOW_RESERVED', reservationCount: 2 }] },
  });
  const approved = await call('POST', `${at}/approve`, { resolveReserved: true });
  expect(approved.status).toBe(200);
  expect(['resolving', 'closed']).toContain(approved.body.status);
  expect((await read(unpaid)).status).toBe('cancelled');
  const count = async () => (await call('GET', at)).body.status;
  await waitFor(async () => (await count()) === 'closed');
  expect(await call('GET', `/inventory/${sku}/location/AMS`)).toMatchObject({
    body: { onHand: 4, reserved: 4, available: 0 },
  });
  await waitFor(async () => (await read(paid)).refunds[0]?.status === 'succeeded');
  const { items, refunds } = await read(paid);
  expect(items).toMatchObject([{ reservedQuantity: 4, cancelledQuantity: 2 }]);
  expect(refunds.map(({ amountMinor }) => amountMinor)).toEqual([2 * (items[0]?.unitPriceMinor ?? 0)]);
  expect((await call('POST', `${at}/approve`, { resolveReserved: true })).body.status).toBe('closed');
});
