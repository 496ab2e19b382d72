import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { NEVER_MS, untilShipments } from './carrier';
import { takeAway } from './gateway';
import { place } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS } });
  await addStock(stack.db, 'LAMP', 'AMS', 10);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

test('a refund that keeps failing is seen as stuck, keeps the stock, and is made when the gateway is back', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  const back = await takeAway(stack, 'refunds');
  const cancelled = await order.cancelLater();
  await waitFor(async () => (await order.attention()) !== undefined);
  expect(await order.details()).toMatch(/\*\*Stuck\*\* undoing: give the money back.*does not exist/);
  expect(await order.view()).toMatchObject({
    status: 'fulfilling',
    reservation: { status: 'confirmed' },
    shipments: [{ status: 'voided' }],
    refunds: [{ status: 'pending' }],
  });

  await back();
  expect(await cancelled()).toEqual({ outcome: 'cancelled' });
  expect(await order.closed('refund-stuck')).toEqual({ status: 'cancelled' });
  expect(await order.attention()).toBeUndefined();
  expect(await order.view()).toMatchObject({ refunds: [{ status: 'succeeded', amountMinor: 1_000 }] });
});

test('a signal has a stuck undo tried at once, without waiting for its next turn', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  const back = await takeAway(stack, 'refunds');
  const cancelled = await order.cancelLater();
  await waitFor(async () => (await order.attention()) !== undefined);
  await back();
  await order.wake();
  expect(await cancelled()).toEqual({ outcome: 'cancelled' });
  await order.handle.result();
  const { events } = await order.history();
  expect((events ?? []).filter((event) => event.timerCanceledEventAttributes)).toHaveLength(1);
  expect((events ?? []).filter((event) => event.timerFiredEventAttributes)).toHaveLength(0);
});
