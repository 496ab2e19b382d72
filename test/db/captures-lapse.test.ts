import { retryCapture } from '../../domain/payments/captures-by-hand';
import { ASK_LIMIT_MS, gatewayAskedLongAgo } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { openAuthorisedShop, silent, withCaptures, type AuthorisedShop } from './authorised-orders';
import { carry, receive, viewOf } from './support';
import { capturingOrders } from './capturing-orders';

let shop: AuthorisedShop;
const { expectMoneyInOrder, twoParcels, viewsOf, needs, lapsesSoon, endAttention } = capturingOrders(
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
    await retryCapture(shop.db, {
      askLimitMs: ASK_LIMIT_MS,
      captureId: (await viewsOf(orderId))[0]!.id,
      actor: 'kim',
    });
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
      await retryCapture(shop.db, {
        askLimitMs: ASK_LIMIT_MS,
        captureId: (await viewsOf(orderId))[0]!.id,
        actor: 'kim',
      });
    await shop.letRetry(orderId);
    await shop.pickUp(orderId, 'BER');
    expect(await shop.money(orderId)).toMatchObject([
      { status: 'captured', captured: 1_000 },
      { status: 'captured', captured: 1_000 },
    ]);
  });
});
