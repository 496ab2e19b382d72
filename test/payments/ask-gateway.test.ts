import { setTimeout as delay } from 'node:timers/promises';
import { askGateway } from '../../domain/ordering/ask-gateway';
import { cancelUndelivered } from '../../domain/ordering/cancel';
import { recordChargeOutcome } from '../../domain/ordering/pay';
import type { ClosableGateway, GatewayNamed, PaymentGateway } from '../../domain/payments/gateway';
import { onlyGateway } from '../../integrations/gateways';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { CHARGE_TERMS, eventTypes, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { askAbout, readAsked, readReservationStatus, type Asking, type Charging } from './asking';
import { readPayment, readSandboxBooks } from './orders';
import { ASK, askAllDue, attentionOf, insertChargingOrder, plan, progressOf, refundsOf } from './paid-order';
import { CAPTURED_NOW } from './charge-terms';

const log = testLogger();
let shop: TestShop;
let gateway: ClosableGateway;

beforeAll(async () => {
  shop = await openTestShop();
  gateway = createSandboxGateway({ url: shop.url, log, callTimeoutMs: 5_000 });
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await gateway.close();
  await shop.close();
});

const charging = (rest?: { units?: number[]; token?: string; gateway?: string }): Promise<Charging> =>
  insertChargingOrder(shop.db, rest);

const ask = (order: Pick<Charging, 'orderId' | 'paymentId'>, rest?: Partial<Asking>) =>
  askAbout({ db: shop.db, gatewayNamed: onlyGateway(gateway).named }, order, rest);
const asked = (order: Charging) => readAsked(shop.db, order);
const reservationStatus = (order: Charging) => readReservationStatus(shop.db, order);

/** The sandbox, of which some calls behave otherwise. */
function with_(calls: Partial<PaymentGateway>): GatewayNamed {
  return () => ({ ...gateway, ...calls });
}

const away = with_({ find: () => Promise.reject(new Error('connect ECONNREFUSED')) });
const silent = with_({
  find: () => Promise.resolve(null),
  charge: () => Promise.resolve({ status: 'unknown' }),
});

async function firstAskedAgo({ paymentId }: Charging, span: string): Promise<void> {
  await shop.db.pool.query(
    'update payments set first_asked_at = clock_timestamp() - $2::interval where id = $1',
    [paymentId, span],
  );
}

async function reserved({ sku }: Charging): Promise<number> {
  const { rows } = await shop.db.pool.query<{ reserved: number }>(
    `select sum(s.reserved)::int as reserved from stock s join products p on p.id = s.product_id where p.sku = $1`,
    [sku],
  );
  return rows[0]!.reserved;
}

describe('asking about a charge', () => {
  test('captures it once and confirms its reservation, asked twice and by two at once', async () => {
    const order = await charging({ units: [2, 1] });
    await Promise.all([ask(order), ask(order)]);
    const progress = await ask(order);
    expect(progress).toMatchObject({ status: 'paid', asks: [], shipments: { pending: 2 } });
    expect((await readSandboxBooks(shop.db, [order.paymentId])).charges).toMatchObject([
      { status: 'captured' },
    ]);
    expect(await eventTypes(shop.db, order.orderId)).toEqual(['payment_captured', 'shipments_created']);
  });

  test('that is declined lets its reservation wait for another card', async () => {
    const order = await charging({ token: 'tok_declined' });
    await Promise.all([ask(order), ask(order)]);
    const progress = await ask(order);
    expect(progress).toMatchObject({ status: 'reserved', asks: [], reservations: [{ status: 'pending' }] });
    expect(await eventTypes(shop.db, order.orderId)).toEqual(['payment_declined']);
  });

  test('without an outcome says why, and is asked later and later', async () => {
    const order = await charging();
    for (let tries = 1; tries <= 5; tries++) {
      const progress = await ask(order, { gatewayNamed: away });
      const planned = 0.5 * 2 ** (tries - 1);
      expect(progress.asks).toMatchObject([{ kind: 'charge', id: order.paymentId, tries }]);
      const row = await asked(order);
      expect(row.lastError).toBe('The payment gateway gave no answer.');
      expect(row.dueIn).toBeLessThanOrEqual(planned);
      if (tries > 2) expect(row.dueIn).toBeGreaterThan(planned / 4);
    }
    expect(await readPayment(shop.db, order.paymentId)).toMatchObject({ status: 'unknown' });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    await ask(order);
    expect(await progressOf(shop.db, order.orderId)).toMatchObject({ status: 'paid', asks: [] });
    expect(await eventTypes(shop.db, order.orderId)).toEqual([
      'payment_unknown',
      'payment_captured',
      'shipments_created',
    ]);
  });

  test('which has no final outcome keeps its stock until the limit, counted from the first ask', async () => {
    const order = await charging();
    // A row that waited before anybody asked.
    await shop.db.pool.query(
      `update payments set created_at = clock_timestamp() - interval '2 hours' where id = $1`,
      [order.paymentId],
    );
    await ask(order, { gatewayNamed: silent });
    await firstAskedAgo(order, '59 minutes');
    await ask(order, { gatewayNamed: silent });
    expect(await reservationStatus(order)).toBe('charging');
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    await firstAskedAgo(order, '61 minutes');
    await Promise.all([ask(order, { gatewayNamed: silent }), ask(order, { gatewayNamed: silent })]);
    expect(await reservationStatus(order)).toBe('cancelled');
    expect(await reserved(order)).toBe(0);
    expect(await attentionOf(shop.db, order.orderId)).toEqual([`charge_unresolved:${order.paymentId}`]);
    const progress = await progressOf(shop.db, order.orderId);
    expect(progress).toMatchObject({
      status: 'failed',
      failureCode: 'PAYMENT_UNRESOLVED',
      attention: ['charge_unresolved'],
    });
    expect(progress.asks).toHaveLength(1);
  });

  async function givenUp(rest?: { token?: string }): Promise<Charging> {
    const order = await charging(rest);
    await ask(order, { gatewayNamed: silent });
    await firstAskedAgo(order, '2 hours');
    await ask(order, { gatewayNamed: silent });
    return order;
  }

  test('that takes longer than all its calls may is unknown, and says so', async () => {
    const order = await charging();
    let release = () => {};
    const released = new Promise<null>((resolve) => (release = () => resolve(null)));
    await ask(order, { gatewayNamed: with_({ find: () => released }), limitMs: 50 });
    expect(await readPayment(shop.db, order.paymentId)).toMatchObject({ status: 'unknown' });
    expect(await asked(order)).toMatchObject({ tries: 1, lastError: 'it takes longer' });
    release();
    await ask(order);
    expect(await progressOf(shop.db, order.orderId)).toMatchObject({ status: 'paid', asks: [] });
  });

  test.each([
    ['of the gateway', { find: () => Promise.reject(new Error('password for 10.0.0.7')) }],
    ['of ours that is not for readers', { find: () => Promise.reject(new AppError('SECRET', 'key sk_1')) }],
  ])('shows nobody the text of an error %s, and logs it', async (_of, calls) => {
    const order = await charging();
    const logged = jest.fn();
    const deps = {
      db: shop.db,
      gatewayNamed: with_(calls),
      carrier: 'sandbox',
      ...CHARGE_TERMS,
      log: { warn: logged },
    };
    const about = { orderId: order.orderId, ask: { kind: 'charge' as const, id: order.paymentId } };
    await askGateway(deps, { ...about, ...ASK, unknownLimitSeconds: -1 });
    expect((await asked(order)).lastError).toBe('The payment gateway gave no answer.');
    const alerts = await shop.db.pool.query('select details from alerts where order_id = $1', [
      order.orderId,
    ]);
    expect(alerts.rows).toMatchObject([
      { details: { reason: 'charge_unresolved', why: 'The payment gateway gave no answer.' } },
    ]);
    const { err } = (logged.mock.calls as [{ err: Error & { cause?: Error } }][])[0]![0];
    expect(`${err.message} ${err.cause?.message}`).toMatch(/password|sk_1/);
  });

  test('that turns out never to have been made is declined, and needs nobody any more', async () => {
    const order = await givenUp();
    await ask(order);
    await ask(order);
    expect(await readPayment(shop.db, order.paymentId)).toMatchObject({ status: 'declined' });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    expect((await progressOf(shop.db, order.orderId)).asks).toEqual([]);
  });

  test('that another call has found out about meanwhile needs nobody', async () => {
    const order = await charging();
    await ask(order, { gatewayNamed: silent });
    await firstAskedAgo(order, '2 hours');
    const overtaken = with_({
      async find() {
        await ask(order);
        throw new Error('no answer');
      },
    });
    await ask(order, { gatewayNamed: overtaken });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    expect((await progressOf(shop.db, order.orderId)).asks).toEqual([]);
  });

  test('that was captured after it was given up goes back in full, once', async () => {
    const order = await givenUp();
    const { paymentId, orderId, amountMinor } = order;
    const request = { paymentId, orderId, amountMinor, currency: 'USD', method: 'card', token: 'tok_ok' };
    await gateway.charge({ ...CAPTURED_NOW, ...request, gatewayRef: null });
    await Promise.all([ask(order), ask(order)]);
    await ask(order);
    expect(await attentionOf(shop.db, orderId)).toEqual([]);
    expect(await refundsOf(shop.db, orderId)).toMatchObject([{ status: 'planned', amountMinor }]);
    const deps = {
      db: shop.db,
      gatewayNamed: onlyGateway(gateway).named,
      carrier: 'sandbox',
      ...CHARGE_TERMS,
    };
    expect(await askAllDue(deps, orderId)).toHaveLength(1);
    expect(await askAllDue(deps, orderId)).toEqual([]);
    expect(await readPayment(shop.db, paymentId)).toMatchObject({
      status: 'refunded',
      planned: amountMinor,
      refunded: amountMinor,
    });
    expect((await readSandboxBooks(shop.db, [paymentId])).refundedMinor).toBe(amountMinor);
    expect(await progressOf(shop.db, orderId)).toMatchObject({ status: 'failed', shipments: {} });
  });

  test('that is captured while its order is cancelled goes back in full, once', async () => {
    const order = await charging({ units: [3] });
    await cancelUndelivered(shop.db, order.orderId);
    const outcome = { status: 'captured', gatewayRef: 'ref-late' } as const;
    const settle = () =>
      recordChargeOutcome(shop.db, {
        paymentId: order.paymentId,
        outcome,
        carrier: 'sandbox',
        ...CHARGE_TERMS,
      });
    await Promise.all([settle(), settle()]);
    await settle();
    expect(await refundsOf(shop.db, order.orderId)).toMatchObject([{ amountMinor: order.amountMinor }]);
    expect(await reserved(order)).toBe(0);
  });

  test('that does not exist, or is settled, asks nobody', async () => {
    const order = await charging({ token: 'tok_declined' });
    await ask(order);
    const never = with_({ find: () => Promise.reject(new Error('was asked')) });
    await ask(order, { gatewayNamed: never });
    await ask({ ...order, paymentId: newId() }, { gatewayNamed: never });
    expect(await asked(order)).toMatchObject({ tries: 1, lastError: null });
    await expect(ask({ ...order, orderId: newId() }, { gatewayNamed: never })).rejects.toMatchObject({
      code: 'ORDER_NOT_FOUND',
    });
  });
});

describe('a brief ask', () => {
  /** Captures after `release`. */
  function slowGateway(): { gatewayNamed: GatewayNamed; release(): void; done: Promise<unknown> } {
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    let made: (value: unknown) => void = () => undefined;
    const done = new Promise((resolve) => (made = resolve));
    const gatewayNamed = with_({
      async charge(request) {
        await released;
        const outcome = await gateway.charge(request);
        made(outcome);
        return outcome;
      },
    });
    return { gatewayNamed, release, done };
  }

  test('that is not done in time leaves the charge pending, and the next ask finds its outcome', async () => {
    const order = await charging();
    const { gatewayNamed, release, done } = slowGateway();
    const progress = await ask(order, { gatewayNamed, briefMs: 50 });
    expect(progress.asks).toMatchObject([{ id: order.paymentId, tries: 1 }]);
    expect(await readPayment(shop.db, order.paymentId)).toMatchObject({ status: 'pending' });
    expect(await asked(order)).toMatchObject({ lastError: null });
    expect((await asked(order)).dueIn).toBeLessThanOrEqual(0.5);
    release();
    await done;
    await ask(order);
    expect(await progressOf(shop.db, order.orderId)).toMatchObject({ status: 'paid', asks: [] });
    expect((await readSandboxBooks(shop.db, [order.paymentId])).charges).toMatchObject([{ calls: 1 }]);
    expect(await eventTypes(shop.db, order.orderId)).not.toContain('payment_unknown');
  });

  test('that is still under way while the next one asks is one charge', async () => {
    const order = await charging();
    const { gatewayNamed, release, done } = slowGateway();
    await ask(order, { gatewayNamed, briefMs: 50 });
    await ask(order);
    release();
    await done;
    await delay(20);
    await ask(order);
    expect((await readSandboxBooks(shop.db, [order.paymentId])).charges).toHaveLength(1);
    expect(await eventTypes(shop.db, order.orderId)).toEqual(['payment_captured', 'shipments_created']);
  });

  test('of a refund that is not done in time records nothing, and the next ask finds what became of it', async () => {
    const order = await charging();
    await ask(order);
    const [refundId] = await plan(shop.db, order);
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    let calls = 0;
    const gatewayNamed = with_({
      async refund(request) {
        calls += 1;
        await released;
        return gateway.refund(request);
      },
    });
    const about = { gatewayNamed, ask: { kind: 'refund', id: refundId! } } as const;
    const refund = async () =>
      (
        await shop.db.pool.query<{ status: string; lastError: string | null }>(
          'select status, last_error as "lastError" from refunds where id = $1',
          [refundId],
        )
      ).rows[0];
    expect((await ask(order, { ...about, briefMs: 50 })).asks).toMatchObject([{ id: refundId, tries: 1 }]);
    expect(await refund()).toEqual({ status: 'planned', lastError: null });
    await ask(order, { ...about, limitMs: 50 });
    expect(await refund()).toEqual({ status: 'planned', lastError: 'it takes longer' });
    release();
    await ask(order, about);
    expect(calls).toBe(3);
    expect(await refundsOf(shop.db, order.orderId)).toMatchObject([{ status: 'succeeded' }]);
    await delay(20);
    expect((await readSandboxBooks(shop.db, [order.paymentId])).refundedMinor).toBe(order.amountMinor);
  });

  test('that fails in time leaves the charge pending and due again', async () => {
    const order = await charging();
    await ask(order, { gatewayNamed: away, briefMs: 50 });
    expect(await readPayment(shop.db, order.paymentId)).toMatchObject({ status: 'pending' });
    expect((await progressOf(shop.db, order.orderId)).asks).toMatchObject([{ tries: 1 }]);
  });
});
