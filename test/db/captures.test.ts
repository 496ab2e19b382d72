import { attemptResponse } from '../../api/use-cases/pay-order';
import { readPaymentOfUpdate } from '../../domain/payments/payments';
import { requestCancel } from '../../domain/ordering/cancel';
import { isLastParcel, settleAuthorizations } from '../../domain/ordering/capture';
import { settleChargeByHand } from '../../domain/ordering/settle-charge-by-hand';
import { askCapture } from '../../domain/payments/captures';
import { retryCapture } from '../../domain/payments/captures-by-hand';
import type { CaptureRequest } from '../../domain/payments/gateway';
import { newId } from '../../platform/ids';
import { ASK_LIMIT_MS, eventTypes, gatewayAskedLongAgo } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import {
  openAuthorisedShop,
  silent,
  withCaptures,
  withoutMulticapture,
  type AuthorisedShop,
} from './authorised-orders';
import { carry, levelsOf, receive, ship, viewOf } from './support';
import { capturingOrders } from './capturing-orders';

let shop: AuthorisedShop;
const { expectMoneyInOrder, twoParcels, viewsOf, needs } = capturingOrders(() => shop);

beforeAll(async () => {
  shop = await openAuthorisedShop();
});
afterEach(async () => {
  await expectAtRest(shop.db);
  await expectMoneyInOrder();
});
afterAll(() => shop.close());

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
        // It is asked once more, and what was taken besides goes back.
        const lookDue = async () => {
          const { rowCount } = await shop.db.pool.query(
            `update payments set look_due_at = clock_timestamp() where id = $1 and look_due_at is not null`,
            [paymentId],
          );
          return rowCount === 1;
        };
        expect(await lookDue()).toBe(true);
        const away = { ...shop.gateway, void: () => Promise.reject(new Error('away')) };
        expect(await shop.carryOn(orderId, { gateway: away })).toBe('finish');
        expect(await lookDue()).toBe(true);
        await shop.db.pool.query(
          `update sandbox_gateway.charges set status = 'captured', captured_minor = captured_minor + 300 where idempotency_key = $1`,
          [paymentId],
        );
        expect(await shop.carryOn(orderId)).toBe('finish');
        expect(await lookDue()).toBe(false);
        expect(await needs(orderId)).toEqual([['captured_twice', paymentId]]);
        expect(await shop.money(orderId)).toMatchObject([{ captured: captured + 300, refunded: 300 }]);
        expect(await seen(paymentId, 'not_captured')).toMatchObject({ capturedMinor: captured + 300 });
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
    await retryCapture(shop.db, { askLimitMs: ASK_LIMIT_MS, captureId: first!.id, actor: 'kim' });
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
