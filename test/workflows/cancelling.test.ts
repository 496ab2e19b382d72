import { isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { cancelUndelivered, requestCancel } from '../../domain/ordering/cancel';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { carrierSays, NEVER_MS, pickUpUnheard, untilShipments } from './carrier';
import { hangingGateway } from './gateway';
import { place, refusalOf } from './order';

const gateway = hangingGateway();
let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    gateway: (sandbox) => gateway.over(sandbox),
    settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS },
  });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
  for (const warehouse of ['AMS', 'BER']) {
    await addStock(stack.db, 'SOFA', warehouse, 1);
    await addStock(stack.db, 'BED', warehouse, 1);
  }
});
afterAll(async () => {
  gateway.release();
  await stack.stop();
});
afterEach(() => expectAtRest(stack.db));

test('an unpaid order is cancelled, its stock is back, and cancelling it again is answered the same', async () => {
  const order = await place(stack, { items: { LAMP: 3 } });
  await order.until('reserved');
  const answers = await Promise.allSettled([order.cancel('changed my mind'), order.cancel('twice')]);
  // The later of the two may find the saga closed already, in which case the API answers from the row.
  const answered = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  expect(answered.length).toBeGreaterThanOrEqual(1);
  for (const answer of answered) expect(answer).toEqual({ outcome: 'cancelled' });
  for (const answer of answers) {
    if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(WorkflowNotFoundError);
  }
  await order.closed('cancelled-unpaid');

  const cancelled = await order.view();
  expect(['changed my mind', 'twice']).toContain(cancelled.cancelReason);
  expect(cancelled).toMatchObject({
    status: 'cancelled',
    payments: [],
    reservation: { status: 'cancelled' },
  });
});

test('a saga whose cancel was forgotten by the engine, after its steps were done, ends with its order', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await order.until('reserved');
  const { orderId } = order;
  // As a task does that is lost before it is answered.
  await requestCancel(stack.db, { orderId, reason: 'changed my mind' });
  await cancelUndelivered(stack.db, orderId);
  expect(await order.closed('cancel-forgotten')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({ status: 'cancelled', cancelReason: 'changed my mind' });
});

test('cancelling while a card is charged frees the stock at once, and gives the money back when it was captured', async () => {
  gateway.holdResponses();
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await order.until((view) => view.payments.length === 1);
  const cancelled = await order.cancelLater();
  await order.until('cancelled');
  expect(await order.view()).toMatchObject({ reservation: { status: 'cancelled' }, refunds: [] });
  gateway.release();
  expect(await cancelled()).toEqual({ outcome: 'cancelled' });
  await order.closed('cancelled-while-charging');

  const events = await order.events();
  expect(events.indexOf('order_cancelled')).toBeLessThan(events.indexOf('payment_captured'));
  expect(await order.view()).toMatchObject({
    status: 'cancelled',
    payment: { status: 'refunded', refundedMinor: 1_000 },
  });
});

test('cancelling after the carrier was booked voids the shipment, then frees the stock and plans the refund in one go', async () => {
  const order = await place(stack, { items: { LAMP: 2 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  await waitFor(async () =>
    (await order.details()).includes('Waiting for the carrier to pick up 1 of 1 shipments.'),
  );
  expect(await refusalOf(order.pay('tok_ok'))).toBe('ORDER_NOT_PAYABLE');
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  await order.closed('cancelled-after-booking');

  const events = await order.events();
  const steps = [
    'shipment_voided',
    'stock_restocked',
    'refund_started',
    'order_cancelled',
    'refund_succeeded',
  ];
  expect(events.filter((event) => steps.includes(event))).toEqual(steps);
  expect((await order.view()).shipments).toMatchObject([{ status: 'voided' }]);
});

test('an order that the carrier has picked up unheard is not cancelled, and is fulfilled when it is heard of', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  await pickUpUnheard(stack, order);
  expect(await order.cancel()).toEqual({ outcome: 'refused', code: 'NOT_CANCELLABLE' });
  expect(await order.view()).toMatchObject({
    status: 'fulfilling',
    payment: { status: 'captured' },
    refunds: [],
  });
  expect(await order.events()).toContain('cancel_refused');

  await carrierSays(stack, order, 'picked_up');
  expect(await order.closed('cancel-refused-after-pick-up')).toEqual({ status: 'fulfilled' });
});

test('when one of two parcels has left, cancelling ends the other, and once that is done nothing more', async () => {
  const order = await place(stack, { items: { SOFA: 2 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'picked_up', 'AMS');
  await waitFor(async () => (await order.details()).includes('pick up 1 of 2 shipments'));
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await order.closed('rest-cancelled')).toEqual({ status: 'fulfilled' });
  expect(await order.view()).toMatchObject({
    items: [{ fulfilledQuantity: 1, cancelledQuantity: 1 }],
    payment: { status: 'partially_refunded', refundedMinor: 1_000 },
    cancelReason: 'cancelled by request',
  });
});

test('when one of two parcels turns out to have left, the other is stopped and refunded', async () => {
  const order = await place(stack, { items: { BED: 2 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  const { shipments } = await order.view();
  await stack.db.pool.query(
    `update sandbox_carrier.parcels set stage = 'picked_up', next_stage = null, next_at = null where shipment_id = $1`,
    [shipments[0]!.id],
  );
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await order.view()).toMatchObject({
    payment: { status: 'partially_refunded', refundedMinor: 1_000 },
  });
  expect(await order.events()).toContain('rest_cancelled');
  // Of what is left nothing can be ended: the carrier is asked once more, and refuses again.
  expect(await refusalOf(order.cancel())).toBe('NOT_CANCELLABLE');

  await carrierSays(stack, order, 'picked_up', shipments[0]!.warehouse);
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
});

/** FAILED_PRECONDITION of gRPC: the server could not hand an update to its saga. */
const NOT_TAKEN = new Set<number>([9]);

/** How a message to a saga ended: what it returned, the code with which it was refused, or that it was not taken. */
async function answerOf(message: Promise<unknown>): Promise<unknown> {
  try {
    return (await message) ?? 'taken';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'closed';
    const cause: unknown = error instanceof ServiceError ? error.cause : error;
    // The saga was closing. The API tells its client to try again.
    if (isGrpcServiceError(cause) && NOT_TAKEN.has(cause.code)) return 'not taken';
    throw error;
  }
}

test('messages that arrive while an order ends get responses, and these agree with how it ended', async () => {
  for (let round = 0; round < 5; round++) {
    const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
    await untilShipments(order, 'booked');
    const messages = [
      carrierSays(stack, order, 'picked_up'),
      order.wake(),
      order.cancel(),
      order.pay('tok_ok'),
      order.wake(),
    ];
    const [carried, first, cancelled, paid, second] = await Promise.all(messages.map(answerOf));
    const { status } = (await order.handle.result()) as { status: string };
    expect(carried).toBe('taken');
    for (const signalled of [first, second]) expect(['taken', 'closed']).toContain(signalled);
    const notPayable = { outcome: 'refused', code: 'ORDER_NOT_PAYABLE', paymentId: null };
    expect([notPayable, 'closed', 'not taken']).toContainEqual(paid);
    // The task that cancelled may have been lost with its response; the rows keep what it did.
    if (status === 'cancelled')
      expect([{ outcome: 'cancelled' }, 'closed', 'not taken']).toContainEqual(cancelled);
    else {
      expect(status).toBe('fulfilled');
      const refused = { outcome: 'refused', code: 'NOT_CANCELLABLE' };
      expect([refused, 'closed', 'not taken']).toContainEqual(cancelled);
    }
    expect((await order.view()).payments).toHaveLength(1);
  }
});
