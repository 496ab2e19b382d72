import { askGateway } from '../../domain/ordering/ask-gateway';
import { abandonReservation } from '../../domain/ordering/cancel';
import { settleChargeByHand, type ChargeByHand } from '../../domain/ordering/settle-charge-by-hand';
import { claimRestingOrders } from '../../domain/ordering/reconcile';
import { raiseAttention } from '../../domain/orders/attention';
import type { CaptureMode } from '../../domain/orders/types';
import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import type { ClosableGateway, PaymentGateway } from '../../domain/payments/gateway';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { CHARGE_TERMS, eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { newId } from '../../platform/ids';
import { ASK, askAllDue, attentionOf, progressOf } from './paid-order';
import { openOrderShop, orderOf, PAYMENT, twice, viewOf, type OrderShop } from '../db/support';

let shop: OrderShop;
let sandbox: ClosableGateway;
beforeAll(async () => {
  shop = await openOrderShop();
  sandbox = createSandboxGateway({ url: shop.url, log: testLogger(), callTimeoutMs: 5_000 });
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await sandbox.close();
  await shop.close();
});

/** An order whose charge has no outcome, and whose stock was given up for that. */
async function unresolved(isGivenUp = true): Promise<{ orderId: string; paymentId: string }> {
  const order = orderOf({ [await shop.product({ AMS: 1 })]: 1 }, { payment: PAYMENT });
  const { orderId } = order;
  await shop.place(order);
  const { payment } = await viewOf(shop.db, orderId);
  if (isGivenUp) await abandonReservation(shop.db, { orderId, paymentId: payment!.id });
  const attention = { orderId, kind: 'charge_unresolved' as const, about: payment!.id, why: 'away' };
  await shop.db.transaction((tx) => raiseAttention(tx, [attention]));
  return { orderId, paymentId: payment!.id };
}

const settle = (paymentId: string, rest: Partial<ChargeByHand> = {}) =>
  settleChargeByHand(shop.db, {
    paymentId,
    outcome: 'not_captured',
    reference: null,
    reason: 'seen in the dashboard',
    actor: 'operator',
    ...rest,
  });

test('a charge that was not made is declined, and needs nobody any more', async () => {
  const { orderId, paymentId } = await unresolved();
  await twice(shop.db, () => settle(paymentId));
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    status: 'failed',
    payment: { status: 'declined', declineCode: 'settled_by_hand' },
    refunds: [],
    attention: [],
  });
  expect(await eventTypes(shop.db, orderId)).toContain('payment_settled_by_hand');
  await expect(settle(paymentId, { outcome: 'captured', reference: 'ch_1' })).rejects.toMatchObject({
    code: 'PAYMENT_DECIDED',
  });
});

test('a charge that was captured goes back, once', async () => {
  const { orderId, paymentId } = await unresolved();
  await expect(settle(paymentId, { outcome: 'captured' })).rejects.toMatchObject({
    code: 'REFERENCE_REQUIRED',
  });
  await twice(shop.db, () => settle(paymentId, { outcome: 'captured', reference: 'ch_1' }));
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    payment: { status: 'captured' },
    refunds: [{ amountMinor: 1_000, status: 'planned' }],
    attention: [],
  });
});

test('a charge that stock waits for is left to the gateway', async () => {
  const { paymentId } = await unresolved(false);
  await expect(settle(paymentId)).rejects.toMatchObject({ code: 'PAYMENT_HOLDS_STOCK' });
  await expect(settle(newId())).rejects.toMatchObject({ code: 'PAYMENT_NOT_FOUND' });
});

describe('a charge that a person settled as not made', () => {
  const deps = (gateway: PaymentGateway) => ({
    db: shop.db,
    gatewayNamed: () => gateway,
    carrier: 'sandbox',
    ...CHARGE_TERMS,
  });
  const makeDue = (paymentId: string) =>
    shop.db.pool.query(
      'update payments set look_due_at = clock_timestamp() where id = $1 and look_due_at is not null',
      [paymentId],
    );
  const look = async (one: { orderId: string; paymentId: string }, gateway: PaymentGateway = sandbox) => {
    await makeDue(one.paymentId);
    return askAllDue(deps(gateway), one.orderId);
  };
  const dueIn = async (paymentId: string) => {
    const { rows } = await shop.db.pool.query<{ due: number | null }>(
      `select extract(epoch from look_due_at - clock_timestamp())::float8 as due from payments where id = $1`,
      [paymentId],
    );
    return rows[0]!.due;
  };

  /** The gateway has made the charge, if at all, and its response was lost. */
  async function settled({
    isMade = true,
    capture = 'now',
  }: { isMade?: boolean; capture?: CaptureMode } = {}) {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 }, { payment: PAYMENT, capture });
    const { orderId } = order;
    await shop.place(order);
    const paymentId = (await viewOf(shop.db, orderId)).payment!.id;
    const lost: PaymentGateway = {
      ...sandbox,
      find: () => Promise.resolve(null),
      charge: async (request) => {
        if (isMade) await sandbox.charge(request);
        throw new Error('the connection was lost');
      },
    };
    await askGateway(deps(lost), { orderId, ask: { kind: 'charge', id: paymentId }, ...ASK });
    await abandonReservation(shop.db, { orderId, paymentId });
    await settle(paymentId);
    return { orderId, paymentId };
  }

  test('and that was made all the same is found: its money goes back, once, and a person is told', async () => {
    const one = await settled();
    expect(await dueIn(one.paymentId)).toBeGreaterThan(50);
    expect((await progressOf(shop.db, one.orderId)).asks).toEqual([]);
    await twice(shop.db, () => look(one));
    expect(await viewOf(shop.db, one.orderId)).toMatchObject({
      status: 'failed',
      payment: { status: 'refunded', capturedMinor: 1_000, refundedMinor: 1_000 },
      refunds: [{ amountMinor: 1_000, status: 'succeeded' }],
      attention: [{ kind: 'captured_twice', about: one.paymentId }],
    });
    await expect(settle(one.paymentId)).rejects.toMatchObject({ code: 'PAYMENT_DECIDED' });
  });

  test('and that was authorised is voided', async () => {
    const one = await settled({ capture: 'on_shipment' });
    await look(one);
    const { payment } = await viewOf(shop.db, one.orderId);
    expect(payment).toMatchObject({ status: 'voided', capturedMinor: 0 });
    expect(payment).not.toHaveProperty('declineCode');
    expect(await attentionOf(shop.db, one.orderId)).toEqual([`captured_twice:${one.paymentId}`]);
  });

  test('and that was not made is looked up five times, also where the gateway is away, and then no more', async () => {
    const one = await settled({ isMade: false });
    const away = { ...sandbox, find: () => Promise.reject(new Error('away')) };
    const waits: number[] = [];
    for (let n = 0; n < 5; n++) {
      expect(await look(one, n === 1 ? away : sandbox)).toEqual([one.paymentId]);
      waits.push(Math.round((await dueIn(one.paymentId)) ?? 0));
    }
    expect(waits).toEqual([600, 6_000, 60_000, 86_400, 0]);
    expect(await look(one)).toEqual([]);
    expect(await attentionOf(shop.db, one.orderId)).toEqual([]);
  });

  test('is looked up when the gateway tells of it, and the saga of its ended order is started for that', async () => {
    const one = await settled();
    await applyGatewayEvent(shop.db, 'sandbox', {
      eventId: newId(),
      type: 'charge.captured',
      occurredAt: new Date(),
      fact: { kind: 'charge', hasEnded: true, chargeRef: null, paymentId: one.paymentId },
    });
    await shop.db.pool.query(
      `update orders set updated_at = clock_timestamp() - interval '1 hour', checked_at = null where id = $1`,
      [one.orderId],
    );
    const limits = { graceSeconds: 60, recheckSeconds: 3_600, limit: 1_000 };
    expect(await claimRestingOrders(shop.db, limits)).toContainEqual({ id: one.orderId });
    expect(await askAllDue(deps(sandbox), one.orderId)).toContain(one.paymentId);
    expect((await viewOf(shop.db, one.orderId)).payment).toMatchObject({ capturedMinor: 1_000 });
  });

  test('and that nobody had asked for is not looked up', async () => {
    const { paymentId } = await unresolved();
    await settle(paymentId);
    expect(await dueIn(paymentId)).toBeNull();
  });
});
