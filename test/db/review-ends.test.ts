import { Client } from 'pg';
import { requestCancel } from '../../domain/ordering/cancel';
import { cutUnits } from '../../domain/ordering/cuts/cut';
import { requestCut } from '../../domain/ordering/cuts/request';
import { expireReservation } from '../../domain/ordering/expire';
import { nextStep } from '../../domain/ordering/rules';
import { listOrders } from '../../domain/ordering/views';
import type { ReviewOutcome } from '../../domain/orders/types';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import {
  cancelOrder,
  fingerprintOf,
  levelsOf,
  makeDue,
  openOrderShop,
  pay,
  PAYMENT,
  receive,
  viewOf,
  type OrderShop,
} from './support';
import { reviewedOrders, terms } from './reviewed-orders';

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
  backordered,
  inReview,
  decide,
  byDeadline,
  makeReviewDue,
  lastEvents,
  progressOf,
} = reviewedOrders(() => shop);

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
