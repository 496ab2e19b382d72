import { cancelUndelivered } from '../../domain/ordering/cancel';
import { settleAuthorizations } from '../../domain/ordering/capture';
import { cutUnits } from '../../domain/ordering/cuts/cut';
import { requestCut } from '../../domain/ordering/cuts/request';
import { nextStep } from '../../domain/ordering/rules';
import { listOrders } from '../../domain/ordering/views';
import type { OrderInput, ReviewTerms } from '../../domain/orders/types';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import {
  fingerprintOf,
  levelsOf,
  openOrderShop,
  orderOf,
  pay,
  PAYMENT,
  receive,
  viewOf,
  type OrderShop,
} from './support';
import { DAY, reviewedOrders, terms } from './reviewed-orders';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const {
  placed,
  authorize,
  captureWhole,
  makeCaptures,
  backordered,
  inReview,
  decide,
  byDeadline,
  makeReviewDue,
  lastEvents,
  progressOf,
} = reviewedOrders(() => shop);

describe('which orders are reviewed', () => {
  test.each<[string, number, string | null]>([
    ['as much as the setting', 2_000, 'open'],
    ['more', 1_999, 'open'],
    ['less', 2_001, null],
  ])('one that costs %s', async (_name, from, status) => {
    const { orderId } = await placed(terms({ fromMinor: { USD: from } }));
    const { review } = await viewOf(shop.db, orderId);
    expect(review).toEqual(status === null ? null : { status, deadline: null });
  });

  test('none in a currency that is not named, nor without terms', async () => {
    const { orderId } = await placed(terms({ fromMinor: { EUR: 0 } }));
    expect((await viewOf(shop.db, orderId)).review).toBeNull();
    const { sku } = await placed();
    await receive(shop.db, sku, 'AMS', 5);
    const order = orderOf({ [sku]: 5 }, { payment: PAYMENT });
    await shop.place(order);
    expect((await viewOf(shop.db, order.orderId)).review).toBeNull();
  });

  test('not one that got too little of what it wanted, nor one that was rejected', async () => {
    const sku = await shop.product({ AMS: 1 });
    const partial = orderOf({ [sku]: 5 }, { fulfilment: 'partial', review: terms() });
    await shop.place(partial);
    expect(await viewOf(shop.db, partial.orderId)).toMatchObject({ totalMinor: 1_000, review: null });
    const rejected = orderOf({ [sku]: 5 }, { review: terms() });
    await shop.place(rejected);
    expect(await viewOf(shop.db, rejected.orderId)).toMatchObject({ status: 'rejected', review: null });
  });
});

test.each<[string, Partial<OrderInput>, ReviewTerms, boolean]>([
  ['reviewed is authorised only', {}, terms(), true],
  ['not reviewed is captured', {}, terms({ fromMinor: {} }), false],
  ['captured on shipment is authorised only', { capture: 'on_shipment' }, terms({ fromMinor: {} }), true],
])('the first payment of an order %s', async (_name, rest, review, isLater) => {
  for (const payment of [PAYMENT, null]) {
    const { orderId } = await placed(review, { ...rest, payment });
    if (!payment) await pay(shop.db, orderId);
    const { rows } = await shop.db.pool.query('select capture_later from payments where order_id = $1', [
      orderId,
    ]);
    expect(rows).toEqual([{ capture_later: isLater }]);
  }
});

test('money that is authorised opens the review: a person is told, the time begins, and nothing ships', async () => {
  const { orderId, sku } = await placed();
  expect(await progressOf(orderId)).toMatchObject({ reviewMsLeft: null, attention: [] });
  const progress = await authorize(orderId);
  expect(progress).toMatchObject({
    status: 'paid',
    shipments: {},
    attention: ['review_open'],
    reservations: [{ status: 'confirmed', isUnshipped: true }],
  });
  expect(progress.reviewMsLeft).toBeGreaterThan((DAY - 60) * 1_000);
  expect(nextStep(progress)).toMatchObject({ do: 'wait', for: 'review' });
  const view = await viewOf(shop.db, orderId);
  const deadline = view.review!.deadline;
  expect(view.review).toEqual({ status: 'open', deadline: expect.any(String) as string });
  expect(view.attention).toMatchObject([{ kind: 'review_open', about: orderId }]);
  expect(view.attention[0]!.why).toContain(deadline);
  expect(view.attention[0]!.next).toContain('POST /orders/{id}/review');
  expect(await lastEvents(orderId, 1)).toEqual([
    { type: 'review_opened', data: { deadline, otherwise: 'rejected' } },
  ]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1], BER: [1, 1] });
  const found = await listOrders(shop.db, { review: 'open', limit: 200, offset: 0 });
  expect(found.items.map(({ id }) => id)).toContain(orderId);
});

describe('approved', () => {
  test('it ships, nobody is needed any more, and the history says who and why', async () => {
    const { orderId } = await inReview();
    await decide(orderId, 'approved', 'known customer');
    const view = await viewOf(shop.db, orderId);
    expect(view.shipments.map(({ warehouse, status }) => [warehouse, status])).toEqual([
      ['AMS', 'pending'],
      ['BER', 'pending'],
    ]);
    expect(view).toMatchObject({ review: { status: 'approved' }, attention: [], status: 'paid' });
    expect(await lastEvents(orderId, 3)).toMatchObject([
      { type: 'review_approved', data: { actor: 'ann', note: 'known customer' } },
      { type: 'shipments_created' },
      { type: 'capture_started', data: { amountMinor: 2_000 } },
    ]);
    await makeCaptures(orderId);
    expect((await viewOf(shop.db, orderId)).payments).toMatchObject([
      { status: 'captured', capturedMinor: 2_000 },
    ]);
    const { rows } = await shop.db.pool.query(`select from outbox where topic = 'order.wake' and key = $1`, [
      orderId,
    ]);
    expect(rows).toHaveLength(1);
    expect(await progressOf(orderId)).toMatchObject({
      reviewMsLeft: null,
      reservations: [{ isUnshipped: false }],
    });
  });

  test('again, it changes nothing; rejected, it is refused', async () => {
    const { orderId } = await inReview();
    await decide(orderId, 'approved');
    await makeReviewDue(orderId);
    const before = await fingerprintOf(shop.db);
    await decide(orderId, 'approved', 'once more');
    await byDeadline(orderId);
    await expect(decide(orderId, 'rejected')).rejects.toMatchObject({
      code: 'NOT_IN_REVIEW',
      details: { review: 'approved' },
    });
    expect(await fingerprintOf(shop.db)).toEqual(before);
  });

  test('what was charged in the review and is authorised after it ships and is captured as soon as that is', async () => {
    const { orderId, sku } = await backordered();
    await authorize(orderId);
    await receive(shop.db, sku, 'BER', 1);
    await pay(shop.db, orderId);
    await decide(orderId, 'approved');
    await makeCaptures(orderId);
    expect((await viewOf(shop.db, orderId)).shipments).toHaveLength(1);
    expect(await authorize(orderId, 2)).toMatchObject({
      shipments: { pending: 2 },
      attention: [],
      asks: [{ kind: 'capture' }],
    });
    expect((await eventTypes(shop.db, orderId)).filter((type) => type === 'review_opened')).toHaveLength(1);
  });

  test('one that is captured as its parcels leave is not captured yet', async () => {
    const { orderId } = await inReview(terms(), { capture: 'on_shipment' });
    await decide(orderId, 'approved');
    expect(await progressOf(orderId)).toMatchObject({
      shipments: { pending: 2 },
      asks: [],
      mayCapture: false,
    });
    expect((await viewOf(shop.db, orderId)).payments).toMatchObject([{ status: 'authorized' }]);
  });

  test('less is captured of one of which units were cut', async () => {
    const { orderId, sku } = await inReview();
    const request = { orderId, requestId: newId(), items: [{ sku, quantity: 1 }], reason: null };
    await requestCut(shop.db, request);
    await cutUnits(shop.db, orderId);
    await decide(orderId, 'approved');
    await makeCaptures(orderId);
    expect((await viewOf(shop.db, orderId)).payments).toMatchObject([
      { capturedMinor: 1_000, refundedMinor: 0 },
    ]);
  });

  test('a part that is allocated later is not reviewed again', async () => {
    const { orderId, sku } = await backordered();
    await authorize(orderId);
    await decide(orderId, 'approved');
    await receive(shop.db, sku, 'BER', 1);
    await pay(shop.db, orderId);
    const { rows } = await shop.db.pool.query(
      'select capture_later from payments where order_id = $1 order by attempt',
      [orderId],
    );
    expect(rows).toEqual([{ capture_later: true }, { capture_later: false }]);
    expect(await authorize(orderId, 2)).toMatchObject({ shipments: { pending: 2 }, reviewMsLeft: null });
  });

  test('parts of which the second was paid while the review was open ship together, and the time begins once', async () => {
    const { orderId, sku } = await backordered();
    await authorize(orderId);
    const { deadline } = (await viewOf(shop.db, orderId)).review!;
    await receive(shop.db, sku, 'BER', 1);
    await pay(shop.db, orderId);
    expect(await authorize(orderId, 2)).toMatchObject({ shipments: {}, attention: ['review_open'] });
    expect((await viewOf(shop.db, orderId)).review).toEqual({ status: 'open', deadline });
    await decide(orderId, 'approved');
    expect((await viewOf(shop.db, orderId)).shipments).toHaveLength(2);
  });
});

describe('rejected', () => {
  test('it is cancelled, and its stock is on sale again', async () => {
    const { orderId, sku } = await inReview();
    await decide(orderId, 'rejected', 'looks like fraud');
    expect(await lastEvents(orderId, 2)).toEqual([
      { type: 'review_rejected', data: { actor: 'ann', note: 'looks like fraud' } },
      { type: 'cancel_requested', data: { reason: 'the order was rejected in its review' } },
    ]);
    const progress = await progressOf(orderId);
    expect(nextStep(progress)).toEqual({ do: 'cancel' });
    const cancelled = await cancelUndelivered(shop.db, orderId);
    expect(cancelled).toMatchObject({ status: 'cancelled', mayCapture: true });
    await settleAuthorizations(shop.db, orderId);
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      payments: [{ capturedMinor: 0 }],
      status: 'cancelled',
      review: { status: 'rejected' },
      cancelReason: 'the order was rejected in its review',
      attention: [],
      refunds: [],
      shipments: [],
      reservation: { status: 'cancelled' },
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
    const before = await fingerprintOf(shop.db);
    await decide(orderId, 'rejected');
    await cancelUndelivered(shop.db, orderId);
    expect(await fingerprintOf(shop.db)).toEqual(before);
  });

  test('its money is to be voided', async () => {
    const { orderId } = await inReview();
    await decide(orderId, 'rejected');
    await cancelUndelivered(shop.db, orderId);
    expect((await settleAuthorizations(shop.db, orderId)).asks).toMatchObject([{ kind: 'void' }]);
  });

  test('what was charged in the review and is authorised after it does not ship', async () => {
    const { orderId, sku } = await backordered();
    await authorize(orderId);
    await receive(shop.db, sku, 'BER', 1);
    await pay(shop.db, orderId);
    await decide(orderId, 'rejected');
    expect(await authorize(orderId, 2)).toMatchObject({ shipments: {}, attention: [], cancel: 'open' });
    expect(nextStep(await progressOf(orderId))).toEqual({ do: 'cancel' });
    await cancelUndelivered(shop.db, orderId);
    expect((await viewOf(shop.db, orderId)).status).toBe('cancelled');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
  });

  test('money that was captured meanwhile goes back', async () => {
    const { orderId } = await inReview();
    expect(await captureWhole(orderId)).toMatchObject({ shipments: {}, attention: ['review_open'] });
    await decide(orderId, 'rejected');
    await cancelUndelivered(shop.db, orderId);
    await cancelUndelivered(shop.db, orderId);
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
      { amountMinor: 2_000, reason: 'the order was cancelled' },
    ]);
  });
});
