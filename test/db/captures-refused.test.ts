import { PassThrough } from 'node:stream';
import { createOutput } from '../../cli/output';
import { runResolve, runRetry } from '../../cli/money';
import { retryCapture, settleCaptureByHand } from '../../domain/payments/captures-by-hand';
import { requestRefund } from '../../domain/payments/refunds-by-hand';
import type { ClosableGateway } from '../../domain/payments/gateway';
import { createStripeGateway } from '../../integrations/stripe/gateway';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { ScriptedStripe } from '../payments/scripted-stripe';
import { authorise, comesIn, inspect } from '../returns/support';
import { ASK_LIMIT_MS, eventTypes, gatewayAskedLongAgo } from '../support/fixtures';
import { CARRIER_SECRETS } from '../support/carrier-signature';
import { expectAtRest } from '../support/invariants';
import { testLogger } from '../support/servers';
import { openAuthorisedShop, silent, withCaptures, type AuthorisedShop } from './authorised-orders';
import { giveBack, viewOf } from './support';
import { BY, capturingOrders } from './capturing-orders';

let shop: AuthorisedShop;
const { expectMoneyInOrder, twoParcels, viewsOf, needs, askedLongAgo, endAttention } = capturingOrders(
  () => shop,
);

beforeAll(async () => {
  shop = await openAuthorisedShop();
});
afterEach(async () => {
  await expectAtRest(shop.db);
  await expectMoneyInOrder();
});
afterAll(() => shop.close());

describe('a capture', () => {
  /** An order of two units in one parcel that has left, whose capture the gateway refused for good. */
  async function refused(token = 'tok_capture_fails') {
    const sku = await shop.product({ AMS: 2 });
    const orderId = await shop.authorised({ [sku]: 2 }, { payment: { method: 'card', token } });
    await shop.pickUp(orderId, 'AMS');
    for (let tries = 0; tries < 3; tries++) await shop.letRetry(orderId);
    const [capture] = await viewsOf(orderId);
    return { sku, orderId, captureId: capture!.id };
  }

  test('that is refused four times has failed and needs a person; it can be tried again', async () => {
    const { orderId, captureId } = await refused();
    expect(await viewsOf(orderId)).toMatchObject([
      { status: 'failed', lastError: 'the issuer of the card refuses it' },
    ]);
    expect(await needs(orderId)).toEqual([['capture_failed', captureId]]);
    expect(await shop.letRetry(orderId)).toBe('finish');
    // Not within seconds of the last call.
    expect(await retryCapture(shop.db, { askLimitMs: ASK_LIMIT_MS, captureId, actor: 'kim' })).toMatchObject({
      status: 'failed',
    });
    expect(await needs(orderId)).toEqual([['capture_failed', captureId]]);
    await gatewayAskedLongAgo(shop.db);
    expect(await retryCapture(shop.db, { askLimitMs: ASK_LIMIT_MS, captureId, actor: 'kim' })).toMatchObject({
      status: 'planned',
    });
    expect(await needs(orderId)).toEqual([]);
    await shop.carryOn(orderId);
    expect(await viewsOf(orderId)).toMatchObject([{ status: 'failed' }]);
    expect(await needs(orderId)).toEqual([['capture_failed', captureId]]);
    await shop.db.pool.query(
      `update sandbox_gateway.charges set token = 'tok_ok' where token = 'tok_capture_fails'`,
    );
    await gatewayAskedLongAgo(shop.db);
    await retryCapture(shop.db, { askLimitMs: ASK_LIMIT_MS, captureId, actor: 'kim' });
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 2_000 }]);
    expect(await needs(orderId)).toEqual([]);
    await expect(
      retryCapture(shop.db, { askLimitMs: ASK_LIMIT_MS, captureId, actor: 'kim' }),
    ).rejects.toMatchObject({
      code: 'CAPTURE_MADE',
    });
  });

  test('is tried again, and settled, by commands as well', async () => {
    const { orderId, captureId } = await refused();
    const settings = readSettings({ ...CARRIER_SECRETS, DATABASE_URL: shop.url, LOG_LEVEL: 'silent' });
    const printed = new PassThrough();
    const command = { kind: 'capture' as const, id: captureId };
    await gatewayAskedLongAgo(shop.db);
    expect(await runRetry(settings, command, createOutput(printed))).toBe(0);
    const how = { outcome: 'made_elsewhere' as const, reference: 'T-1', reason: 'paid by transfer' };
    expect(await runResolve(settings, { ...command, ...how }, createOutput(printed))).toBe(0);
    expect(String(printed.read())).toMatch(/2000 minor units, planned[^]*settled by hand: made_elsewhere/);
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await eventTypes(shop.db, orderId)).toEqual(
      expect.arrayContaining(['capture_retried', 'capture_settled']),
    );
  });

  test('for which the customer paid elsewhere is settled by hand, once, and the authorisation is voided', async () => {
    const { orderId, captureId } = await refused();
    const settlement = {
      askLimitMs: ASK_LIMIT_MS,
      captureId,
      outcome: 'made_elsewhere' as const,
      reference: 'T-1',
      ...BY,
    };
    const first = await settleCaptureByHand(shop.db, settlement);
    expect(first).toMatchObject({ status: 'settled_by_hand', settledAs: 'made_elsewhere', settledBy: 'kim' });
    expect(await settleCaptureByHand(shop.db, settlement)).toEqual(first);
    await expect(settleCaptureByHand(shop.db, { ...settlement, reference: 'T-2' })).rejects.toMatchObject({
      code: 'CAPTURE_SETTLED',
    });
    await expect(
      retryCapture(shop.db, { askLimitMs: ASK_LIMIT_MS, captureId, actor: 'kim' }),
    ).rejects.toMatchObject({
      code: 'CAPTURE_SETTLED',
    });
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'failed', captured: 0 }]);
    expect(await needs(orderId)).toEqual([]);
  });

  test('that is given up ends the refunds that wait for its money, and nothing of it goes back afterwards', async () => {
    const { sku, orderId, captureId } = await refused();
    await giveBack(shop.db, orderId, 500);
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([{ status: 'planned' }]);
    await settleCaptureByHand(shop.db, {
      askLimitMs: ASK_LIMIT_MS,
      captureId,
      outcome: 'waived',
      reference: null,
      ...BY,
    });
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
      { status: 'settled_by_hand', settledAs: 'waived' },
    ]);
    const wanted = { orderId, requestId: newId(), paymentId: null, amountMinor: 500, ...BY };
    await expect(requestRefund(shop.db, wanted)).rejects.toMatchObject({ code: 'NOT_REFUNDABLE' });
    expect(await shop.carryOn(orderId)).toBe('finish');
    const { id } = await authorise(shop.db, orderId, { [sku]: 1 });
    await comesIn(shop.db, id, { [sku]: 1 });
    await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }]);
    expect((await viewOf(shop.db, orderId)).refunds).toHaveLength(1);
  });

  test('that was paid elsewhere leaves the refunds that wait for its money, and a person is told that the gateway has not got it', async () => {
    const { orderId, captureId } = await refused();
    await giveBack(shop.db, orderId, 500);
    expect(await shop.carryOn(orderId)).toBe('finish');
    const how = { outcome: 'made_elsewhere' as const, reference: 'T-1', ...BY };
    await settleCaptureByHand(shop.db, { askLimitMs: ASK_LIMIT_MS, captureId, ...how });
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([{ status: 'planned' }]);
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([{ status: 'failed' }]);
    expect((await needs(orderId)).map(([kind]) => kind)).toEqual(['refund_failed']);
    await endAttention(orderId);
  });

  test('that is given up is not counted as money that may go back, while another was made', async () => {
    const { orderId } = await twoParcels();
    await shop.pickUp(orderId, 'AMS');
    const refusing = withCaptures(shop.gateway, () => Promise.resolve({ status: 'failed', reason: 'no' }));
    await shop.pickUp(orderId, 'BER', { gateway: refusing });
    for (let tries = 0; tries < 3; tries++) await shop.letRetry(orderId, { gateway: refusing });
    const failed = (await viewsOf(orderId))[1]!;
    await settleCaptureByHand(shop.db, {
      askLimitMs: ASK_LIMIT_MS,
      captureId: failed.id,
      outcome: 'waived',
      reference: null,
      ...BY,
    });
    const wanted = { orderId, requestId: newId(), paymentId: null, amountMinor: 1_001, ...BY };
    await expect(requestRefund(shop.db, wanted)).rejects.toMatchObject({ code: 'REFUND_EXCEEDS_CAPTURE' });
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 1_000 }]);
  });

  test.each([true, false])(
    'that the gateway makes after a person settled it is told, and its money goes back with the void: final %s',
    async (isFinal) => {
      const sku = await shop.product({ AMS: 1 });
      const orderId = await shop.authorised({ [sku]: 1 });
      const settledMeanwhile = withCaptures(shop.gateway, async (request) => {
        const outcome = await shop.gateway.capture({ ...request, isFinal });
        await askedLongAgo(request.captureId);
        await settleCaptureByHand(shop.db, {
          askLimitMs: ASK_LIMIT_MS,
          captureId: request.captureId,
          outcome: 'made_elsewhere',
          reference: 'T-1',
          ...BY,
        });
        return outcome;
      });
      await shop.pickUp(orderId, 'AMS', { gateway: settledMeanwhile });
      const [capture] = await viewsOf(orderId);
      expect(await needs(orderId)).toEqual([['captured_twice', capture!.id]]);
      expect(await shop.letRetry(orderId)).toBe('finish');
      expect(await shop.money(orderId)).toMatchObject([
        {
          status: 'refunded',
          captured: 1_000,
          refunded: 1_000,
          captures: [
            [1_000, 'settled_by_hand'],
            [1_000, 'succeeded'],
          ],
        },
      ]);
      await endAttention(orderId);
    },
  );

  test('is not settled by hand within 10 s of an ask, which may be under way', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = await shop.authorised({ [sku]: 1 });
    await shop.pickUp(orderId, 'AMS', { gateway: silent(shop.gateway, { isMade: true }) });
    const [capture] = await viewsOf(orderId);
    const settlement = {
      askLimitMs: ASK_LIMIT_MS,
      captureId: capture!.id,
      outcome: 'waived' as const,
      reference: null,
      ...BY,
    };
    await expect(settleCaptureByHand(shop.db, settlement)).rejects.toMatchObject({
      code: 'CAPTURE_UNDER_WAY',
    });
    expect(await viewsOf(orderId)).toMatchObject([{ status: 'planned' }]);
    await askedLongAgo(capture!.id);
    expect(await settleCaptureByHand(shop.db, settlement)).toMatchObject({ status: 'settled_by_hand' });
    expect(await settleCaptureByHand(shop.db, settlement)).toMatchObject({ status: 'settled_by_hand' });
    expect(await shop.letRetry(orderId)).toBe('finish');
  });

  describe('whose response was lost, and for which the customer paid elsewhere,', () => {
    let stripe: ScriptedStripe;
    let atStripe: ClosableGateway;
    beforeAll(async () => {
      stripe = await ScriptedStripe.start();
      atStripe = createStripeGateway({
        apiKey: 'sk_test_1',
        apiBase: stripe.url,
        timeoutMs: 5_000,
        log: testLogger(),
      });
    });
    afterAll(async () => {
      await atStripe.close();
      await stripe.stop();
    });

    test.each([
      ['the sandbox', 2_000],
      // Here what the first took is found as what the second, which is smaller, was to take.
      ['Stripe', 1_000],
    ])('goes back as far as the last one does not need it: at %s', async (which, surplus) => {
      const gateway = which === 'Stripe' ? atStripe : shop.gateway;
      const sku = await shop.product({ AMS: 2, BER: 1 });
      const payment = { method: 'card', token: which === 'Stripe' ? 'pm_ok' : 'tok_ok' };
      const orderId = await shop.authorised({ [sku]: 3 }, { payment }, { gateway });
      if (which === 'Stripe')
        await shop.db.pool.query(`update payments set gateway = 'stripe' where order_id = $1`, [orderId]);
      await shop.pickUp(orderId, 'AMS', { gateway: silent(gateway, { isMade: true }) });
      const captureId = (await viewsOf(orderId))[0]!.id;
      await askedLongAgo(captureId);
      const how = { outcome: 'made_elsewhere' as const, reference: 'T-1', ...BY };
      await settleCaptureByHand(shop.db, { askLimitMs: ASK_LIMIT_MS, captureId, ...how });
      await shop.pickUp(orderId, 'BER', { gateway });
      expect(await shop.letRetry(orderId, { gateway })).toBe('finish');
      const reason = 'more was captured at the gateway than was asked for';
      expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
        { amountMinor: surplus, status: 'succeeded', reason },
      ]);
      expect(await shop.money(orderId)).toMatchObject([
        { status: 'partially_refunded', captured: 1_000 + surplus, refunded: surplus },
      ]);
      if (which === 'Stripe')
        expect(stripe.intent('pi_1')).toMatchObject({ status: 'succeeded', amount_received: 2_000 });
    });
  });

  test('without a response is tried again, tells a person after a while, and is made once', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = await shop.authorised({ [sku]: 1 });
    const gateway = silent(shop.gateway, { isMade: true });
    await shop.pickUp(orderId, 'AMS', { gateway });
    for (let tries = 0; tries < 5; tries++) await shop.letRetry(orderId, { gateway });
    const [capture] = await viewsOf(orderId);
    expect(capture).toMatchObject({ status: 'planned', lastError: 'The payment gateway gave no answer.' });
    expect(await needs(orderId)).toEqual([['capture_delayed', capture!.id]]);
    expect(await shop.letRetry(orderId)).toBe('finish');
    expect(await needs(orderId)).toEqual([]);
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 1_000 }]);
  });
});
