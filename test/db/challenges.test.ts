import { askGateway } from '../../domain/ordering/ask-gateway';
import { requestCancel } from '../../domain/ordering/cancel';
import { settleChargeByHand } from '../../domain/ordering/settle-charge-by-hand';
import type { PaymentGateway } from '../../domain/payments/gateway';
import { answerPage, type ChallengeAnswer } from '../../integrations/sandbox-gateway/challenges';
import { openDatabase, type Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { CHARGE_TERMS, eventTypes } from '../support/fixtures';
import { expectAtRest, expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { openAuthorisedShop, type AuthorisedShop } from './authorised-orders';
import { CARRIER, levelsOf, makeDue, receive, viewOf } from './support';

let shop: AuthorisedShop;
/** As the page that the customer authenticates on. */
let pages: Database;
beforeAll(async () => {
  shop = await openAuthorisedShop();
  pages = openDatabase({ url: shop.url, poolSize: 1, log: testLogger() });
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await pages.close();
  await shop.close();
});

const RETURN_URL = 'https://shop.example/thanks';

/** An order whose customer is to authenticate. */
async function challenged(capture: 'now' | 'on_shipment' = 'now', actionSeconds = 900) {
  const sku = await shop.product({ AMS: 1 });
  const payment = { method: 'card', token: 'tok_3ds_abandoned', returnUrl: RETURN_URL };
  const orderId = await shop.authorised({ [sku]: 1 }, { payment, capture }, { actionSeconds });
  return { sku, orderId };
}

const answer = (ref: string, given: ChallengeAnswer) =>
  answerPage({ tables: pages, log: testLogger() }, ref, given);
const statuses = async (orderId: string) => (await shop.money(orderId)).map(({ status }) => status);
const refOf = async (orderId: string, attempt = 1): Promise<string> => {
  const { rows } = await shop.db.pool.query<{ ref: string }>(
    'select gateway_ref as ref from payments where order_id = $1 and attempt = $2',
    [orderId, attempt],
  );
  return rows[0]!.ref;
};
/** The time in which the customer was to authenticate is over. */
const timeIsUp = (orderId: string) =>
  shop.db.pool.query(
    `update payments set action_until = clock_timestamp(), next_try_at = null where order_id = $1 and action_until is not null`,
    [orderId],
  );
/** The order comes to its end, with everything that it left behind. */
async function ends(orderId: string): Promise<void> {
  await requestCancel(shop.db, { orderId, reason: 'enough' });
  expect(await shop.letRetry(orderId)).toBe('finish');
  await expectAtRest(shop.db);
}

test('tells the customer where to go, and keeps the reservation meanwhile', async () => {
  const { orderId, sku } = await challenged();
  const ref = await refOf(orderId);
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    status: 'reserved',
    reservation: { status: 'pending' },
    payment: {
      status: 'requires_action',
      nextAction: { type: 'redirect', url: expect.stringContaining(ref) as string },
    },
  });
  await makeDue(shop.db, orderId);
  expect(await shop.letRetry(orderId)).toBe('wait');
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1] });
  const { rows } = await shop.db.pool.query(
    'select return_url as url from sandbox_gateway.charges where ref = $1',
    [ref],
  );
  expect(rows).toEqual([{ url: RETURN_URL }]);
  await ends(orderId);
});

test('an unanswered one is abandoned when its time is up, and another card may be tried', async () => {
  const { orderId } = await challenged();
  await timeIsUp(orderId);
  await shop.carryOn(orderId);
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    status: 'reserved',
    reservation: { status: 'pending' },
    payment: { status: 'declined', declineCode: 'abandoned' },
  });
  await answer(await refOf(orderId), 'authenticate');
  await shop.pay(orderId, 'tok_ok');
  await shop.carryOn(orderId);
  expect(await statuses(orderId)).toEqual(['declined', 'captured']);
  await shop.pickUp(orderId, 'AMS');
  await expectAtRest(shop.db);
});

test('an unanswered one ends the order where its reservation is past due', async () => {
  const { orderId, sku } = await challenged();
  await makeDue(shop.db, orderId);
  await timeIsUp(orderId);
  expect(await shop.carryOn(orderId)).toBe('finish');
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    status: 'expired',
    payment: { status: 'declined' },
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  await expectAtRest(shop.db);
});

test.each(['now', 'on_shipment'] as const)(
  'a customer who is faster than the end of its time has paid: %s',
  async (capture) => {
    const { orderId } = await challenged(capture);
    await answer(await refOf(orderId), 'authenticate');
    await timeIsUp(orderId);
    await shop.carryOn(orderId);
    expect(await statuses(orderId)).toEqual([capture === 'now' ? 'captured' : 'authorized']);
    await shop.pickUp(orderId, 'AMS');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 1_000, refunded: 0 }]);
    await expectAtRest(shop.db);
  },
);

test('a customer who refuses is declined', async () => {
  const { orderId } = await challenged();
  await answer(await refOf(orderId), 'refuse');
  await shop.carryOn(orderId);
  expect((await viewOf(shop.db, orderId)).payment).toMatchObject({
    status: 'declined',
    declineCode: 'authentication_failed',
  });
  await ends(orderId);
});

test.each(['now', 'on_shipment'] as const)(
  'a second card takes over; where both are charged the money of the first goes back: %s',
  async (capture) => {
    const { orderId } = await challenged(capture);
    const ref = await refOf(orderId);
    const begun = await shop.pay(orderId, 'tok_ok');
    expect(begun).toMatchObject({ begun: true, status: 'pending' });
    // The customer authenticates the first before it is given up.
    await answer(ref, 'authenticate');
    await shop.carryOn(orderId);
    const isNow = capture === 'now';
    expect(await shop.money(orderId)).toMatchObject([
      isNow ? { status: 'refunded', captured: 1_000, refunded: 1_000 } : { status: 'voided', captured: 0 },
      { status: isNow ? 'captured' : 'authorized' },
    ]);
    const { refunds } = await viewOf(shop.db, orderId);
    expect(refunds.map(({ reason }) => reason)).toEqual(isNow ? ['another payment took its place'] : []);
    await shop.pickUp(orderId, 'AMS');
    expect(await shop.money(orderId)).toMatchObject([
      {},
      { status: 'captured', captured: 1_000, refunded: 0 },
    ]);
    await expectAtRest(shop.db);
  },
);

test('the first card is given up at the gateway when a second takes over, and counts as an attempt', async () => {
  const { orderId } = await challenged();
  expect(await shop.pay(orderId, 'tok_ok', { attemptLimit: 1 })).toMatchObject({
    begun: false,
    code: 'PAYMENT_ATTEMPTS_EXCEEDED',
  });
  await shop.pay(orderId, 'tok_3ds_abandoned', { attemptLimit: 2 });
  await shop.carryOn(orderId);
  expect(await statuses(orderId)).toEqual(['declined', 'requires_action']);
  expect(await shop.pay(orderId, 'tok_ok', { attemptLimit: 2 })).toMatchObject({
    begun: false,
    code: 'PAYMENT_ATTEMPTS_EXCEEDED',
  });
  expect(await answer(await refOf(orderId), 'authenticate')).toMatchObject({ status: 'declined' });
  await ends(orderId);
});

test('a second card that wants the customer too is waited for no longer than the first', async () => {
  const { orderId, sku } = await challenged('now', 300);
  await shop.pay(orderId, 'tok_3ds_abandoned');
  await shop.carryOn(orderId, { actionSeconds: 900 });
  await shop.pay(orderId, 'tok_3ds_abandoned');
  await shop.carryOn(orderId, { actionSeconds: 900 });
  expect(await statuses(orderId)).toEqual(['declined', 'declined', 'requires_action']);
  const { rows } = await shop.db.pool.query(
    'select count(distinct action_until)::int as times, count(action_until)::int as payments from payments where order_id = $1',
    [orderId],
  );
  expect(rows).toEqual([{ times: 1, payments: 3 }]);
  await makeDue(shop.db, orderId);
  await timeIsUp(orderId);
  expect(await shop.carryOn(orderId)).toBe('finish');
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  await expectAtRest(shop.db);
});

test.each([
  ['authenticates', 'authenticate'],
  ['refuses', 'refuse'],
] as const)('addresses for the customer are not kept once it %s', async (_, given) => {
  const { orderId } = await challenged('on_shipment');
  const addresses = async (): Promise<unknown> => {
    const { rows } = await shop.db.pool.query(
      `select p.return_url as ours, p.next_action as action, c.return_url as theirs, o.payment_method->>'returnUrl' as stored
       from payments p join orders o on o.id = p.order_id join sandbox_gateway.charges c on c.idempotency_key = p.id::text
       where p.order_id = $1`,
      [orderId],
    );
    return rows[0];
  };
  expect(await addresses()).toMatchObject({
    ours: RETURN_URL,
    action: { type: 'redirect' },
    theirs: RETURN_URL,
    stored: null,
  });
  // Whoever answers goes on from there.
  expect(await answer(await refOf(orderId), given)).toMatchObject({ returnUrl: RETURN_URL });
  await shop.letRetry(orderId);
  expect(await addresses()).toEqual({ ours: null, action: null, theirs: null, stored: null });
  await ends(orderId);
});

test('no second card takes over once the reservation is past due', async () => {
  const { orderId } = await challenged();
  await makeDue(shop.db, orderId);
  expect(await shop.pay(orderId, 'tok_ok')).toMatchObject({ begun: false, code: 'HOLD_EXPIRED' });
  expect(await viewOf(shop.db, orderId)).toMatchObject({ payments: [{ status: 'requires_action' }] });
  // The first may still come to its end in time.
  await answer(await refOf(orderId), 'authenticate');
  await shop.letRetry(orderId);
  expect(await statuses(orderId)).toEqual(['captured']);
  await shop.pickUp(orderId, 'AMS');
  await expectAtRest(shop.db);
});

test('the same attempt again is the same charge, also after another took its place', async () => {
  const { orderId } = await challenged();
  const updateId = newId();
  const first = await shop.pay(orderId, 'tok_3ds_abandoned', { updateId });
  const second = await shop.pay(orderId, 'tok_ok');
  expect(second).toMatchObject({ begun: false, code: 'PAYMENT_IN_PROGRESS' });
  await shop.carryOn(orderId);
  await shop.pay(orderId, 'tok_ok');
  expect(await shop.pay(orderId, 'tok_3ds_abandoned', { updateId })).toMatchObject({
    begun: true,
    paymentId: first.begun ? first.paymentId : '',
  });
  await shop.carryOn(orderId);
  expect(await statuses(orderId)).toEqual(['declined', 'declined', 'captured']);
  await shop.pickUp(orderId, 'AMS');
  await expectAtRest(shop.db);
});

test('an order that is cancelled while its customer is asked gives its stock back at once, and nothing is charged', async () => {
  const { orderId, sku } = await challenged();
  const ref = await refOf(orderId);
  const away: PaymentGateway = { ...shop.gateway, find: () => Promise.reject(new Error('away')) };
  await requestCancel(shop.db, { orderId, reason: 'changed my mind' });
  expect(await shop.carryOn(orderId, { gateway: away })).toBe('wait');
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  // Its reservation is gone: it can be paid no more, although the charge is not given up yet.
  expect(await shop.pay(orderId, 'tok_ok')).toMatchObject({ begun: false, code: 'ORDER_NOT_PAYABLE' });
  expect(await shop.letRetry(orderId)).toBe('finish');
  expect(await statuses(orderId)).toEqual(['declined']);
  expect(await answer(ref, 'authenticate')).toMatchObject({ status: 'declined' });
  await expectAtRest(shop.db);
});

describe('a gateway that does not respond', () => {
  const away = (): PaymentGateway => ({ ...shop.gateway, find: () => Promise.reject(new Error('away')) });

  test('does not end the time that the customer has', async () => {
    const { orderId } = await challenged();
    await shop.db.pool.query(
      `update payments set first_asked_at = clock_timestamp() - interval '2 hours' where order_id = $1`,
      [orderId],
    );
    await shop.letRetry(orderId, { gateway: away() });
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'reserved',
      payment: { status: 'requires_action', lastError: 'The payment gateway gave no answer.' },
      attention: [],
    });
    await ends(orderId);
  });

  test('about a card whose place is taken while it is asked does not take the reservation from the other', async () => {
    const { orderId } = await challenged();
    await shop.db.pool.query(
      `update payments set next_try_at = null, first_asked_at = clock_timestamp() - interval '2 hours',
         action_until = clock_timestamp() - interval '2 hours' where order_id = $1`,
      [orderId],
    );
    const first = (await viewOf(shop.db, orderId)).payments[0]!.id;
    const overtaken: PaymentGateway = {
      ...shop.gateway,
      find: async () => {
        await shop.pay(orderId, 'tok_ok');
        throw new Error('away');
      },
    };
    const how = { firstRetrySeconds: 0.5, unknownLimitSeconds: 3_600, briefMs: null };
    await askGateway(
      { db: shop.db, gatewayNamed: () => overtaken, carrier: CARRIER, ...CHARGE_TERMS },
      { orderId, ask: { kind: 'charge', id: first }, ...how },
    );
    await shop.letRetry(orderId);
    expect(await statuses(orderId)).toEqual(['declined', 'captured']);
    expect(await viewOf(shop.db, orderId)).toMatchObject({ status: 'paid', refunds: [], attention: [] });
    await shop.pickUp(orderId, 'AMS');
  });

  test('about a card whose place was taken does not take the reservation from the other', async () => {
    const { orderId } = await challenged();
    await shop.pay(orderId, 'tok_3ds_abandoned');
    // The second waits for its customer; of the first nothing is heard for long.
    const first = (await viewOf(shop.db, orderId)).payments[0]!.id;
    const firstAway: PaymentGateway = {
      ...shop.gateway,
      find: (request) =>
        request.paymentId === first ? Promise.reject(new Error('away')) : shop.gateway.find(request),
    };
    await shop.carryOn(orderId, { gateway: firstAway });
    await shop.db.pool.query(
      `update payments set first_asked_at = clock_timestamp() - interval '2 hours', action_until = clock_timestamp() - interval '2 hours' where id = $1`,
      [first],
    );
    await shop.letRetry(orderId, { gateway: firstAway });
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'reserved',
      payments: [{ status: 'requires_action' }, { status: 'requires_action' }],
      attention: [{ kind: 'charge_unresolved', about: first }],
    });
    // A person finds out at the gateway that it was not charged, and ends it there.
    const settled = {
      paymentId: first,
      outcome: 'not_captured' as const,
      reference: null,
      reason: 'looked it up',
      actor: 'kim',
    };
    expect(await settleChargeByHand(shop.db, settled)).toMatchObject({ status: 'declined' });
    await shop.gateway.abandon({
      paymentId: first,
      orderId,
      amountMinor: 1_000,
      currency: 'USD',
      method: 'card',
      token: 'tok_3ds_abandoned',
      gatewayRef: null,
      captureLater: false,
      offSession: false,
      keepsMethod: false,
      customerRef: null,
      returnUrl: null,
    });
    await ends(orderId);
  });
});

test('a later part is charged without the customer, who has authenticated before', async () => {
  const sku = await shop.product({ AMS: 1 });
  const payment = { method: 'card', token: 'tok_3ds_abandoned' };
  const orderId = await shop.authorised({ [sku]: 2 }, { payment, fulfilment: 'backorder' });
  await answer(await refOf(orderId), 'authenticate');
  await shop.letRetry(orderId);
  expect(await statuses(orderId)).toEqual(['authorized']);
  expect(await eventTypes(shop.db, orderId)).toContain('payment_requires_action');
  await receive(shop.db, sku, 'BER', 1);
  await shop.carryOn(orderId);
  expect(await statuses(orderId)).toEqual(['authorized', 'authorized']);
  await shop.pickUp(orderId, 'AMS');
  await shop.pickUp(orderId, 'BER');
  expect(await statuses(orderId)).toEqual(['captured', 'captured']);
  await expectAtRest(shop.db);
});
