import { attemptResponse } from '../../api/use-cases/pay-order';
import { lookUpAuthorization } from '../../domain/ordering/look-up-authorization';
import { existingProgress } from '../../domain/ordering/progress';
import { settleCaptureByHand } from '../../domain/payments/captures-by-hand';
import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import { readPaymentOfUpdate } from '../../domain/payments/payments';
import type { ClosableGateway } from '../../domain/payments/gateway';
import { createStripeGateway } from '../../integrations/stripe/gateway';
import { createStripeWebhook } from '../../integrations/stripe/webhook';
import { newId } from '../../platform/ids';
import { ScriptedStripe } from '../payments/scripted-stripe';
import { intentObject, STRIPE_SECRET, stripeEvent } from '../payments/stripe-events';
import { ASK_LIMIT_MS, eventTypes } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { testLogger } from '../support/servers';
import { openAuthorisedShop, silent, type AuthorisedShop } from './authorised-orders';
import { levelsOf, ship, viewOf } from './support';

let shop: AuthorisedShop;
beforeAll(async () => {
  shop = await openAuthorisedShop();
});
afterEach(() => expectAtRest(shop.db));
afterAll(() => shop.close());

interface Stored {
  id: string;
  ref: string;
  updateId: string;
  lookDue: boolean;
  isLost: boolean;
  lastError: string | null;
}

const stored = async (orderId: string): Promise<Stored> => {
  const { rows } = await shop.db.pool.query<Stored>(
    `select id, gateway_ref as ref, update_id as "updateId", lost_at is not null as "isLost", last_error as "lastError",
       coalesce(look_due_at <= clock_timestamp(), false) as "lookDue"
     from payments where order_id = $1`,
    [orderId],
  );
  return rows[0]!;
};

/** Somebody cancels there what is left of the authorisation, or its time is over there. */
const cancelAtGateway = async (orderId: string) =>
  shop.db.pool.query(
    `update sandbox_gateway.charges set status = case when captured_minor > 0 then 'captured' else 'voided' end
     where ref = $1`,
    [(await stored(orderId)).ref],
  );

/** The gateway tells that nothing more of the charge can be captured. */
const tellOfEnd = async (orderId: string, eventId = newId()) => {
  const { id, ref } = await stored(orderId);
  return applyGatewayEvent(shop.db, 'sandbox', {
    eventId,
    type: 'charge.canceled',
    occurredAt: new Date(),
    fact: { kind: 'charge', hasEnded: true, chargeRef: ref, paymentId: id },
  });
};

const needs = async (orderId: string) => (await viewOf(shop.db, orderId)).attention.map(({ kind }) => kind);
const one = async (rest: { AMS: number; BER?: number } = { AMS: 1 }) => {
  const sku = await shop.product(rest);
  return { sku, orderId: await shop.authorised({ [sku]: rest.AMS + (rest.BER ?? 0) }) };
};
const lapseNow = async (orderId: string) => {
  const at = `clock_timestamp() - interval '1 second'`;
  await shop.db.pool.query(
    `update payments set capture_before = ${at}, look_due_at = ${at}, capture_due_at = null where order_id = $1`,
    [orderId],
  );
  await shop.db.pool.query(`update sandbox_gateway.charges set capture_before = ${at} where ref = $1`, [
    (await stored(orderId)).ref,
  ]);
};

describe('an authorisation that is cancelled at the gateway', () => {
  test('before shipping cancels the order, keeps no stock and no money, and tells a person', async () => {
    const { sku, orderId } = await one({ AMS: 2 });
    await cancelAtGateway(orderId);
    expect(await tellOfEnd(orderId)).toBe('applied');
    expect((await existingProgress(shop.db, orderId)).asks).toMatchObject([{ kind: 'charge', tries: 0 }]);
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'cancelled',
      cancelReason: 'its authorisation is lost',
      payment: { status: 'failed', capturedMinor: 0, captures: [], lostAt: expect.any(String) as string },
      attention: [{ kind: 'authorization_lost', why: expect.stringContaining('(voided)') as string }],
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
    const types = await eventTypes(shop.db, orderId);
    expect(types.filter((type) => type === 'authorization_lost')).toHaveLength(1);
  });

  test('between two parcels keeps what the first cost, and cancels the second', async () => {
    const { sku, orderId } = await one({ AMS: 1, BER: 1 });
    await shop.pickUp(orderId, 'AMS');
    await cancelAtGateway(orderId);
    expect(await tellOfEnd(orderId)).toBe('applied');
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toEqual([
      { status: 'captured', captured: 1_000, refunded: 0, captures: [[1_000, 'succeeded']] },
    ]);
    expect(await viewOf(shop.db, orderId)).toMatchObject({ status: 'fulfilled', refunds: [] });
    expect(await needs(orderId)).toEqual(['authorization_lost']);
    expect(await levelsOf(shop.db, sku)).toEqual({ BER: [1, 0] });
  });

  test('of which nobody tells is found by the capture that fails; the parcel that left waits for a person', async () => {
    const { sku, orderId } = await one({ AMS: 1, BER: 1 });
    await cancelAtGateway(orderId);
    await shop.pickUp(orderId, 'AMS');
    // The next try of the capture is not needed to find it.
    expect(await needs(orderId)).toEqual(['authorization_lost']);
    expect(await levelsOf(shop.db, sku)).toEqual({ BER: [1, 0] });
    for (let n = 0; n < 4; n++) await shop.letRetry(orderId);
    expect((await needs(orderId)).sort()).toEqual(['authorization_lost', 'capture_failed']);
    const [capture] = (await viewOf(shop.db, orderId)).payment!.captures;
    await shop.db.pool.query('update captures set asked_at = null where id = $1', [capture!.id]);
    const how = {
      outcome: 'made_elsewhere',
      reference: 'transfer 7',
      reason: 'by transfer',
      actor: 'kim',
    } as const;
    await settleCaptureByHand(shop.db, { askLimitMs: ASK_LIMIT_MS, captureId: capture!.id, ...how });
    expect(await shop.letRetry(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'failed', captured: 0 }]);
    const types = await eventTypes(shop.db, orderId);
    expect(types.filter((type) => type === 'authorization_lost')).toHaveLength(1);
  });

  test('whose webhook lies stays as it is, and is looked up again once its time is over', async () => {
    const { orderId } = await one();
    expect(await tellOfEnd(orderId)).toBe('applied');
    expect(await stored(orderId)).toMatchObject({ lookDue: true });
    expect(await shop.carryOn(orderId)).toBe('wait');
    expect(await stored(orderId)).toMatchObject({ lookDue: false, isLost: false });
    const { asks, lookMsLeft, cancel } = await existingProgress(shop.db, orderId);
    expect({ asks, cancel }).toEqual({ asks: [], cancel: null });
    expect(lookMsLeft).toBeGreaterThan(604_000_000);
    expect(await needs(orderId)).toEqual([]);
    await shop.pickUp(orderId, 'AMS');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 1_000 }]);
  });

  test('is told of twice, and looked up by two at once, and is lost once', async () => {
    const { orderId } = await one();
    await cancelAtGateway(orderId);
    expect([await tellOfEnd(orderId, 'evt_1'), await tellOfEnd(orderId, 'evt_1')]).toEqual([
      'applied',
      'duplicate',
    ]);
    const { id } = await stored(orderId);
    const deps = { db: shop.db, gatewayNamed: () => shop.gateway };
    // The second is asked while the first, which has claimed the look, waits for the gateway.
    const find = async (request: Parameters<typeof shop.gateway.find>[0]) => {
      await shop.db.pool.query('update payments set look_due_at = clock_timestamp() where id = $1', [id]);
      await lookUpAuthorization(deps, id, { briefMs: null });
      return shop.gateway.find(request);
    };
    const slow = { ...deps, gatewayNamed: () => ({ ...shop.gateway, find }) };
    await lookUpAuthorization(slow, id, { briefMs: null });
    await shop.carryOn(orderId);
    expect(await tellOfEnd(orderId)).toBe('stale');
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await needs(orderId)).toEqual(['authorization_lost']);
    const types = await eventTypes(shop.db, orderId);
    expect(types.filter((type) => type === 'authorization_lost')).toHaveLength(1);
  });

  test('is told of before it is known to be authorised: the charge is looked up, and declined', async () => {
    const sku = await shop.product({ AMS: 1 });
    // The gateway authorises it, and the response is lost.
    const lost = {
      ...shop.gateway,
      charge: async (request: Parameters<typeof shop.gateway.charge>[0]) => {
        await shop.gateway.charge(request);
        throw new Error('the connection was lost');
      },
      find: () => Promise.resolve(null),
    };
    const orderId = await shop.authorised({ [sku]: 1 }, { holdSeconds: 600 }, { gateway: lost });
    const { id } = await stored(orderId);
    await shop.db.pool.query(
      `update sandbox_gateway.charges set status = 'voided' where idempotency_key = $1`,
      [id],
    );
    expect(await tellOfEnd(orderId)).toBe('applied');
    await shop.carryOn(orderId);
    expect((await viewOf(shop.db, orderId)).payment).toMatchObject({ status: 'declined' });
    expect(await tellOfEnd(orderId)).toBe('stale');
    expect(await needs(orderId)).toEqual([]);
    await shop.db.pool.query(
      `update reservations set expires_at = clock_timestamp() where order_id = $1 and status = 'pending'`,
      [orderId],
    );
    await shop.carryOn(orderId);
    await shop.db.pool.query(`delete from sandbox_gateway.charges where idempotency_key = $1`, [id]);
  });

  test('counts as paid no more: paying again is no success', async () => {
    const { orderId } = await one();
    const { id, updateId } = await stored(orderId);
    await cancelAtGateway(orderId);
    await tellOfEnd(orderId);
    await lookUpAuthorization({ db: shop.db, gatewayNamed: () => shop.gateway }, id, { briefMs: null });
    const attempt = (await readPaymentOfUpdate(shop.db, orderId, updateId))!;
    expect(() => attemptResponse(orderId, attempt)).toThrow(
      expect.objectContaining({ code: 'ORDER_NOT_PAYABLE' }) as Error,
    );
    expect(attempt.payment).toMatchObject({ status: 'authorized' });
    expect(await shop.carryOn(orderId)).toBe('finish');
  });
});

describe('an authorisation whose time is over at the gateway', () => {
  test('is looked up by itself, and what has not left is cancelled', async () => {
    const { sku, orderId } = await one();
    await lapseNow(orderId);
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'cancelled',
      payment: { status: 'failed' },
      attention: [{ why: expect.stringContaining('(authorization_expired)') as string }],
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  });

  test('is looked up again, less and less often, as long as the gateway does not answer or still keeps it', async () => {
    const { orderId } = await one();
    await lapseNow(orderId);
    const away = { ...shop.gateway, find: () => Promise.reject(new Error('away')) };
    expect(await shop.carryOn(orderId, { gateway: away })).toBe('wait');
    expect(await stored(orderId)).toMatchObject({ isLost: false, lastError: expect.any(String) as string });
    const lookAgain = () =>
      shop.db.pool.query('update payments set look_due_at = clock_timestamp() where order_id = $1', [
        orderId,
      ]);
    const keeps = {
      ...shop.gateway,
      find: () =>
        Promise.resolve({
          status: 'authorized' as const,
          gatewayRef: 'ref',
          multicapture: true,
          captureBefore: null,
        }),
    };
    const waits: number[] = [];
    for (let n = 0; n < 3; n++) {
      await lookAgain();
      expect(await shop.carryOn(orderId, { gateway: keeps })).toBe('wait');
      waits.push((await existingProgress(shop.db, orderId)).lookMsLeft ?? 0);
    }
    expect(waits[0]).toBeGreaterThan(500);
    expect(waits[2]).toBeGreaterThan(2_000);
    expect(await needs(orderId)).toEqual([]);
    await lookAgain();
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await needs(orderId)).toEqual(['authorization_lost']);
  });
});

test('a charge that our own last capture has ended is not lost, although its response was', async () => {
  const { orderId } = await one();
  await ship(shop.db, orderId, 'AMS', 'picked_up');
  await shop.carryOn(orderId, { gateway: silent(shop.gateway, { isMade: true }) });
  expect(await tellOfEnd(orderId)).toBe('applied');
  await shop.carryOn(orderId, { gateway: silent(shop.gateway, { isMade: true }) });
  expect(await stored(orderId)).toMatchObject({ isLost: false });
  expect(await shop.letRetry(orderId)).toBe('finish');
  expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 1_000 }]);
  expect(await needs(orderId)).toEqual([]);
});

describe('at Stripe', () => {
  const webhook = createStripeWebhook([STRIPE_SECRET], { warn: () => undefined });
  let stripe: ScriptedStripe;
  let gateway: ClosableGateway;
  beforeAll(async () => {
    stripe = await ScriptedStripe.start();
    const log = testLogger();
    gateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: stripe.url, timeoutMs: 5_000, log });
  });
  afterAll(async () => {
    await gateway.close();
    await stripe.stop();
  });

  const atStripe = async () => {
    const sku = await shop.product({ AMS: 1, BER: 1 });
    const payment = { method: 'card', token: 'pm_ok' };
    const orderId = await shop.authorised({ [sku]: 2 }, { payment }, { gateway });
    await shop.db.pool.query(`update payments set gateway = 'stripe' where order_id = $1`, [orderId]);
    return { sku, orderId, intent: (await stored(orderId)).ref };
  };
  const tell = (type: string, id: string, status: string) =>
    applyGatewayEvent(shop.db, 'stripe', webhook.read(stripeEvent(type, { ...intentObject(id), status })));

  test('an intent that is cancelled before shipping cancels the order', async () => {
    const { sku, orderId, intent } = await atStripe();
    expect(await tell('payment_intent.amount_capturable_updated', intent, 'requires_capture')).toBe('stale');
    stripe.lapse(intent);
    expect(await tell('payment_intent.canceled', intent, 'canceled')).toBe('applied');
    expect(await shop.carryOn(orderId, { gateway })).toBe('finish');
    expect(await shop.money(orderId)).toEqual([{ status: 'failed', captured: 0, refunded: 0, captures: [] }]);
    expect(await needs(orderId)).toEqual(['authorization_lost']);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
  });

  test('one that ends between two parcels keeps what the first cost', async () => {
    const { sku, orderId, intent } = await atStripe();
    await shop.pickUp(orderId, 'AMS', { gateway });
    stripe.lapse(intent);
    expect(await tell('payment_intent.succeeded', intent, 'succeeded')).toBe('applied');
    expect(await shop.carryOn(orderId, { gateway })).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 1_000 }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ BER: [1, 0] });
  });

  test('an event that is not true changes nothing, nor does one of our own last capture', async () => {
    const { orderId, intent } = await atStripe();
    expect(await tell('payment_intent.canceled', intent, 'canceled')).toBe('applied');
    expect(await shop.carryOn(orderId, { gateway })).toBe('wait');
    await shop.pickUp(orderId, 'AMS', { gateway });
    await shop.pickUp(orderId, 'BER', { gateway });
    expect(await tell('payment_intent.succeeded', intent, 'succeeded')).toBe('stale');
    expect(await shop.carryOn(orderId, { gateway })).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 2_000 }]);
    expect(await needs(orderId)).toEqual([]);
  });
});
