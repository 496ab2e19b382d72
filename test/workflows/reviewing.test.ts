import { decideReview } from '../../domain/ordering/review';
import type { ReviewOutcome, ReviewTerms } from '../../domain/orders/types';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { reconcile, reconciled } from '../support/reconcile';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { carrierSays, NEVER_MS, untilShipments } from './carrier';
import { gatewayBooks } from './gateway';
import { place, type OrderRequest, type PlacedOrder } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ slowMs: 2_000, settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS } });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

/** Long enough that no deadline passes by itself. */
const HOUR = 3_600;

/** An order of 2000 minor units that waits for its review. */
async function inReview(
  terms: Partial<ReviewTerms> = {},
  rest: Partial<OrderRequest> = {},
): Promise<PlacedOrder> {
  const review = { fromMinor: { USD: 2_000 }, seconds: HOUR, otherwise: 'rejected', ...terms } as const;
  const order = await place(stack, { items: { LAMP: 2 }, token: 'tok_ok', review, ...rest });
  await order.until(({ attention }) => attention.some(({ kind }) => kind === 'review_open'));
  return order;
}

function decide({ orderId }: PlacedOrder, outcome: ReviewOutcome): Promise<void> {
  return decideReview(stack.db, { orderId, outcome, actor: 'ann', note: null, carrier: 'sandbox' });
}

async function isShownAsWaiting(order: PlacedOrder): Promise<void> {
  await waitFor(async () => (await order.details()).includes('Waiting for its review until'));
}

const sandboxCharges = (order: PlacedOrder) => gatewayBooks(stack, order);

test('an order that is approved ships and is captured; until then an operator sees what it waits for', async () => {
  const order = await inReview();
  await isShownAsWaiting(order);
  expect(await order.details()).toContain('**Needs a person:** review_open');
  await waitFor(async () => (await order.attention())?.includes('review_open'));
  expect(await order.view()).toMatchObject({
    status: 'paid',
    review: { status: 'open' },
    shipments: [],
    payment: { status: 'authorized', capturedMinor: 0 },
  });
  await decide(order, 'approved');
  await order.until(({ payment }) => payment?.status === 'captured');
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'delivered');
  expect(await order.closed('review-approved')).toEqual({ status: 'fulfilled' });
  expect(await order.view()).toMatchObject({
    review: { status: 'approved' },
    attention: [],
    payment: { status: 'captured', capturedMinor: 2_000, refundedMinor: 0 },
  });
});

test('an order that is approved and captured on shipment is captured when its parcel leaves', async () => {
  const order = await inReview({}, { capture: 'on_shipment' });
  await decide(order, 'approved');
  await untilShipments(order, 'booked');
  expect((await order.view()).payment).toMatchObject({ status: 'authorized' });
  await carrierSays(stack, order, 'picked_up');
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
  expect((await order.view()).payment).toMatchObject({ status: 'captured', capturedMinor: 2_000 });
});

test('an order that is rejected is cancelled, and its authorisation voided', async () => {
  const order = await inReview();
  await isShownAsWaiting(order);
  await decide(order, 'rejected');
  expect(await order.closed('review-rejected')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({
    review: { status: 'rejected' },
    cancelReason: 'the order was rejected in its review',
    attention: [],
    shipments: [],
    refunds: [],
    payment: { status: 'voided', capturedMinor: 0 },
  });
});

test('an order that its customer cancels in its review is cancelled, and its authorisation voided', async () => {
  const order = await inReview();
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await order.closed('review-cancelled')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({
    review: { status: 'ended' },
    attention: [],
    payment: { status: 'voided' },
  });
});

describe('when nobody decides, the deadline does', () => {
  test('and an order that is to be approved ships', async () => {
    const order = await inReview({ seconds: 1, otherwise: 'approved' });
    await untilShipments(order, 'booked');
    await carrierSays(stack, order, 'delivered');
    expect(await order.closed('review-approved-by-its-deadline')).toEqual({ status: 'fulfilled' });
    expect((await order.view()).payment).toMatchObject({ status: 'captured', capturedMinor: 2_000 });
  });

  test('and an order that is to be rejected is cancelled', async () => {
    const order = await inReview({ seconds: 1 });
    expect(await order.closed('review-rejected-by-its-deadline')).toEqual({ status: 'cancelled' });
    expect((await order.view()).payment).toMatchObject({ status: 'voided' });
    expect(await order.details()).toContain('Nobody has decided about it in time.');
  });
});

test('a saga that dies in the review, and is decided about meanwhile, carries on with the decision', async () => {
  for (const outcome of ['approved', 'rejected'] as const) {
    const order = await inReview();
    await isShownAsWaiting(order);
    await order.handle.terminate('by hand');
    await decide(order, outcome);
    if (outcome === 'approved') {
      await untilShipments(order, 'booked');
      await carrierSays(stack, order, 'delivered');
      expect(await order.closed('restarted-while-in-review')).toEqual({ status: 'fulfilled' });
    } else {
      await order.until(({ payment }) => payment?.status === 'voided');
      expect(await order.handle.result()).toEqual({ status: 'cancelled' });
    }
    expect(await sandboxCharges(order)).toHaveLength(1);
    expect((await order.view()).payment).toMatchObject({
      capturedMinor: outcome === 'approved' ? 2_000 : 0,
      status: outcome === 'approved' ? 'captured' : 'voided',
    });
  }
});

test('a saga that dies in the review is started again by the reconciler, and the deadline decides', async () => {
  const order = await inReview();
  await isShownAsWaiting(order);
  await order.handle.terminate('by hand');
  await stack.db.pool.query(
    `update orders set updated_at = updated_at - interval '1 hour', checked_at = null,
       review_until = clock_timestamp() where id = $1`,
    [order.orderId],
  );
  expect((await reconcile(stack, 'orders')).result).toEqual(reconciled({ looked: 1, restarted: 1 }));
  await order.until(({ payment }) => payment?.status === 'voided');
  expect(await order.handle.result()).toEqual({ status: 'cancelled' });
  expect((await order.view()).review).toMatchObject({ status: 'rejected' });
});

test('a worker that stops in the review leaves nothing undone', async () => {
  const order = await inReview();
  await stack.stopWorker();
  await decide(order, 'approved');
  await stack.startWorker();
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'delivered');
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
  expect((await order.view()).payment).toMatchObject({ status: 'captured', capturedMinor: 2_000 });
});
