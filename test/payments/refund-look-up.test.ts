import { claimRestingOrders } from '../../domain/ordering/reconcile';
import { nextStep } from '../../domain/ordering/rules';
import { readOrder } from '../../domain/ordering/views';
import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import type { ClosableGateway, PaymentGateway, RefundRequest } from '../../domain/payments/gateway';
import { askRefund } from '../../domain/payments/refund';
import { settleByHand, type SettlementByHand } from '../../domain/payments/refunds-by-hand';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { createStripeGateway } from '../../integrations/stripe/gateway';
import { createStripeWebhook } from '../../integrations/stripe/webhook';
import { newId } from '../../platform/ids';
import { twice } from '../db/support';
import { CHARGE_TERMS, eventTypes, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { readPayment } from './orders';
import { askAllDue, attentionOf, insertPaidOrder, planOne, progressOf, UNIT_MINOR } from './paid-order';
import { ScriptedStripe } from './scripted-stripe';
import { refundObject, STRIPE_SECRET, stripeEvent } from './stripe-events';

const log = testLogger();
let shop: TestShop;
let sandbox: ClosableGateway;
let atStripe: ClosableGateway;
let stripe: ScriptedStripe;
beforeAll(async () => {
  shop = await openTestShop();
  stripe = await ScriptedStripe.start();
  sandbox = createSandboxGateway({ url: shop.url, log, callTimeoutMs: 5_000, slowMs: 3_600_000 });
  atStripe = createStripeGateway({ apiKey: 'sk_test_1', apiBase: stripe.url, timeoutMs: 5_000, log });
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await Promise.all([sandbox.close(), atStripe.close()]);
  await stripe.stop();
  await shop.close();
});

/** The gateway makes the refund, if at all, and its response is lost. */
function losing(gateway: PaymentGateway, isMade = true): PaymentGateway {
  return {
    ...gateway,
    refund: async (request: RefundRequest) => {
      if (isMade) await gateway.refund(request);
      throw new Error('the connection was lost');
    },
  };
}

const settle = (refundId: string, rest: Partial<SettlementByHand> = {}) =>
  settleByHand(shop.db, {
    refundId,
    outcome: 'made_elsewhere',
    reference: 'bank 17',
    reason: 'no answer',
    actor: 'kim',
    ...rest,
  });

/** A refund of an ended order that was asked for without a response, and that a person settled then. */
async function settled(
  { gateway = sandbox, isMade = true, token = 'tok_ok' } = {},
  rest: Partial<SettlementByHand> = {},
) {
  const order = await insertPaidOrder(shop.db, gateway, { token });
  const refundId = await planOne(shop.db, order);
  await askRefund({ db: shop.db, gatewayNamed: () => losing(gateway, isMade) }, refundId);
  await settle(refundId, rest);
  return { ...order, refundId };
}

interface Stored {
  status: string;
  looks: number;
  dueIn: number | null;
  isFound: boolean;
}
async function stored(refundId: string): Promise<Stored> {
  const { rows } = await shop.db.pool.query<Stored>(
    `select status, looks, extract(epoch from look_due_at - clock_timestamp())::float8 as "dueIn", found_at is not null as "isFound"
     from refunds where id = $1`,
    [refundId],
  );
  return rows[0]!;
}
const makeDue = (refundId: string) =>
  shop.db.pool.query(
    'update refunds set look_due_at = clock_timestamp() where id = $1 and look_due_at is not null',
    [refundId],
  );
/** What the order's saga asks once the look is due. */
async function look(
  { orderId, refundId }: { orderId: string; refundId: string },
  gateway: PaymentGateway = sandbox,
) {
  await makeDue(refundId);
  const deps = { db: shop.db, gatewayNamed: () => gateway, carrier: 'sandbox', ...CHARGE_TERMS };
  return askAllDue(deps, orderId);
}
const refundsMade = async (paymentId: string) => (await readPayment(shop.db, paymentId)).refunded;

describe('a refund that a person settled', () => {
  test.each([
    ['the sandbox', 'made_elsewhere', 'bank 17'],
    ['the sandbox', 'waived', null],
    ['Stripe', 'made_elsewhere', 'bank 17'],
    ['Stripe', 'waived', null],
  ] as const)(
    'and that %s had made although its response was lost is found: %s',
    async (which, outcome, reference) => {
      const gateway = which === 'Stripe' ? atStripe : sandbox;
      const token = which === 'Stripe' ? 'pm_ok' : 'tok_ok';
      const one = await settled({ gateway, token }, { outcome, reference });
      const { orderId, refundId, paymentId } = one;
      expect(await refundsMade(paymentId)).toBe(0);
      expect((await stored(refundId)).dueIn).toBeGreaterThan(50);
      expect(await twice(shop.db, () => look(one, gateway))).toBeDefined();
      expect(await stored(refundId)).toEqual({
        status: 'settled_by_hand',
        looks: 1,
        dueIn: null,
        isFound: true,
      });
      expect(await readPayment(shop.db, paymentId)).toMatchObject({
        status: 'refunded',
        refunded: UNIT_MINOR,
        planned: UNIT_MINOR,
      });
      const { view } = (await readOrder(shop.db, orderId))!;
      expect(view.attention).toMatchObject([
        { kind: 'refunded_twice', about: refundId, why: expect.stringContaining(refundId) as string },
      ]);
      expect(view.refunds).toMatchObject([
        {
          status: 'settled_by_hand',
          settledAs: outcome,
          foundAt: expect.any(String) as string,
          foundReference: expect.stringMatching(/re_/) as string,
        },
      ]);
      const types = await eventTypes(shop.db, orderId);
      expect(types.filter((type) => type === 'refund_found')).toHaveLength(1);
    },
  );

  test('and that was not made is looked up five times, more and more rarely, and then no more', async () => {
    const one = await settled({ isMade: false });
    const waits: number[] = [];
    for (let n = 0; n < 5; n++) {
      expect(await look(one)).toEqual([one.refundId]);
      waits.push(Math.round((await stored(one.refundId)).dueIn ?? 0));
    }
    expect(waits).toEqual([600, 6_000, 60_000, 86_400, 0]);
    expect(await look(one)).toEqual([]);
    expect(await attentionOf(shop.db, one.orderId)).toEqual([]);
    expect(await refundsMade(one.paymentId)).toBe(0);
  });

  test('is looked up again where the gateway is away', async () => {
    const one = await settled();
    const away = { ...sandbox, findRefund: () => Promise.reject(new Error('away')) };
    expect(await look(one, away)).toEqual([one.refundId]);
    expect(await stored(one.refundId)).toMatchObject({ looks: 1, isFound: false });
    await look(one);
    expect(await stored(one.refundId)).toMatchObject({ isFound: true });
  });

  test('by the very refund that the gateway has is no second one', async () => {
    const order = await insertPaidOrder(shop.db, sandbox);
    const refundId = await planOne(shop.db, order);
    await askRefund({ db: shop.db, gatewayNamed: () => losing(sandbox) }, refundId);
    const { rows } = await shop.db.pool.query<{ ref: string }>(
      'select ref from sandbox_gateway.refunds where idempotency_key = $1',
      [refundId],
    );
    await settle(refundId, { reference: rows[0]!.ref });
    await look({ ...order, refundId });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    expect(await stored(refundId)).toMatchObject({ isFound: false });
  });

  test('and that the gateway holds needs a person at once, and counts once it is paid out', async () => {
    const one = await settled({ gateway: atStripe, token: 'pm_refund_pending' });
    await look(one, atStripe);
    expect(await attentionOf(shop.db, one.orderId)).toEqual([`refunded_twice:${one.refundId}`]);
    expect(await refundsMade(one.paymentId)).toBe(0);
    expect((await stored(one.refundId)).dueIn).toBeGreaterThan(500);
    stripe.finishRefund(stripe.refunds.at(-1)!.id, 'succeeded');
    await look(one, atStripe);
    expect(await refundsMade(one.paymentId)).toBe(UNIT_MINOR);
  });

  test('and that the gateway has refused is not found', async () => {
    const one = await settled({ token: 'tok_refund_fails' });
    await look(one);
    expect(await attentionOf(shop.db, one.orderId)).toEqual([]);
  });

  test('and that nobody asked for is not looked up', async () => {
    const order = await insertPaidOrder(shop.db, sandbox);
    const refundId = await planOne(shop.db, order);
    await settle(refundId);
    expect(await stored(refundId)).toMatchObject({ dueIn: null });
    expect(await look({ ...order, refundId })).toEqual([]);
  });

  test('and of which Stripe tells is looked up at once: a person knows, and the books say what Stripe says', async () => {
    const webhook = createStripeWebhook([STRIPE_SECRET], { warn: () => undefined });
    const one = await settled({ gateway: atStripe, token: 'pm_ok' });
    const { id } = stripe.refunds.at(-1)!;
    const { gatewayRef: intent } = await readPayment(shop.db, one.paymentId);
    const tell = (eventId: string, gatewayRef: string) =>
      applyGatewayEvent(
        shop.db,
        'stripe',
        webhook.read(
          stripeEvent(
            'refund.updated',
            refundObject({ id: gatewayRef, intent: intent ?? '', refundId: one.refundId }),
            { id: eventId },
          ),
        ),
      );
    expect(await tell(newId(), id)).toBe('applied');
    expect(await attentionOf(shop.db, one.orderId)).toEqual([`refunded_twice:${one.refundId}`]);
    expect(await refundsMade(one.paymentId)).toBe(0);
    expect((await progressOf(shop.db, one.orderId)).asks).toMatchObject([
      { kind: 'refund', id: one.refundId },
    ]);
    const deps = { db: shop.db, gatewayNamed: () => atStripe, carrier: 'sandbox', ...CHARGE_TERMS };
    await askAllDue(deps, one.orderId);
    expect(await refundsMade(one.paymentId)).toBe(UNIT_MINOR);
    expect(await tell(newId(), id)).toBe('stale');
  });

  test('is found by two at once, once', async () => {
    const one = await settled();
    const slow = {
      ...sandbox,
      findRefund: async (request: RefundRequest) => {
        await look(one);
        return sandbox.findRefund(request);
      },
    };
    await look(one, slow);
    expect(await refundsMade(one.paymentId)).toBe(UNIT_MINOR);
    const types = await eventTypes(shop.db, one.orderId);
    expect(types.filter((type) => type === 'refund_found')).toHaveLength(1);
  });

  test('keeps no saga of an ended order waiting, and has one started once the look is due', async () => {
    const one = await settled();
    await shop.db.pool.query(
      `update orders set status = 'fulfilled', updated_at = clock_timestamp() - interval '1 hour', checked_at = null where id = $1`,
      [one.orderId],
    );
    const limits = { graceSeconds: 60, recheckSeconds: 3_600, limit: 1_000 };
    const suspects = async () => (await claimRestingOrders(shop.db, limits)).map(({ id }) => id);
    const next = async () => nextStep(await progressOf(shop.db, one.orderId));
    expect(await next()).toEqual({ do: 'finish' });
    expect(await suspects()).not.toContain(one.orderId);
    await makeDue(one.refundId);
    expect(await suspects()).toContain(one.orderId);
    expect(await next()).toMatchObject({ do: 'ask', ask: { kind: 'refund', id: one.refundId } });
    await shop.db.pool.query(`update orders set status = 'paid' where id = $1`, [one.orderId]);
  });
});
