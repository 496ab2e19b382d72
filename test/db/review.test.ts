import { Client } from 'pg';
import { cancelUndelivered, requestCancel } from '../../domain/ordering/cancel';
import { actOnLapse, isLastParcel, settleAuthorizations } from '../../domain/ordering/capture';
import { cutUnits } from '../../domain/ordering/cuts/cut';
import { requestCut } from '../../domain/ordering/cuts/request';
import { expireReservation } from '../../domain/ordering/expire';
import { readProgress } from '../../domain/ordering/progress';
import { decideReview, decideReviewByDeadline } from '../../domain/ordering/review';
import { nextStep } from '../../domain/ordering/rules';
import { listOrders } from '../../domain/ordering/views';
import { resolveAttention } from '../../domain/orders/attention';
import { orderPaymentId } from '../../domain/orders/ids';
import type { OrderInput, ReviewOutcome, ReviewTerms } from '../../domain/orders/types';
import { askCapture } from '../../domain/payments/captures';
import type { CaptureRequest, GatewayNamed } from '../../domain/payments/gateway';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import {
  cancelOrder,
  CARRIER,
  fingerprintOf,
  levelsOf,
  makeDue,
  openOrderShop,
  orderOf,
  pay,
  PAYMENT,
  receive,
  viewOf,
  type OrderShop,
  settleCharge,
} from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const DAY = 86_400;

function terms(rest: Partial<ReviewTerms> = {}): ReviewTerms {
  return { fromMinor: { USD: 2_000 }, seconds: DAY, otherwise: 'rejected', ...rest };
}

/** Places two units of one product at two warehouses, 2000 minor units, which is reviewed. */
async function placed(review = terms(), rest: Partial<OrderInput> = {}) {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  const order = orderOf({ [sku]: 2 }, { payment: PAYMENT, review, ...rest });
  await shop.place(order);
  return { orderId: order.orderId, sku };
}

function authorize(orderId: string, attempt = 1) {
  const paymentId = orderPaymentId(orderId, attempt);
  const outcome = {
    status: 'authorized',
    gatewayRef: `ref-${paymentId}`,
    multicapture: true,
    captureBefore: null,
  } as const;
  return settleCharge(shop.db, { paymentId, outcome });
}

/** All of it is captured although the order is reviewed: its authorisation was about to lapse. */
async function captureWhole(orderId: string) {
  await shop.db.pool.query('update payments set capture_due_at = clock_timestamp() where order_id = $1', [
    orderId,
  ]);
  await actOnLapse(shop.db, { orderId, action: 'capture' });
  await makeCaptures(orderId);
  const lapse = { kind: 'authorization_lapses', about: orderPaymentId(orderId, 1) } as const;
  await shop.db.retrying((tx) => resolveAttention(tx, [lapse]));
  return progressOf(orderId);
}

/** The gateway makes what is planned to be captured. */
async function makeCaptures(orderId: string) {
  const { rows } = await shop.db.pool.query<{ id: string }>(
    `select id from captures where order_id = $1 and status = 'planned'`,
    [orderId],
  );
  const gatewayNamed = () => ({
    capture: ({ capturedMinor, amountMinor }: CaptureRequest) =>
      Promise.resolve({ status: 'succeeded', gatewayRef: null, endedMinor: capturedMinor + amountMinor }),
  });
  for (const { id } of rows)
    await askCapture(
      { db: shop.db, isLastParcel, gatewayNamed: gatewayNamed as unknown as GatewayNamed },
      id,
    );
  return progressOf(orderId);
}

/** One of which a unit waits for stock. */
async function backordered() {
  const sku = await shop.product({ AMS: 1 });
  const order = orderOf({ [sku]: 2 }, { fulfilment: 'backorder', payment: PAYMENT, review: terms() });
  await shop.place(order);
  return { orderId: order.orderId, sku };
}

/** One whose money is authorised. */
async function inReview(review = terms(), rest: Partial<OrderInput> = {}) {
  const order = await placed(review, rest);
  await authorize(order.orderId);
  return order;
}

function decide(orderId: string, outcome: ReviewOutcome, note: string | null = null) {
  return decideReview(shop.db, { orderId, outcome, actor: 'ann', note, carrier: CARRIER });
}

const byDeadline = (orderId: string) => decideReviewByDeadline(shop.db, { orderId, carrier: CARRIER });

const makeReviewDue = (orderId: string) =>
  shop.db.pool.query('update orders set review_until = clock_timestamp() where id = $1', [orderId]);

async function lastEvents(orderId: string, count: number): Promise<unknown[]> {
  const { rows } = await shop.db.pool.query<{ type: string; data: unknown }>(
    'select type, data from order_events where order_id = $1 order by seq desc limit $2',
    [orderId, count],
  );
  return rows.reverse();
}

const progressOf = async (orderId: string) => (await readProgress(shop.db, orderId))!;

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

describe('before anything is authorised', () => {
  test.each<ReviewOutcome>(['approved', 'rejected'])(
    'it is not %s: nobody knows its total yet',
    async (outcome) => {
      for (const payment of [PAYMENT, null]) {
        const { orderId } = await placed(terms(), { payment });
        const before = await fingerprintOf(shop.db);
        await expect(decide(orderId, outcome)).rejects.toMatchObject({
          code: 'NOT_IN_REVIEW',
          message: expect.stringContaining('authorised yet') as string,
          details: { review: 'open' },
        });
        expect(await fingerprintOf(shop.db)).toEqual(before);
      }
    },
  );

  test('it is not listed as one to decide about', async () => {
    const listed = async () =>
      (await listOrders(shop.db, { review: 'open', limit: 200, offset: 0 })).items.map(({ id }) => id);
    const { orderId } = await placed();
    expect(await listed()).not.toContain(orderId);
    await authorize(orderId);
    expect(await listed()).toContain(orderId);
  });
});

describe('by its deadline', () => {
  test.each<[ReviewOutcome, object]>([
    ['approved', { shipments: { pending: 2 }, cancel: null }],
    ['rejected', { shipments: {}, cancel: 'open' }],
  ])('it is %s, as set when it was placed', async (outcome, expected) => {
    const { orderId } = await inReview(terms({ otherwise: outcome }));
    const before = await fingerprintOf(shop.db);
    expect((await byDeadline(orderId)).reviewMsLeft).toBeGreaterThan(0);
    expect(await fingerprintOf(shop.db)).toEqual(before);
    await makeReviewDue(orderId);
    expect(nextStep(await progressOf(orderId))).toEqual({ do: 'decide-review' });
    expect(await byDeadline(orderId)).toMatchObject({ ...expected, reviewMsLeft: null, attention: [] });
    const decided = { type: `review_${outcome}`, data: { actor: null, note: null } };
    expect(await lastEvents(orderId, 3)).toContainEqual(decided);
    const after = await fingerprintOf(shop.db);
    await byDeadline(orderId);
    expect(await fingerprintOf(shop.db)).toEqual(after);
  });

  test('an order of which nothing is authorised is never due', async () => {
    const { orderId } = await placed(terms({ seconds: 1 }), { payment: null });
    expect(nextStep(await progressOf(orderId))).toMatchObject({ do: 'wait', for: 'payment' });
    await byDeadline(orderId);
    expect((await viewOf(shop.db, orderId)).review).toEqual({ status: 'open', deadline: null });
  });
});

describe('ends with the order', () => {
  test('that its customer cancels', async () => {
    const { orderId, sku } = await inReview();
    expect(await cancelOrder(shop.db, orderId)).toMatchObject({ status: 'cancelled', attention: [] });
    expect((await viewOf(shop.db, orderId)).review).toMatchObject({ status: 'ended' });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
    for (const outcome of ['approved', 'rejected'] as const) {
      await expect(decide(orderId, outcome)).rejects.toMatchObject({
        code: 'NOT_IN_REVIEW',
        details: { review: 'ended' },
      });
    }
  });

  test('that nobody pays', async () => {
    const { orderId } = await placed(terms(), { payment: null });
    await makeDue(shop.db, orderId);
    const { reservationId } = (await progressOf(orderId)).reservations[0]!;
    await expireReservation(shop.db, { orderId, reservationId });
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'expired',
      review: { status: 'ended', deadline: null },
    });
  });
});

test('an order that is not reviewed, and one that there is not, are told apart', async () => {
  const { orderId } = await placed(terms({ fromMinor: {} }));
  const refused = { code: 'NOT_IN_REVIEW', details: { review: null } };
  await expect(decide(orderId, 'approved')).rejects.toMatchObject(refused);
  await expect(decide(newId(), 'approved')).rejects.toMatchObject({ code: 'ORDER_NOT_FOUND' });
  await expect(byDeadline(newId())).rejects.toMatchObject({ code: 'ORDER_NOT_FOUND' });
});

describe('units cut in the review', () => {
  const cut = async (orderId: string, sku: string, quantity: number) => {
    const request = { orderId, requestId: newId(), items: [{ sku, quantity }], reason: null };
    const progress = await requestCut(shop.db, request);
    expect(nextStep(progress)).toEqual({ do: 'cut' });
    return cutUnits(shop.db, orderId);
  };

  test('are on sale again; the rest waits and ships', async () => {
    const { orderId, sku } = await inReview();
    expect(await cut(orderId, sku, 1)).toMatchObject({ cuts: [{ isOpen: false, units: 1 }], mayCut: false });
    expect((await viewOf(shop.db, orderId)).review).toMatchObject({ status: 'open' });
    expect(Object.values(await levelsOf(shop.db, sku)).map(([, reserved]) => reserved)).toEqual([0, 1]);
    await decide(orderId, 'approved');
    const { shipments, items } = await viewOf(shop.db, orderId);
    expect(shipments).toHaveLength(1);
    expect(items).toMatchObject([{ reservedQuantity: 1, cancelledQuantity: 1 }]);
  });

  test('all of them end the order and its review', async () => {
    const { orderId, sku } = await inReview();
    expect(await cut(orderId, sku, 2)).toMatchObject({ status: 'cancelled', attention: [] });
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      review: { status: 'ended' },
      reservation: { status: 'cancelled' },
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
  });

  test('give back what was captured of them', async () => {
    const { orderId, sku } = await inReview();
    await captureWhole(orderId);
    await cut(orderId, sku, 1);
    await cut(orderId, sku, 1);
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
      { amountMinor: 1_000, reason: 'a part was cancelled' },
      { amountMinor: 1_000, reason: 'a part was cancelled' },
    ]);
  });
});

describe('of two that decide at once, the first does', () => {
  type Contender = (orderId: string) => Promise<unknown>;
  const contenders: Record<string, Contender> = {
    approve: (orderId) => decide(orderId, 'approved'),
    reject: (orderId) => decide(orderId, 'rejected'),
    cancel: (orderId) => requestCancel(shop.db, { orderId, reason: 'changed my mind' }),
    deadline: (orderId) => byDeadline(orderId),
  };
  const statusAfter: Record<string, string> = {
    approve: 'approved',
    reject: 'rejected',
    cancel: 'ended',
    deadline: 'rejected',
  };
  const pairs = Object.keys(contenders).flatMap((one) =>
    Object.keys(contenders)
      .filter((other) => other !== one)
      .map((other) => [one, other] as const),
  );

  async function waiting(count: number): Promise<void> {
    await waitFor(async () => {
      const { rows } = await shop.db.pool.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity
         where wait_event_type = 'Lock' and datname = current_database()`,
      );
      return rows[0]!.count === count;
    });
  }

  test.each(pairs)('%s before %s', async (first, second) => {
    const { orderId, sku } = await inReview();
    await makeReviewDue(orderId);
    const holder = new Client({ connectionString: shop.url });
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query('select from orders where id = $1 for no key update', [orderId]);
      const one = contenders[first]!(orderId);
      await waiting(1);
      const other = contenders[second]!(orderId).catch((error: unknown) => error);
      await waiting(2);
      await holder.query('commit');
      await one;
      await other;
    } finally {
      await holder.end();
    }
    const view = await viewOf(shop.db, orderId);
    expect(view.review?.status).toBe(statusAfter[first]);
    expect(view.attention).toEqual([]);
    expect(view.shipments).toHaveLength(first === 'approve' ? 2 : 0);
    const decisions = (await eventTypes(shop.db, orderId)).filter((type) =>
      ['review_approved', 'review_rejected'].includes(type),
    );
    expect(decisions).toHaveLength(first === 'cancel' ? 0 : 1);
    // A cancellation that comes after the approval stops what was to ship.
    const isCancelled = first !== 'approve' || second === 'cancel';
    expect((await progressOf(orderId)).cancel).toBe(isCancelled ? 'open' : null);
    if (!isCancelled) return;
    await cancelOrder(shop.db, orderId);
    expect((await viewOf(shop.db, orderId)).status).toBe('cancelled');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
  });

  test('an authorisation and an approval at once: all of the order ships, whichever comes first', async () => {
    for (let n = 0; n < 10; n++) {
      const { orderId, sku } = await backordered();
      await authorize(orderId);
      await receive(shop.db, sku, 'BER', 1);
      await pay(shop.db, orderId);
      await Promise.all([authorize(orderId, 2), decide(orderId, 'approved')]);
      const view = await viewOf(shop.db, orderId);
      expect(view.shipments).toHaveLength(2);
      expect(view).toMatchObject({ review: { status: 'approved' }, attention: [] });
    }
  });

  test('an authorisation and a cancellation at once leave nobody needed', async () => {
    for (let n = 0; n < 10; n++) {
      const { orderId } = await placed();
      await Promise.all([authorize(orderId), requestCancel(shop.db, { orderId, reason: 'changed my mind' })]);
      expect(await viewOf(shop.db, orderId)).toMatchObject({ review: { status: 'ended' }, attention: [] });
    }
  });
});
