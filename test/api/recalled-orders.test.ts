import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { callStock, receiptOf as receipt } from './stock-support';
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
  shipments: { warehouse: string; status: string; items: { quantity: number }[] }[];
  items: { reservedQuantity: number; cancelledQuantity: number; unitPriceMinor: number }[];
  refunds: { status: string; amountMinor: number }[];
}

it('a recall of what a booked parcel needs stops it; other units ship, the rest is cut and its price goes back', async () => {
  const sku = `MILK-${newId()}`;
  for (const place of ['AMS', 'BER']) await addStock(stack.db, sku, place, 0);
  await call('PUT', `/products/${sku}/tracking`, { lots: true, serials: false });
  const lot = (code: string, quantity: number, expiresOn: string) => ({
    sku,
    quantity,
    lot: { code, expiresOn },
  });
  const lines = [lot('BAD', 5, '2098-01-31'), lot('GOOD', 5, '2099-01-31')];
  await call('POST', '/receipts', receipt(lines));
  const payment = { method: 'card', token: 'tok_ok' };
  const placed = await call('POST', '/orders', order(sku, 8, { payment }));
  const read = async () => (await call('GET', `/orders/${placed.body.id}`)).body as unknown as OrderBody;
  const parcels = async () =>
    (await read()).shipments
      .filter(({ status }) => status !== 'voided')
      .map(({ warehouse, status, items }) => `${warehouse} ${status} ${items[0]?.quantity}`)
      .sort();
  await waitFor(async () => (await parcels())[0] === 'AMS booked 8');
  await call('POST', '/receipts', receipt([lot('OTHER', 2, '2099-01-31')], { location: 'BER' }));
  const wanted = { location: 'AMS', lot: 'BAD', quantity: 5, reason: 'glass' };
  expect((await call('POST', `/inventory/${sku}/quality-hold`, wanted)).status).toBe(201);
  await waitFor(async () => (await parcels()).join() === 'AMS booked 5,BER booked 2');
  await waitFor(async () => (await read()).refunds[0]?.status === 'succeeded');
  const { items, refunds } = await read();
  expect(items).toMatchObject([{ reservedQuantity: 7, cancelledQuantity: 1 }]);
  expect(refunds.map(({ amountMinor }) => amountMinor)).toEqual([items[0]?.unitPriceMinor]);
  const holds = await call('GET', `/quality-holds?sku=${sku}`);
  expect(holds.body.items).toMatchObject([{ open: 5, awaited: 0 }]);
});
