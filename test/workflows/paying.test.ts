import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { gatewayBooks, hangingGateway } from './gateway';
import { place, refusalOf } from './order';

const gateway = hangingGateway();
let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ slowMs: 1_500, gateway: (sandbox) => gateway.over(sandbox) });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(async () => {
  gateway.release();
  await stack.stop();
});
afterEach(() => expectAtRest(stack.db));

test('a declined card leaves the reservation, and another card pays', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  const { reservation } = await order.until('reserved');
  expect(await order.pay('tok_declined')).toMatchObject({ outcome: 'declined' });
  expect(await order.view()).toMatchObject({ status: 'reserved', reservation });
  expect(await order.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  expect(await order.closed('declined-then-another-card')).toEqual({ status: 'fulfilled' });

  const { payments } = await order.view();
  expect(payments.map(({ status }) => status)).toEqual(['declined', 'captured']);
});

test('the same attempt to pay, sent again, is the same charge', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await order.until('reserved');
  const first = await order.pay('tok_insufficient_funds', 'attempt-1');
  expect(await order.pay('tok_insufficient_funds', 'attempt-1')).toEqual(first);
  expect((await order.view()).payments).toHaveLength(1);
  await order.cancel();
  await order.handle.result();
});

test('of two payments at once one is charged and the other is refused', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await order.until('reserved');
  gateway.holdResponses();
  const outcome = await order.payLater('tok_ok');
  expect(await refusalOf(order.pay('tok_ok'))).toBe('PAYMENT_IN_PROGRESS');
  gateway.release();
  expect(await outcome()).toMatchObject({ outcome: 'captured' });
  expect(await order.closed('two-payments-at-once')).toEqual({ status: 'fulfilled' });
  expect((await order.view()).payments).toHaveLength(1);
});

test('payments that arrive together before the stock is reserved are charged once', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  const answers = await Promise.all([order.pay('tok_ok'), order.pay('tok_ok'), order.pay('tok_ok')]);
  await order.handle.result();
  expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['captured', 'refused', 'refused']);
  expect((await order.view()).payments).toHaveLength(1);
});

test('a flaky network delays a charge and does not double it', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_flaky' });
  expect(await order.closed('flaky-network')).toEqual({ status: 'fulfilled' });
  expect(await gatewayBooks(stack, order)).toEqual([{ status: 'captured', calls: 3 }]);
});

test('a charge whose response was lost is looked up and not made again', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_timeout' });
  expect(await order.closed('answer-lost')).toEqual({ status: 'fulfilled' });
  expect(await gatewayBooks(stack, order)).toEqual([{ status: 'captured', calls: 1 }]);
});

test('a reservation does not expire while the gateway takes longer than it', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, holdSeconds: 1, token: 'tok_slow' });
  expect(await order.closed('slow-gateway-outlives-the-reservation')).toEqual({ status: 'fulfilled' });
  const { payment, reservation } = await order.view();
  expect(payment).toMatchObject({ status: 'captured' });
  const { rows } = await stack.db.pool.query<{ late: boolean }>(
    'select p.updated_at > r.expires_at as late from payments p join reservations r on r.id = p.reservation_id where p.id = $1',
    [payment?.id],
  );
  expect(rows).toEqual([{ late: true }]);
  expect(reservation?.status).toBe('shipped');
});
