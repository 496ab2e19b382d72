import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { place } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ refuseWarehouses: ['REFUSED'], loseWarehouses: ['LOSING'] });
  await addStock(stack.db, 'SOFA', 'AMS', 1);
  await addStock(stack.db, 'SOFA', 'REFUSED', 1);
  await addStock(stack.db, 'BED', 'REFUSED', 2);
  await addStock(stack.db, 'LAMP', 'LOSING', 1);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

async function available(sku: string, warehouse: string): Promise<number> {
  const { rows } = await stack.db.pool.query<{ available: number }>(
    `select s.available from stock s join products p on p.id = s.product_id join warehouses w on w.id = s.warehouse_id
     where p.sku = $1 and w.code = $2`,
    [sku, warehouse],
  );
  return rows[0]!.available;
}

test('when the carrier refuses one of two warehouses, that part is refunded and restocked and the rest ships', async () => {
  const order = await place(stack, { items: { SOFA: 2 }, token: 'tok_ok' });
  expect(await order.closed('one-warehouse-refused')).toEqual({ status: 'fulfilled' });
  expect(await order.view()).toMatchObject({
    items: [{ fulfilledQuantity: 1, cancelledQuantity: 1 }],
    payment: { status: 'partially_refunded', amountMinor: 2_000, refundedMinor: 1_000 },
    refunds: [{ amountMinor: 1_000, reason: 'the carrier failed', status: 'succeeded' }],
  });
  expect(await available('SOFA', 'REFUSED')).toBe(1);
  expect(await available('SOFA', 'AMS')).toBe(0);
});

test('when the carrier refuses every warehouse, the order fails and all the money is back', async () => {
  const order = await place(stack, { items: { BED: 2 }, token: 'tok_ok' });
  expect(await order.closed('every-warehouse-refused')).toEqual({ status: 'failed' });
  expect(await order.view()).toMatchObject({
    failureCode: 'CARRIER_FAILED',
    payment: { status: 'refunded', refundedMinor: 2_000 },
    shipments: [{ status: 'failed' }],
  });
  expect(await available('BED', 'REFUSED')).toBe(2);
  expect(await order.attention()).toBeUndefined();
});

test('a parcel that is lost before its pick-up is refunded and its units are restocked', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  expect(await order.closed('parcel-lost')).toEqual({ status: 'failed' });
  expect(await order.view()).toMatchObject({
    failureCode: 'CARRIER_FAILED',
    payment: { status: 'refunded' },
  });
  expect(await available('LAMP', 'LOSING')).toBe(1);
});
