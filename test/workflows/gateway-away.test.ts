import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { gatewayBooks, takeAway } from './gateway';
import { place, refusalOf } from './order';

/** Such a card is charged when the test says so. */
const NEVER_MS = 3_600_000;

let stack: Stack;
beforeAll(async () => {
  // The gateway is given less time than a slow card takes, so that such a charge is unknown for a while.
  stack = await startStack({ slowMs: NEVER_MS, settings: { PAYMENT_CALL_TIMEOUT_MS: 300 } });
  await addStock(stack.db, 'LAMP', 'AMS', 10);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

async function reservedUnits(): Promise<number> {
  const { rows } = await stack.db.pool.query<{ reserved: number }>(
    'select sum(reserved)::int as reserved from stock',
  );
  return rows[0]!.reserved;
}

test('while the gateway is away a payment is unknown and the stock stays held; it is charged once when it is back', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, holdSeconds: 1 });
  await order.until('reserved');
  const back = await takeAway(stack, 'charges');
  const paid = await order.payLater('tok_ok');
  await order.until(({ payment }) => payment?.status === 'unknown');
  expect(await order.view()).toMatchObject({ status: 'reserved', reservation: { status: 'pending' } });
  expect(await order.details()).toContain('Waiting for the payment gateway: charge');
  expect(await refusalOf(order.pay('tok_ok'))).toBe('PAYMENT_IN_PROGRESS');
  await back();
  expect(await paid()).toMatchObject({ outcome: 'captured' });
  expect(await order.closed('gateway-away-then-back')).toEqual({ status: 'fulfilled' });
  expect(await gatewayBooks(stack, order)).toEqual([{ status: 'captured', calls: 1 }]);
  expect(await order.attention()).toBeUndefined();
});

test('a charge that is unknown for too long gives up its reservation, alerts, and is refunded when it turns out captured', async () => {
  const order = await place(stack, {
    items: { LAMP: 2 },
    token: 'tok_slow',
    saga: { paymentUnknownSeconds: 1 },
  });
  await order.until('failed');
  await waitFor(async () => (await order.attention()) !== undefined);
  expect(await reservedUnits()).toBe(0);
  expect(await order.view()).toMatchObject({
    failureCode: 'PAYMENT_UNRESOLVED',
    payment: { status: 'unknown' },
  });
  await waitFor(async () => (await order.details()).includes('**Needs a person:** charge_unresolved'));
  await stack.db.pool.query('update sandbox_gateway.charges set settles_at = clock_timestamp()');
  await stack.db.pool.query('update payments set next_try_at = null where order_id = $1', [order.orderId]);
  await order.wake();

  expect(await order.closed('reservation-given-up-then-refunded')).toEqual({ status: 'failed' });
  expect(await order.attention()).toBeUndefined();
  expect(await order.view()).toMatchObject({ payment: { status: 'refunded', refundedMinor: 2_000 } });
  expect(await gatewayBooks(stack, order)).toEqual([{ status: 'captured', calls: 1 }]);
});

test('a charge that never reached the gateway before its reservation was given up is never made', async () => {
  const back = await takeAway(stack, 'charges');
  const order = await place(stack, {
    items: { LAMP: 1 },
    token: 'tok_ok',
    saga: { paymentUnknownSeconds: 1 },
  });
  await order.until('failed');
  await back();
  expect(await order.closed('reservation-given-up-never-charged')).toEqual({ status: 'failed' });
  expect(await order.view()).toMatchObject({ payment: { status: 'declined', declineCode: 'abandoned' } });
  expect(await gatewayBooks(stack, order)).toEqual([{ status: 'declined', calls: 0 }]);
  expect(await order.attention()).toBeUndefined();
});
