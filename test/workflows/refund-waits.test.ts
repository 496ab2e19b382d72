import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { NEVER_MS, untilShipments } from './carrier';
import { takeAway } from './gateway';
import { place } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ slowMs: 500, settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS } });
  await addStock(stack.db, 'LAMP', 'AMS', 10);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

async function available(): Promise<number> {
  const { rows } = await stack.db.pool.query<{ available: number }>('select available from stock');
  return rows[0]!.available;
}

test('a refund waits for a gateway that is away, while the stock is on sale again; it is made when the gateway is back', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  const back = await takeAway(stack, 'refunds');
  const cancelled = await order.cancelLater();
  await order.until('cancelled');
  expect(await available()).toBe(10);
  expect(await order.view()).toMatchObject({
    reservation: { status: 'cancelled' },
    shipments: [{ status: 'voided' }],
    refunds: [{ status: 'planned' }],
    payment: { status: 'captured', refundedMinor: 0 },
  });
  await waitFor(async () => (await order.view()).refunds[0]?.lastError);
  expect((await order.view()).refunds[0]).toMatchObject({
    lastError: expect.stringContaining('does not exist') as string,
    nextTryAt: expect.stringMatching(/Z$/) as string,
  });
  expect(await order.details()).toContain('Waiting for the payment gateway: refund');

  await back();
  expect(await cancelled()).toEqual({ outcome: 'cancelled' });
  expect(await order.closed('refund-waits')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({ refunds: [{ status: 'succeeded', amountMinor: 1_000 }] });
});

test('a refund that the gateway refuses for good ends the saga and waits for a person, who is told what to do', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_refund_fails' });
  await untilShipments(order, 'booked');
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await order.closed('refund-refused')).toEqual({ status: 'cancelled' });
  expect(await available()).toBe(10);
  const view = await order.view();
  expect(view).toMatchObject({
    refunds: [{ status: 'failed', lastError: 'the card account is closed' }],
    attention: [{ kind: 'refund_failed', why: 'the card account is closed' }],
  });
  expect(view.attention[0]?.next).toContain('/resolve');
  expect(await order.attention()).toEqual(['refund_failed']);
  expect(await order.details()).toContain('**Needs a person:** refund_failed');
});

test('a refund that the gateway takes and then fails is seen', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_refund_pending' });
  await untilShipments(order, 'booked');
  const cancelled = await order.cancelLater();
  await order.until(({ refunds }) => refunds[0]?.status === 'pending');
  expect(await order.view()).toMatchObject({ payment: { refundedMinor: 0 }, attention: [] });
  // What a gateway's notice does: the refund is due now.
  await waitFor(async () => {
    await stack.db.pool.query(`update refunds set next_try_at = null where status = 'pending'`);
    await order.wake().catch(() => undefined);
    return (await order.view()).refunds[0]?.status === 'failed';
  });
  expect(await cancelled()).toEqual({ outcome: 'cancelled' });
  await order.closed('refund-fails-later');
  expect((await order.view()).attention).toMatchObject([{ kind: 'refund_failed' }]);
});
