import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { askGateway } from '../../domain/ordering/ask-gateway';
import { cancelUndelivered } from '../../domain/ordering/cancel';
import { readProgress } from '../../domain/ordering/progress';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { nextStep } from '../../domain/ordering/rules';
import type { ClosableGateway, PaymentGateway } from '../../domain/payments/gateway';
import { CHARGE_TERMS, eventTypes } from '../support/fixtures';
import { expectAtRest, expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import {
  cancelOrder,
  capture,
  CARRIER,
  giveBack,
  levelsOf,
  makeAsksDue,
  openOrderShop,
  orderOf,
  pay,
  PAYMENT,
  placePaid,
  receive,
  ship,
  twice,
  viewOf,
  type OrderShop,
} from './support';
import { CAPTURED_NOW } from '../payments/charge-terms';

let shop: OrderShop;
let gateway: ClosableGateway;
beforeEach(async () => {
  shop = await openOrderShop();
  gateway = createSandboxGateway({ url: shop.url, log: testLogger(), callTimeoutMs: 5_000, slowMs: 20 });
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await gateway.close();
  await shop.close();
});

/** Asks the gateway about everything of an order that is due. */
async function askDue(orderId: string, by: PaymentGateway = gateway): Promise<void> {
  const deps = { db: shop.db, gatewayNamed: () => by, carrier: CARRIER, ...CHARGE_TERMS };
  const limits = { firstRetrySeconds: 0.5, unknownLimitSeconds: 60, briefMs: null };
  for (const ask of (await readProgress(shop.db, orderId))?.asks ?? [])
    if (ask.msLeft <= 0) await askGateway(deps, { orderId, ask, ...limits });
}

const away = (): PaymentGateway => ({
  ...gateway,
  refund: () => Promise.reject(new Error('connection refused')),
});

/** A paid order of two units of 1,000 each, one from AMS and one from BER, with this card. */
async function placeCharged(token = 'tok_ok'): Promise<{ orderId: string; sku: string }> {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  const order = orderOf({ [sku]: 2 }, { payment: { method: 'card', token } });
  await shop.place(order);
  await askDue(order.orderId);
  return { orderId: order.orderId, sku };
}

const refundsOf = async (orderId: string) =>
  (await viewOf(shop.db, orderId)).refunds.map(({ amountMinor, status }) => `${amountMinor} ${status}`);

describe('while the gateway is away', () => {
  test('stock is on sale again and can be sold, before any money went back', async () => {
    const { orderId, sku } = await placeCharged();
    expect(await cancelOrder(shop.db, orderId)).toMatchObject({ status: 'cancelled', reservations: [] });
    await askDue(orderId, away());
    expect(await refundsOf(orderId)).toEqual(['2000 planned']);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
    expect((await shop.place(orderOf({ [sku]: 2 }))).outcome).toBe('reserved');
    // The saga stays for the money alone.
    const progress = await readProgress(shop.db, orderId);
    expect(progress?.asks).toMatchObject([{ kind: 'refund', tries: 1 }]);
    expect(nextStep(progress!)).toMatchObject({ do: 'wait', for: 'gateway' });
    await makeAsksDue(shop.db, orderId);
    await askDue(orderId);
    expect(await refundsOf(orderId)).toEqual(['2000 succeeded']);
    expect(nextStep((await readProgress(shop.db, orderId))!)).toEqual({ do: 'finish' });
  });

  test('a person is told after six tries, and no more once it is made', async () => {
    const { orderId } = await placeCharged();
    await cancelOrder(shop.db, orderId);
    for (let tries = 1; tries <= 6; tries++) {
      expect((await readProgress(shop.db, orderId))?.attention).toEqual([]);
      await makeAsksDue(shop.db, orderId);
      await askDue(orderId, away());
    }
    expect((await viewOf(shop.db, orderId)).attention).toMatchObject([
      { kind: 'refund_delayed', why: 'The payment gateway gave no answer.' },
    ]);
    await makeAsksDue(shop.db, orderId);
    await askDue(orderId);
    expect((await viewOf(shop.db, orderId)).attention).toEqual([]);
    await expectAtRest(shop.db);
  });

  test('a second refund of the same order is tried although the first is refused', async () => {
    const { orderId } = await placeCharged();
    await giveBack(shop.db, orderId, 300);
    await cancelOrder(shop.db, orderId);
    const first = (await viewOf(shop.db, orderId)).refunds[0]?.id;
    await askDue(orderId, {
      ...gateway,
      refund: (request) =>
        request.refundId === first ? Promise.reject(new Error('connection reset')) : gateway.refund(request),
    });
    expect(await refundsOf(orderId)).toEqual(['300 planned', '1700 succeeded']);
  });
});

test('a refund that the gateway refuses for good keeps no stock, is not tried again and needs a person', async () => {
  const { orderId, sku } = await placeCharged('tok_refund_fails');
  await cancelOrder(shop.db, orderId);
  await askDue(orderId);
  expect(await refundsOf(orderId)).toEqual(['2000 failed']);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
  const progress = await readProgress(shop.db, orderId);
  expect(progress).toMatchObject({ status: 'cancelled', asks: [], attention: ['refund_failed'] });
  expect(nextStep(progress!)).toEqual({ do: 'finish' });
  // It stays planned: nothing else gives the same money back.
  await giveBack(shop.db, orderId, 2_000);
  expect(await refundsOf(orderId)).toEqual(['2000 failed']);
  expect((await viewOf(shop.db, orderId)).payment).toMatchObject({ status: 'captured', refundedMinor: 0 });
});

describe('a charge whose reservation was given up', () => {
  test('and that the gateway had captured is refunded once, however often it is asked about', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 }, { payment: PAYMENT });
    const { orderId } = order;
    await shop.place(order);
    const lost: PaymentGateway = {
      ...gateway,
      find: () => Promise.reject(new Error('no response')),
    };
    // The gateway captures, and nobody hears of it.
    const [payment] = (await viewOf(shop.db, orderId)).payments;
    const charge = { paymentId: payment!.id, orderId, amountMinor: 1_000, currency: 'USD', gatewayRef: null };
    await gateway.charge({ ...CAPTURED_NOW, ...charge, ...PAYMENT });
    await askDue(orderId, lost);
    expect((await viewOf(shop.db, orderId)).payment).toMatchObject({ status: 'unknown' });
    expect(await cancelOrder(shop.db, orderId)).toMatchObject({ status: 'cancelled' });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
    await makeAsksDue(shop.db, orderId);
    await Promise.all([askDue(orderId), askDue(orderId)]);
    await askDue(orderId);
    expect(await refundsOf(orderId)).toEqual(['1000 succeeded']);
    expect((await viewOf(shop.db, orderId)).shipments).toEqual([]);
    await expectAtRest(shop.db);
  });

  test('and that the gateway never got is not made any more', async () => {
    const order = orderOf({ [await shop.product({ AMS: 1 })]: 1 }, { payment: PAYMENT });
    const { orderId } = order;
    await shop.place(order);
    await cancelUndelivered(shop.db, orderId);
    await askDue(orderId);
    expect((await viewOf(shop.db, orderId)).payment).toMatchObject({
      status: 'declined',
      declineCode: 'abandoned',
    });
    expect(await refundsOf(orderId)).toEqual([]);
    await expectAtRest(shop.db);
  });
});

describe('a gift of an operator, then a parcel that is stopped', () => {
  test('the price of the parcel goes back beside it', async () => {
    const { orderId } = await placePaid(shop);
    await giveBack(shop.db, orderId, 300);
    await ship(shop.db, orderId, 'AMS', 'picked_up');
    await cancelOrder(shop.db, orderId);
    expect(await refundsOf(orderId)).toEqual(['300 planned', '1000 planned']);
  });

  test('of it goes back what is left of the payment, where that is less than its price', async () => {
    const { orderId } = await placePaid(shop);
    await giveBack(shop.db, orderId, 1_500);
    await ship(shop.db, orderId, 'AMS', 'picked_up');
    await cancelOrder(shop.db, orderId);
    expect(await refundsOf(orderId)).toEqual(['1500 planned', '500 planned']);
  });

  test('nothing goes back where nothing is left, and its stock is on sale all the same', async () => {
    const { orderId, sku } = await placePaid(shop);
    await giveBack(shop.db, orderId, 5_000);
    expect(await cancelOrder(shop.db, orderId)).toMatchObject({ status: 'cancelled', reservations: [] });
    expect(await refundsOf(orderId)).toEqual(['2000 planned']);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
  });

  test('at the same moment: never more than was captured', async () => {
    for (let round = 0; round < 15; round++) {
      const { orderId } = await placePaid(shop);
      await ship(shop.db, orderId, 'BER', 'failed');
      const release = () => releaseStoppedShipments(shop.db, { orderId, endAs: 'failed' });
      await Promise.all([release(), giveBack(shop.db, orderId, 1_500), release()]);
      const amounts = (await viewOf(shop.db, orderId)).refunds.map(({ amountMinor }) => amountMinor);
      expect([
        [1_000, 1_000],
        [500, 1_500],
      ]).toContainEqual(amounts.sort((a, b) => a - b));
    }
  });
});

test('of an order with two payments each gets back the price of what it paid for', async () => {
  const sku = await shop.product({ AMS: 1 });
  const order = orderOf({ [sku]: 3 }, { fulfilment: 'backorder', payment: PAYMENT });
  const { orderId } = order;
  await shop.place(order);
  await capture(shop.db, orderId);
  await receive(shop.db, sku, 'BER', 2);
  await pay(shop.db, orderId);
  await capture(shop.db, orderId, 2);
  await twice(shop.db, () => cancelUndelivered(shop.db, orderId));
  const [progress] = await twice(shop.db, () =>
    releaseStoppedShipments(shop.db, { orderId, endAs: 'cancelled' }),
  );
  expect(progress).toMatchObject({ status: 'cancelled', asks: [{ kind: 'refund' }, { kind: 'refund' }] });
  const { payments, refunds } = await viewOf(shop.db, orderId);
  expect(refunds.map(({ paymentId, amountMinor }) => [paymentId, amountMinor]).sort()).toEqual(
    payments.map(({ id, amountMinor }) => [id, amountMinor]).sort(),
  );
  expect((await eventTypes(shop.db, orderId)).filter((type) => type === 'refund_started')).toHaveLength(2);
});
