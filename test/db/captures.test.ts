import { PassThrough } from 'node:stream';
import { createOutput } from '../../cli/output';
import { runResolve, runRetry } from '../../cli/money';
import { SQL_CHECKS, statementOf } from '../../domain/assurance/checks/checks';
import { attemptResponse } from '../../api/use-cases/pay-order';
import { readPaymentOfUpdate } from '../../domain/payments/payments';
import { requestCancel } from '../../domain/ordering/cancel';
import { expireReservation } from '../../domain/ordering/expire';
import { existingProgress } from '../../domain/ordering/progress';
import { isLastParcel, settleAuthorizations } from '../../domain/ordering/capture';
import { settleChargeByHand } from '../../domain/ordering/settle-charge-by-hand';
import { askCapture } from '../../domain/payments/captures';
import { retryCapture, settleCaptureByHand } from '../../domain/payments/captures-by-hand';
import { requestRefund } from '../../domain/payments/refunds-by-hand';
import type { CaptureRequest, ClosableGateway } from '../../domain/payments/gateway';
import { createStripeGateway } from '../../integrations/stripe/gateway';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { ScriptedStripe } from '../payments/scripted-stripe';
import { authorise, comesIn, inspect } from '../returns/support';
import { CARRIER_SECRETS } from '../support/carrier-signature';
import { eventTypes, gatewayAskedLongAgo } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { testLogger } from '../support/servers';
import {
  openAuthorisedShop,
  silent,
  withCaptures,
  withoutMulticapture,
  type AuthorisedShop,
} from './authorised-orders';
import { carry, giveBack, levelsOf, makeDue, obligingCarrier, receive, ship, viewOf } from './support';

let shop: AuthorisedShop;
beforeAll(async () => {
  shop = await openAuthorisedShop();
});
afterEach(async () => {
  await expectAtRest(shop.db);
  await expectMoneyInOrder();
});
afterAll(() => shop.close());

/** What an operator sees of money that is kept for nothing, or not taken. */
async function expectMoneyInOrder(): Promise<void> {
  const run = { mode: 'full', limit: 10, graceSeconds: 0, since: null, summedUp: { xid: 0, id: 0 } } as const;
  expect((await shop.db.query(statementOf(SQL_CHECKS.get('order_payments')!, run))).rows).toEqual([]);
}

const BY = { reason: 'paid by transfer', actor: 'kim' };
const twoParcels = async () => {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  return { sku, orderId: await shop.authorised({ [sku]: 2 }) };
};
const viewsOf = async (orderId: string) => (await viewOf(shop.db, orderId)).payments[0]!.captures;
const needs = async (orderId: string) =>
  (await viewOf(shop.db, orderId)).attention.map(({ kind, about }) => [kind, about]);
/** No call about it is under way. */
const askedLongAgo = (captureId: string) =>
  shop.db.pool.query(
    `update captures set asked_at = clock_timestamp() - interval '11 seconds' where id = $1`,
    [captureId],
  );
/** As time passes until so long before the gateway drops the authorisation. */
const lapsesSoon = (orderId: string) =>
  shop.db.pool.query('update payments set capture_due_at = clock_timestamp() where order_id = $1', [orderId]);
/** A person has seen to what only a person can end. */
const endAttention = (orderId: string) =>
  shop.db.pool.query(
    `update alerts set status = 'resolved', resolved_at = clock_timestamp() where order_id = $1`,
    [orderId],
  );

describe('an order whose money is taken on shipment', () => {
  test('whose authorisation is being voided says so, and paying it again is no success', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = await shop.authorised({ [sku]: 1 });
    const attempt = async () => {
      const { rows } = await shop.db.pool.query<{ id: string }>(
        'select update_id as id from payments where order_id = $1',
        [orderId],
      );
      return (await readPaymentOfUpdate(shop.db, orderId, rows[0]!.id))!;
    };
    expect(attemptResponse(orderId, await attempt())).toMatchObject({
      status: 200,
      body: { status: 'authorized' },
    });
    expect((await attempt()).payment).not.toHaveProperty('voiding');
    await requestCancel(shop.db, { orderId, reason: 'enough' });
    const away = { ...shop.gateway, void: () => Promise.reject(new Error('away')) };
    await shop.carryOn(orderId, { gateway: away });
    const given = await attempt();
    expect(given.payment).toMatchObject({ status: 'authorized', voiding: true });
    const refusal = expect.objectContaining({
      code: 'ORDER_NOT_PAYABLE',
      details: { payment: given.payment },
    }) as Error;
    expect(() => attemptResponse(orderId, given)).toThrow(refusal);
    expect(() => attemptResponse(orderId, { ...given, reservation: 'expired' })).toThrow(
      expect.objectContaining({ code: 'HOLD_EXPIRED' }) as Error,
    );
    await shop.letRetry(orderId);
    const ended = await attempt();
    expect(ended.payment.status).toBe('voided');
    expect(() => attemptResponse(orderId, ended)).toThrow(
      expect.objectContaining({ code: 'ORDER_NOT_PAYABLE' }) as Error,
    );
  });

  test('is paid once it is authorised, and what each of two parcels costs is captured as it leaves', async () => {
    const { sku, orderId } = await twoParcels();
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'paid',
      shipments: [{ status: 'pending' }, { status: 'pending' }],
      payment: { status: 'authorized', amountMinor: 2_000, capturedMinor: 0, captures: [] },
    });
    await shop.pickUp(orderId, 'AMS');
    expect(await shop.money(orderId)).toEqual([
      { status: 'authorized', captured: 1_000, refunded: 0, captures: [[1_000, 'succeeded']] },
    ]);
    await shop.pickUp(orderId, 'BER');
    expect(await shop.money(orderId)).toMatchObject([
      {
        status: 'captured',
        captured: 2_000,
        captures: [
          [1_000, 'succeeded'],
          [1_000, 'succeeded'],
        ],
      },
    ]);
    const { shipments } = await viewOf(shop.db, orderId);
    expect((await viewsOf(orderId)).map(({ shipmentId }) => shipmentId).sort()).toEqual(
      shipments.map(({ id }) => id).sort(),
    );
    expect(await eventTypes(shop.db, orderId)).not.toContain('payment_voided');
    expect(await levelsOf(shop.db, sku)).toEqual({});
  });

  test('of which the second parcel is cancelled gives the rest of the authorisation back, without a refund', async () => {
    const { orderId } = await twoParcels();
    await shop.pickUp(orderId, 'AMS');
    await requestCancel(shop.db, { orderId, reason: 'enough' });
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([
      { status: 'captured', captured: 1_000, captures: [[1_000, 'succeeded']] },
    ]);
    expect(await viewOf(shop.db, orderId)).toMatchObject({ status: 'fulfilled', refunds: [] });
    expect(await eventTypes(shop.db, orderId)).toContain('payment_voided');
  });

  test('of which a unit is cut before booking is charged less', async () => {
    const sku = await shop.product({ AMS: 3 });
    const orderId = await shop.authorised({ [sku]: 3 });
    await shop.cut(orderId, { [sku]: 1 });
    await shop.carryOn(orderId);
    const parcel = (await viewOf(shop.db, orderId)).shipments.at(-1)!;
    await carry(shop.db, parcel.id, 'picked_up');
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([
      { status: 'captured', captured: 2_000, refunded: 0, captures: [[2_000, 'succeeded']] },
    ]);
    expect((await viewOf(shop.db, orderId)).refunds).toEqual([]);
  });

  test('that is cancelled before anything left is voided, and its stock is back before the gateway answers', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = await shop.authorised({ [sku]: 1 });
    await requestCancel(shop.db, { orderId, reason: 'changed my mind' });
    const away = { ...shop.gateway, void: () => Promise.reject(new Error('away')) };
    for (let tries = 0; tries < 6; tries++) await shop.letRetry(orderId, { gateway: away });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
    const [payment] = (await viewOf(shop.db, orderId)).payments;
    expect(payment).toMatchObject({ status: 'authorized', lastError: 'The payment gateway gave no answer.' });
    expect(await needs(orderId)).toEqual([['void_delayed', payment!.id]]);
    expect(await shop.letRetry(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toEqual([{ status: 'voided', captured: 0, refunded: 0, captures: [] }]);
    expect(await needs(orderId)).toEqual([]);
  });

  describe('of which the gateway does not say that it is voided', () => {
    /** Cancelled, and lapsed since. */
    async function unanswered(isPartShipped: boolean) {
      const { orderId } = await twoParcels();
      if (isPartShipped) await shop.pickUp(orderId, 'AMS');
      await requestCancel(shop.db, { orderId, reason: 'changed my mind' });
      const gateway = { ...shop.gateway, void: () => Promise.reject(new Error('away')) };
      await shop.carryOn(orderId, { gateway });
      await shop.db.pool.query(
        `update payments set capture_before = clock_timestamp() - interval '1 day' where order_id = $1`,
        [orderId],
      );
      for (let tries = 0; tries < 6; tries++) await shop.letRetry(orderId, { gateway });
      const [payment] = (await viewOf(shop.db, orderId)).payments;
      return { orderId, paymentId: payment!.id };
    }
    const seen = (paymentId: string, outcome: 'captured' | 'not_captured') =>
      settleChargeByHand(shop.db, {
        paymentId,
        outcome,
        reference: null,
        reason: 'seen there',
        actor: 'kim',
      });

    test('an error after it has lapsed is no answer: a person is told, and what was captured besides is found later', async () => {
      const { orderId, paymentId } = await unanswered(false);
      expect(await shop.money(orderId)).toMatchObject([{ status: 'authorized', captured: 0 }]);
      expect(await needs(orderId)).toEqual([['void_delayed', paymentId]]);
      const { rows } = await shop.db.pool.query<{ ref: string }>(
        'select gateway_ref as ref from payments where id = $1',
        [paymentId],
      );
      const more = { captureId: newId(), keyNumber: 1, paymentId, gatewayRef: rows[0]!.ref };
      await shop.gateway.capture({
        ...more,
        amountMinor: 300,
        currency: 'USD',
        capturedMinor: 0,
        isFinal: false,
      });
      expect(await shop.letRetry(orderId)).toBe('finish');
      expect(await shop.money(orderId)).toMatchObject([{ status: 'refunded', captured: 300, refunded: 300 }]);
      expect(await needs(orderId)).toEqual([]);
    });

    test.each([
      ['voided', false, 0],
      ['captured', true, 1_000],
    ] as const)(
      'a person who saw that nothing is held ends it, once: %s',
      async (status, isPartShipped, captured) => {
        const { orderId, paymentId } = await unanswered(isPartShipped);
        await expect(seen(paymentId, 'captured')).rejects.toMatchObject({
          code: 'PAYMENT_DECIDED',
          details: { status: 'authorized' },
        });
        const first = await seen(paymentId, 'not_captured');
        expect(first).toMatchObject({ status, capturedMinor: captured });
        expect(await seen(paymentId, 'not_captured')).toEqual(first);
        expect(await needs(orderId)).toEqual([]);
        const events = await eventTypes(shop.db, orderId);
        expect(events.filter((type) => type === 'payment_settled_by_hand')).toHaveLength(1);
        expect(await shop.carryOn(orderId)).toBe('finish');
        await expect(seen(paymentId, 'captured')).rejects.toMatchObject({ code: 'PAYMENT_DECIDED' });
        // As the person had seen it at the gateway.
        await shop.db.pool.query(
          `update sandbox_gateway.charges set status = case when captured_minor > 0 then 'captured' else 'voided' end
         where idempotency_key = $1`,
          [paymentId],
        );
      },
    );
  });

  test('what costs nothing is not asked for', async () => {
    const [free, sku] = [await shop.product({ AMS: 1 }), await shop.product({ BER: 1 })];
    await shop.db.pool.query('update products set price_minor = 0 where sku = $1', [free]);
    const orderId = await shop.authorised({ [free]: 1, [sku]: 1 });
    await shop.pickUp(orderId, 'AMS');
    expect(await shop.money(orderId)).toMatchObject([
      { status: 'authorized', captured: 0, captures: [[0, 'succeeded']] },
    ]);
    await requestCancel(shop.db, { orderId, reason: 'enough' });
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'voided', captured: 0 }]);

    const [freeToo] = [await shop.product({ AMS: 1 })];
    await shop.db.pool.query('update products set price_minor = 0 where sku = $1', [freeToo]);
    const whole = await shop.authorised({ [freeToo]: 1 });
    await shop.pickUp(whole, 'AMS');
    expect(await shop.money(whole)).toMatchObject([{ status: 'captured', captured: 0, captures: [] }]);
  });

  test('has a payment of its own for the part that is allocated later', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = await shop.authorised({ [sku]: 2 }, { fulfilment: 'backorder' });
    await shop.pickUp(orderId, 'AMS');
    await receive(shop.db, sku, 'BER', 1);
    await shop.carryOn(orderId);
    expect(await shop.money(orderId)).toMatchObject([
      { status: 'captured', captured: 1_000 },
      { status: 'authorized', captured: 0 },
    ]);
    await shop.pickUp(orderId, 'BER');
    expect(await shop.money(orderId)).toMatchObject([
      { status: 'captured', captured: 1_000 },
      { status: 'captured', captured: 1_000, captures: [[1_000, 'succeeded']] },
    ]);
  });
});

describe('at a gateway that captures once', () => {
  test('everything that is not cut is captured at the first pick-up, and what is cut later goes back once that is made', async () => {
    const gateway = withoutMulticapture(shop.gateway);
    const sku = await shop.product({ AMS: 1, BER: 2 });
    const orderId = await shop.authorised({ [sku]: 3 }, {}, { gateway });
    // A gateway that does not respond: the capture is unresolved while a unit is cut.
    await shop.pickUp(orderId, 'AMS', { gateway: silent(gateway, { isMade: false }) });
    expect(await viewsOf(orderId)).toMatchObject([{ amountMinor: 3_000, status: 'planned' }]);
    await shop.cut(orderId, { [sku]: 1 });
    await shop.carryOn(orderId, { gateway });
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
      { amountMinor: 1_000, status: 'planned' },
    ]);
    await shop.letRetry(orderId, { gateway });
    expect(await shop.money(orderId)).toEqual([
      { status: 'partially_refunded', captured: 3_000, refunded: 1_000, captures: [[3_000, 'succeeded']] },
    ]);
    const rest = (await viewOf(shop.db, orderId)).shipments.find(({ status }) => status === 'pending')!;
    await carry(shop.db, rest.id, 'picked_up');
    expect(await shop.carryOn(orderId, { gateway })).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ captured: 3_000, refunded: 1_000 }]);
  });

  test('less is captured of what was cut before the first pick-up', async () => {
    const gateway = withoutMulticapture(shop.gateway);
    const sku = await shop.product({ AMS: 1, BER: 2 });
    const orderId = await shop.authorised({ [sku]: 3 }, {}, { gateway });
    await shop.cut(orderId, { [sku]: 1 });
    await shop.carryOn(orderId, { gateway });
    for (const { id, status } of (await viewOf(shop.db, orderId)).shipments)
      if (status === 'pending') await carry(shop.db, id, 'picked_up');
    expect(await shop.carryOn(orderId, { gateway })).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([
      { status: 'captured', captured: 2_000, refunded: 0, captures: [[2_000, 'succeeded']] },
    ]);
  });
});

describe('one capture at a time', () => {
  test('a parcel that leaves while the capture of another is unknown waits, and the last capture is the final one', async () => {
    const asked: Pick<CaptureRequest, 'captureId' | 'isFinal' | 'capturedMinor'>[] = [];
    const gateway = withCaptures(shop.gateway, (request) => {
      const { captureId, isFinal, capturedMinor } = request;
      asked.push({ captureId, isFinal, capturedMinor });
      return shop.gateway.capture(request);
    });
    const { orderId } = await twoParcels();
    await shop.pickUp(orderId, 'AMS', { gateway: silent(shop.gateway, { isMade: true }) });
    await shop.pickUp(orderId, 'BER', { gateway });
    const [first, second] = await viewsOf(orderId);
    expect([first?.status, second?.status]).toEqual(['planned', 'planned']);
    expect(asked).toEqual([]);
    expect(await shop.letRetry(orderId, { gateway })).toBe('finish');
    expect(asked).toEqual([
      { captureId: first!.id, isFinal: false, capturedMinor: 0 },
      { captureId: second!.id, isFinal: true, capturedMinor: 1_000 },
    ]);
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 2_000 }]);
  });

  test('one that failed and is tried again waits for a newer one that may be under way', async () => {
    const { orderId } = await twoParcels();
    await ship(shop.db, orderId, 'AMS', 'picked_up');
    const refusing = withCaptures(shop.gateway, () => Promise.resolve({ status: 'failed', reason: 'no' }));
    await shop.carryOn(orderId, { gateway: refusing });
    for (let tries = 0; tries < 3; tries++) await shop.letRetry(orderId, { gateway: refusing });
    const [first] = await viewsOf(orderId);
    expect(first).toMatchObject({ status: 'failed' });
    await shop.pickUp(orderId, 'BER', { gateway: silent(shop.gateway, { isMade: true }) });
    await gatewayAskedLongAgo(shop.db);
    await retryCapture(shop.db, { captureId: first!.id, actor: 'kim' });
    const asked: string[] = [];
    const gateway = withCaptures(shop.gateway, (request) => {
      asked.push(request.captureId);
      return shop.gateway.capture(request);
    });
    await shop.carryOn(orderId, { gateway });
    expect(asked).toEqual([]);
    await shop.letRetry(orderId, { gateway });
    expect(asked).toEqual([(await viewsOf(orderId))[1]!.id, first!.id]);
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 2_000 }]);
  });

  test('of two that are claimed at once the second waits', async () => {
    const { orderId } = await twoParcels();
    const open: string[] = [];
    const together: string[][] = [];
    const gateway = withCaptures(shop.gateway, async (request) => {
      open.push(request.captureId);
      together.push([...new Set(open)]);
      const outcome = await shop.gateway.capture(request);
      open.splice(open.indexOf(request.captureId), 1);
      return outcome;
    });
    await ship(shop.db, orderId, 'AMS', 'picked_up');
    await ship(shop.db, orderId, 'BER', 'picked_up');
    await settleAuthorizations(shop.db, orderId);
    const captures = await viewsOf(orderId);
    const ask = ({ id }: { id: string }) =>
      askCapture({ db: shop.db, isLastParcel, gatewayNamed: () => gateway }, id);
    await Promise.all([...captures, ...captures].reverse().map(ask));
    await shop.letRetry(orderId, { gateway });
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 2_000 }]);
    expect(together.filter((captureIds) => captureIds.length > 1)).toEqual([]);
  });
});

describe('an authorisation that is about to lapse', () => {
  test('is captured whole before it ships, and what is cut later goes back', async () => {
    const { sku, orderId } = await twoParcels();
    await lapsesSoon(orderId);
    await shop.carryOn(orderId);
    const [payment] = (await viewOf(shop.db, orderId)).payments;
    expect(payment).toMatchObject({ status: 'captured', capturedMinor: 2_000 });
    expect(await needs(orderId)).toEqual([['authorization_lapses', payment!.id]]);
    await shop.cut(orderId, { [sku]: 1 });
    await shop.carryOn(orderId);
    const rest = (await viewOf(shop.db, orderId)).shipments.find(({ status }) => status === 'pending')!;
    await carry(shop.db, rest.id, 'picked_up');
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([
      { captured: 2_000, refunded: 1_000, captures: [[2_000, 'succeeded']] },
    ]);
    await endAttention(orderId);
  });

  test('is captured for the rest where a part has left, and once only', async () => {
    const { orderId } = await twoParcels();
    await shop.pickUp(orderId, 'AMS');
    await lapsesSoon(orderId);
    await shop.carryOn(orderId);
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 2_000 }]);
    await shop.pickUp(orderId, 'BER');
    expect(await shop.money(orderId)).toMatchObject([
      {
        captures: [
          [1_000, 'succeeded'],
          [1_000, 'succeeded'],
        ],
      },
    ]);
    await endAttention(orderId);
  });

  test('keeps what a failed capture needs when the rest of it is captured', async () => {
    const { orderId } = await twoParcels();
    const refusing = withCaptures(shop.gateway, () => Promise.resolve({ status: 'failed', reason: 'no' }));
    await shop.pickUp(orderId, 'AMS', { gateway: refusing });
    for (let tries = 0; tries < 3; tries++) await shop.letRetry(orderId, { gateway: refusing });
    await lapsesSoon(orderId);
    await shop.carryOn(orderId);
    expect(await shop.money(orderId)).toMatchObject([
      {
        status: 'authorized',
        captured: 1_000,
        captures: [
          [1_000, 'failed'],
          [1_000, 'succeeded'],
        ],
      },
    ]);
    await gatewayAskedLongAgo(shop.db);
    await retryCapture(shop.db, { captureId: (await viewsOf(orderId))[0]!.id, actor: 'kim' });
    await shop.carryOn(orderId);
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 2_000 }]);
    await shop.pickUp(orderId, 'BER');
    await endAttention(orderId);
  });

  test('cancels what has not left, where that is set', async () => {
    const { orderId } = await twoParcels();
    await shop.pickUp(orderId, 'AMS');
    await lapsesSoon(orderId);
    expect(await shop.carryOn(orderId, { lapse: 'cancel' })).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 1_000 }]);
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'fulfilled',
      cancelReason: 'its authorisation lapses',
      attention: [{ kind: 'authorization_lapses' }],
    });
    await endAttention(orderId);
  });
});

describe('an authorisation of which all goods have left, about to lapse while another part waits for stock,', () => {
  const away = () => silent(shop.gateway, { isMade: false });

  /** The first of two parts has left. */
  async function firstPartLeft(refused: boolean) {
    const sku = await shop.product({ AMS: 1 });
    const orderId = await shop.authorised({ [sku]: 2 }, { fulfilment: 'backorder' });
    const gateway = refused
      ? withCaptures(shop.gateway, () => Promise.resolve({ status: 'failed', reason: 'no' }))
      : away();
    await shop.pickUp(orderId, 'AMS', { gateway });
    if (refused) for (let tries = 0; tries < 3; tries++) await shop.letRetry(orderId, { gateway });
    await lapsesSoon(orderId);
    return { sku, orderId };
  }

  test.each([
    ['cancel', 'planned'],
    ['cancel', 'failed'],
    ['capture', 'planned'],
    ['capture', 'failed'],
  ] as const)('with %s changes nothing where its capture is %s', async (lapse, status) => {
    const { sku, orderId } = await firstPartLeft(status === 'failed');
    const before = await viewOf(shop.db, orderId);
    expect(await shop.carryOn(orderId, { lapse, gateway: away() })).toBe('wait');
    const after = await viewOf(shop.db, orderId);
    expect(after.payments[0]!.captures.map((one) => [one.amountMinor, one.status])).toEqual([
      [1_000, status],
    ]);
    expect([after.cancelReason, after.attention]).toEqual([undefined, before.attention]);

    await receive(shop.db, sku, 'BER', 1);
    await gatewayAskedLongAgo(shop.db);
    if (status === 'failed')
      await retryCapture(shop.db, { captureId: (await viewsOf(orderId))[0]!.id, actor: 'kim' });
    await shop.letRetry(orderId);
    await shop.pickUp(orderId, 'BER');
    expect(await shop.money(orderId)).toMatchObject([
      { status: 'captured', captured: 1_000 },
      { status: 'captured', captured: 1_000 },
    ]);
  });
});

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
    expect(await retryCapture(shop.db, { captureId, actor: 'kim' })).toMatchObject({ status: 'failed' });
    expect(await needs(orderId)).toEqual([['capture_failed', captureId]]);
    await gatewayAskedLongAgo(shop.db);
    expect(await retryCapture(shop.db, { captureId, actor: 'kim' })).toMatchObject({ status: 'planned' });
    expect(await needs(orderId)).toEqual([]);
    await shop.carryOn(orderId);
    expect(await viewsOf(orderId)).toMatchObject([{ status: 'failed' }]);
    expect(await needs(orderId)).toEqual([['capture_failed', captureId]]);
    await shop.db.pool.query(
      `update sandbox_gateway.charges set token = 'tok_ok' where token = 'tok_capture_fails'`,
    );
    await gatewayAskedLongAgo(shop.db);
    await retryCapture(shop.db, { captureId, actor: 'kim' });
    expect(await shop.carryOn(orderId)).toBe('finish');
    expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 2_000 }]);
    expect(await needs(orderId)).toEqual([]);
    await expect(retryCapture(shop.db, { captureId, actor: 'kim' })).rejects.toMatchObject({
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
    const settlement = { captureId, outcome: 'made_elsewhere' as const, reference: 'T-1', ...BY };
    const first = await settleCaptureByHand(shop.db, settlement);
    expect(first).toMatchObject({ status: 'settled_by_hand', settledAs: 'made_elsewhere', settledBy: 'kim' });
    expect(await settleCaptureByHand(shop.db, settlement)).toEqual(first);
    await expect(settleCaptureByHand(shop.db, { ...settlement, reference: 'T-2' })).rejects.toMatchObject({
      code: 'CAPTURE_SETTLED',
    });
    await expect(retryCapture(shop.db, { captureId, actor: 'kim' })).rejects.toMatchObject({
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
    await settleCaptureByHand(shop.db, { captureId, outcome: 'waived', reference: null, ...BY });
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

  test('that is given up is not counted as money that may go back, while another was made', async () => {
    const { orderId } = await twoParcels();
    await shop.pickUp(orderId, 'AMS');
    const refusing = withCaptures(shop.gateway, () => Promise.resolve({ status: 'failed', reason: 'no' }));
    await shop.pickUp(orderId, 'BER', { gateway: refusing });
    for (let tries = 0; tries < 3; tries++) await shop.letRetry(orderId, { gateway: refusing });
    const failed = (await viewsOf(orderId))[1]!;
    await settleCaptureByHand(shop.db, { captureId: failed.id, outcome: 'waived', reference: null, ...BY });
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
    const settlement = { captureId: capture!.id, outcome: 'waived' as const, reference: null, ...BY };
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
      await settleCaptureByHand(shop.db, { captureId, ...how });
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

test('what somebody captured at the gateway besides goes back when the rest is voided', async () => {
  const { orderId } = await twoParcels();
  await shop.pickUp(orderId, 'AMS');
  const { rows } = await shop.db.pool.query<{ id: string; ref: string }>(
    'select id, gateway_ref as ref from payments where order_id = $1',
    [orderId],
  );
  const [{ id: paymentId, ref: gatewayRef }] = rows as [{ id: string; ref: string }];
  const more = { captureId: newId(), keyNumber: 1, paymentId, gatewayRef, amountMinor: 300, currency: 'USD' };
  await shop.gateway.capture({ ...more, capturedMinor: 1_000, isFinal: false });
  await requestCancel(shop.db, { orderId, reason: 'enough' });
  expect(await shop.carryOn(orderId)).toBe('finish');
  expect(await shop.money(orderId)).toMatchObject([
    { status: 'partially_refunded', captured: 1_300, refunded: 300 },
  ]);
  expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
    { reason: 'more was captured at the gateway than was asked for' },
  ]);
});

test('a gift and a return give back what was captured of an authorised payment, while the rest is still authorised', async () => {
  const { sku, orderId } = await twoParcels();
  await shop.pickUp(orderId, 'AMS');
  const wanted = { orderId, requestId: newId(), paymentId: null, amountMinor: 300, ...BY };
  await expect(requestRefund(shop.db, { ...wanted, amountMinor: 1_001 })).rejects.toMatchObject({
    code: 'REFUND_EXCEEDS_CAPTURE',
  });
  await requestRefund(shop.db, wanted);
  await shop.carryOn(orderId);
  expect(await shop.money(orderId)).toMatchObject([{ status: 'authorized', captured: 1_000, refunded: 300 }]);
  const { id } = await authorise(shop.db, orderId, { [sku]: 1 });
  await comesIn(shop.db, id, { [sku]: 1 });
  await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }]);
  await shop.carryOn(orderId);
  expect(await shop.money(orderId)).toMatchObject([
    { status: 'authorized', captured: 1_000, refunded: 1_000 },
  ]);
  await shop.pickUp(orderId, 'BER');
  expect(await shop.money(orderId)).toMatchObject([
    { status: 'partially_refunded', captured: 2_000, refunded: 1_000 },
  ]);
});

test('a parcel that the carrier refuses to stop is captured when it leaves, although the order is cancelled', async () => {
  const { orderId } = await twoParcels();
  await shop.db.pool.query(`update shipments set status = 'booked' where order_id = $1`, [orderId]);
  await requestCancel(shop.db, { orderId, reason: 'changed my mind' });
  const answers = ['refused', 'voided'] as const;
  let asked = 0;
  const carrier = { ...obligingCarrier, void: () => Promise.resolve(answers[asked++] ?? 'voided') };
  await shop.carryOn(orderId, { carrier });
  for (const { id, status } of (await viewOf(shop.db, orderId)).shipments)
    if (status === 'booked') await carry(shop.db, id, 'picked_up');
  expect(await shop.carryOn(orderId)).toBe('finish');
  expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 1_000, refunded: 0 }]);
});

test('an order of which the paid part was cut whole keeps waiting for the rest when another part expires', async () => {
  const cut = await shop.product({ AMS: 1 });
  const late = await shop.product({});
  const orderId = await shop.authorised({ [cut]: 1, [late]: 2 }, { fulfilment: 'backorder' });
  await shop.cut(orderId, { [cut]: 1 });
  await shop.carryOn(orderId);
  expect(await shop.money(orderId)).toMatchObject([{ status: 'voided', captured: 0 }]);
  await receive(shop.db, late, 'AMS', 1);
  const { reservations } = await existingProgress(shop.db, orderId);
  const [part] = reservations.filter(({ status }) => status === 'pending');
  await makeDue(shop.db, orderId);
  const progress = await expireReservation(shop.db, { orderId, reservationId: part!.reservationId });
  // Its unit goes to the order's own place in the queue, which it still has.
  expect(progress).toMatchObject({ waitingUnits: 0, reservations: [{ status: 'pending', seq: 3 }] });
  await requestCancel(shop.db, { orderId, reason: 'enough' });
  await shop.carryOn(orderId);
});
