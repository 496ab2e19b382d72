import { requestRefund, settleByHand } from '../../domain/payments/refunds-by-hand';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { carrierSays, NEVER_MS, untilShipments } from './carrier';
import { takeAway } from './gateway';
import { place, type PlacedOrder } from './order';

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
    lastError: 'The payment gateway gave no answer.',
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
    await order.wake();
    return (await order.view()).refunds[0]?.status === 'failed';
  });
  expect(await cancelled()).toEqual({ outcome: 'cancelled' });
  await order.closed('refund-fails-later');
  expect((await order.view()).attention).toMatchObject([{ kind: 'refund_failed' }]);
});

describe('of an order that was shipped and whose saga has ended', () => {
  const BY = { reason: 'late delivery', actor: 'kim' };

  /** A refund of 300 that an operator asks for. */
  async function asked(order: PlacedOrder): Promise<string> {
    const { orderId } = order;
    const wanted = { orderId, requestId: newId(), paymentId: null, amountMinor: 300, ...BY };
    return (await requestRefund(stack.db, wanted)).id;
  }

  async function shipped(): Promise<PlacedOrder> {
    const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
    await untilShipments(order, 'booked');
    await carrierSays(stack, order, 'picked_up');
    expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
    return order;
  }

  test('a refund that is asked for starts the saga again, which makes it and ends', async () => {
    const order = await shipped();
    await asked(order);
    await order.until(({ refunds }) => refunds[0]?.status === 'succeeded');
    expect(await order.closed('refund-after-the-end')).toEqual({ status: 'fulfilled' });
    expect(await order.view()).toMatchObject({
      status: 'fulfilled',
      payment: { status: 'partially_refunded', refundedMinor: 300 },
    });
  });

  test('a saga that waits for a gateway that is away ends once a person has settled the refund', async () => {
    const order = await shipped();
    const back = await takeAway(stack, 'refunds');
    const refundId = await asked(order);
    await waitFor(async () => (await order.view()).refunds[0]?.lastError);
    await settleByHand(stack.db, { refundId, outcome: 'waived', reference: null, ...BY });
    expect(await order.closed('refund-settled-while-it-waits')).toEqual({ status: 'fulfilled' });
    await back();
    expect(await order.view()).toMatchObject({ refunds: [{ status: 'settled_by_hand' }], attention: [] });
  });
});
