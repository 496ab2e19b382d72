import { readAmendment } from '../../domain/ordering/amendments/request';
import { cancelUndelivered, requestCancel } from '../../domain/ordering/cancel';
import { requestCut } from '../../domain/ordering/cuts/request';
import { existingProgress } from '../../domain/ordering/progress';
import { decideReview } from '../../domain/ordering/review';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import {
  addProduct,
  capture,
  CARRIER,
  decline,
  levelsOf,
  openOrderShop,
  pay,
  PAYMENT,
  twice,
  viewOf,
  type OrderShop,
} from './support';
import { AMENDMENT_LIMIT, amendingOrders, unitsOf } from './amending-orders';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { amend, ask, outcomeOf, carryOut, amended, placed, paid, authorise, refused } = amendingOrders(
  () => shop,
);

describe('is refused', () => {
  const shipments = (orderId: string, status: string) =>
    shop.db.pool.query(
      `update shipments set status = $2, lease_until = case when $2 = 'booking' then clock_timestamp() end where order_id = $1`,
      [orderId, status],
    );

  it.each(['booking', 'booked', 'voiding'])('while a parcel is %s', async (status) => {
    const sku = await shop.product({ AMS: 2 });
    const orderId = await paid({ [sku]: 1 });
    await shipments(orderId, status);
    expect(await refused(orderId, { [sku]: 2 })).toMatchObject({
      code: 'NOT_AMENDABLE',
      detail: expect.stringContaining('parcel') as string,
    });
  });

  it('while the order is charged, cancelled, cut or amended, and once it has ended', async () => {
    const sku = await shop.product({ AMS: 9 });
    const charged = await placed({ [sku]: 1 }, { payment: PAYMENT });
    const why = async (orderId: string) => {
      const requestId = await ask(orderId, { [sku]: 2 });
      await amend(orderId);
      const outcome = await readAmendment(shop.db, requestId);
      return outcome ? [outcome.code, outcome.detail] : 'forgotten';
    };
    const before = await eventTypes(shop.db, charged);
    expect(await why(charged)).toBe('forgotten');
    expect(await eventTypes(shop.db, charged)).toEqual(before);
    await capture(shop.db, charged);
    await requestCut(shop.db, {
      orderId: charged,
      requestId: newId(),
      items: [{ sku, quantity: 1 }],
      reason: null,
    });
    expect(await why(charged)).toBe('forgotten');
    await requestCancel(shop.db, { orderId: charged, reason: 'no' });
    expect(await why(charged)).toEqual(['NOT_AMENDABLE', 'The order is being cancelled.']);

    const busy = await paid({ [sku]: 1 });
    await ask(busy, { [sku]: 2 });
    await amend(busy);
    expect(await why(busy)).toBe('forgotten');

    const ended = await placed({ [sku]: 1 });
    await requestCancel(shop.db, { orderId: ended, reason: 'no' });
    await cancelUndelivered(shop.db, ended);
    expect(await why(ended)).toEqual(['NOT_AMENDABLE', 'The order is cancelled.']);
  });

  it('and forgotten when a charge begins between the request and its turn: the same request amends later', async () => {
    const sku = await shop.product({ AMS: 9 });
    const orderId = await placed({ [sku]: 1 });
    const requestId = await ask(orderId, { [sku]: 2 });
    await pay(shop.db, orderId);
    await amend(orderId);
    expect(await readAmendment(shop.db, requestId)).toBeUndefined();
    expect((await eventTypes(shop.db, orderId)).at(-1)).toBe('amend_refused');
    await decline(shop.db, orderId);
    await ask(orderId, { [sku]: 2 }, null, requestId);
    await carryOut(orderId);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'done' });
  });

  it('that would make it cost more than can be told exactly', async () => {
    const sku = await shop.product({ AMS: 9 });
    await shop.db.pool.query('update products set price_minor = 4503599627370495 where sku = $1', [sku]);
    const orderId = await placed({ [sku]: 1 });
    expect(await refused(orderId, { [sku]: 3 })).toMatchObject({ code: 'PRICE_NOT_CHARGEABLE' });
    expect(await amended(orderId, { [sku]: 2 })).toMatchObject({ state: 'done' });
  });

  it('for a product that is not known, has another currency or price, or cannot be charged', async () => {
    const sku = await shop.product({ AMS: 9 });
    const foreign = `SKU-${newId()}`;
    await addProduct(shop.db, foreign, 'EUR');
    const orderId = await placed({ [sku]: 2 });
    expect(await refused(orderId, { 'NO-SUCH': 1 })).toMatchObject({ code: 'UNKNOWN_SKU' });
    expect(await refused(orderId, { [foreign]: 1 })).toMatchObject({ code: 'MIXED_CURRENCIES' });
    const requestId = await ask(orderId, { [sku]: 3 });
    await amend(orderId, () => 'Too odd.');
    expect(await outcomeOf(requestId)).toMatchObject({ code: 'PRICE_NOT_CHARGEABLE' });
    await shop.db.pool.query('update products set price_minor = 1200 where sku = $1', [sku]);
    expect(await refused(orderId, { [sku]: 3 })).toMatchObject({
      code: 'PRICE_CHANGED',
      details: { sku, orderedAtMinor: 1_000, priceMinor: 1_200 },
    });
    // Less of it is no matter of its price.
    expect(await amended(orderId, { [sku]: 1 })).toMatchObject({ state: 'done' });
    expect(await refused(orderId, { [sku]: 0 })).toMatchObject({ code: 'NOTHING_LEFT' });
  });

  it('for more than somebody has reviewed, and while somebody does', async () => {
    const sku = await shop.product({ AMS: 9 });
    const review = { fromMinor: { USD: 3_000 }, seconds: 60, otherwise: 'rejected' as const };
    const small = await paid({ [sku]: 2 }, { review });
    expect(await refused(small, { [sku]: 3 })).toMatchObject({ code: 'NOT_AMENDABLE' });
    expect(await amended(small, { [sku]: 1 })).toMatchObject({ state: 'done' });

    const large = await placed({ [sku]: 3 }, { review, payment: PAYMENT });
    await authorise(large, 1);
    expect(await refused(large, { [sku]: 1 })).toMatchObject({ detail: 'Somebody is reviewing it.' });
    const decision = {
      orderId: large,
      outcome: 'approved',
      actor: 'test',
      note: null,
      carrier: CARRIER,
    } as const;
    await decideReview(shop.db, decision);
    expect(await refused(large, { [sku]: 4 })).toMatchObject({ code: 'NOT_AMENDABLE' });
  });

  it('for one that is not paid for and would cost more than somebody has decided about', async () => {
    const [sku, other] = [await shop.product({ AMS: 9 }), await shop.product({ AMS: 9 })];
    const review = { fromMinor: { USD: 3_000 }, seconds: 60, otherwise: 'rejected' as const };
    const orderId = await placed({ [sku]: 3 }, { review });
    await shop.db.pool.query(`update orders set review_status = 'approved' where id = $1`, [orderId]);
    expect(await refused(orderId, { [sku]: 4 })).toMatchObject({ code: 'NOT_AMENDABLE' });
    expect(await amended(orderId, { [sku]: 2, [other]: 1 })).toMatchObject({ state: 'done' });
  });

  it('not for one that is not paid for and costs more: it is reviewed once it is paid', async () => {
    const sku = await shop.product({ AMS: 9 });
    const review = { fromMinor: { USD: 3_000 }, seconds: 60, otherwise: 'rejected' as const };
    const orderId = await placed({ [sku]: 2 }, { review });
    expect(await amended(orderId, { [sku]: 3 })).toMatchObject({ state: 'done' });
    expect(await amended(orderId, { [sku]: 4 })).toMatchObject({ state: 'done' });
    await pay(shop.db, orderId);
    await authorise(orderId, 1);
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'paid',
      review: { status: 'open' },
      shipments: [],
    });
  });
});

it('an order has so many amendments at most, and those that it has are told as before', async () => {
  const sku = await shop.product({ AMS: 20 });
  const orderId = await placed({ [sku]: 1 });
  const first = await ask(orderId, { [sku]: 2 });
  // Also of those that come at once, and those that are refused.
  const asked = await Promise.allSettled(
    Array.from({ length: AMENDMENT_LIMIT + 2 }, (_, n) => ask(orderId, { [sku]: 50 + n })),
  );
  const failed = asked.filter(({ status }) => status === 'rejected');
  expect(failed).toHaveLength(3);
  for (const one of failed) expect(one).toMatchObject({ reason: { code: 'AMENDMENTS_EXCEEDED' } });
  expect((await existingProgress(shop.db, orderId)).amendments).toHaveLength(AMENDMENT_LIMIT);
  expect(await ask(orderId, { [sku]: 2 }, null, first)).toBe(first);
  for (let steps = 0; steps < AMENDMENT_LIMIT; steps++) await amend(orderId);
  const { amendments = [] } = await existingProgress(shop.db, orderId);
  expect(amendments.map(({ state }) => state)).toEqual(Array(5).fill('refused'));
  expect(await outcomeOf(first)).toMatchObject({ state: 'done' });
});

it('the same request is one amendment, also recorded and carried out again', async () => {
  const sku = await shop.product({ AMS: 5 });
  const orderId = await placed({ [sku]: 1 });
  const requestId = newId();
  for (let times = 0; times < 2; times++) {
    await twice(shop.db, () => ask(orderId, { [sku]: 2 }, null, requestId));
    await carryOut(orderId);
  }
  expect(unitsOf(await viewOf(shop.db, orderId))).toEqual({ [sku]: [2, 0, 0] });
  expect((await eventTypes(shop.db, orderId)).filter((type) => type === 'order_amended')).toHaveLength(1);
});

it('of two orders that want the last unit one gets it', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orders = [await placed({ [sku]: 1 }), await placed({ [sku]: 1 })];
  const requests = await Promise.all(orders.map((orderId) => ask(orderId, { [sku]: 2 })));
  await Promise.all(orders.map((orderId) => amend(orderId)));
  const states = await Promise.all(requests.map(async (id) => (await outcomeOf(id)).state));
  expect(states.sort()).toEqual(['done', 'refused']);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 3] });
});
