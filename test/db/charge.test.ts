import { abandonReservation } from '../../domain/ordering/cancel';
import { beginCharge } from '../../domain/ordering/pay';
import { existingProgress } from '../../domain/ordering/progress';
import { orderPaymentId } from '../../domain/orders/ids';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import {
  capture,
  decline,
  levelsOf,
  makeDue,
  openOrderShop,
  orderOf,
  pay,
  PAYMENT,
  receive,
  twice,
  viewOf,
  type OrderShop,
  settleCharge,
} from './support';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

/** An order of one unit from each of two warehouses. */
async function placeUnpaid(): Promise<{ orderId: string; sku: string }> {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  const order = orderOf({ [sku]: 2 });
  await shop.place(order);
  return { orderId: order.orderId, sku };
}

describe('beginning a charge', () => {
  test('takes the reservation to where it cannot expire and writes the charge, once per update id', async () => {
    const { orderId } = await placeUnpaid();
    const [first, second] = await twice(shop.db, () => pay(shop.db, orderId, { updateId: 'u-1' }));
    const paymentId = orderPaymentId(orderId, 1);
    expect(first).toMatchObject({ begun: true, paymentId, status: 'pending' });
    expect(second).toMatchObject({ begun: true, paymentId, status: 'pending' });
    expect(first.progress.reservations).toMatchObject([{ status: 'charging', attempt: 1 }]);
    expect((await viewOf(shop.db, orderId)).payments).toMatchObject([
      { amountMinor: 2_000, status: 'pending' },
    ]);
    await decline(shop.db, orderId);
    expect(await pay(shop.db, orderId, { updateId: 'u-1' })).toMatchObject({
      begun: true,
      status: 'declined',
    });
  });

  test('while another one is in flight is refused', async () => {
    const { orderId } = await placeUnpaid();
    await pay(shop.db, orderId);
    const [refused] = await twice(shop.db, () => pay(shop.db, orderId));
    expect(refused).toMatchObject({ begun: false, code: 'PAYMENT_IN_PROGRESS' });
  });

  test('is refused when nothing is left to pay for, or nothing was ever held', async () => {
    const { orderId } = await placeUnpaid();
    await pay(shop.db, orderId);
    await capture(shop.db, orderId);
    expect(await pay(shop.db, orderId)).toMatchObject({ begun: false, code: 'ORDER_NOT_PAYABLE' });
    const waiting = orderOf({ [await shop.product({})]: 1 }, { fulfilment: 'backorder' });
    await shop.place(waiting);
    expect(await pay(shop.db, waiting.orderId)).toMatchObject({ begun: false, code: 'ORDER_NOT_PAYABLE' });
    await expect(pay(shop.db, newId())).rejects.toMatchObject({ code: 'ORDER_NOT_FOUND' });
  });

  test('is refused after so many attempts at its reservation, and a part that comes later has its own', async () => {
    const sku = await shop.product({ AMS: 1 });
    const { orderId } = orderOf({});
    await shop.place(orderOf({ [sku]: 2 }, { orderId, fulfilment: 'backorder' }));
    const request = { orderId, payment: PAYMENT, gateway: 'sandbox', attemptLimit: 2 };
    const charge = (reservationId: string | null) =>
      beginCharge(shop.db, { ...request, reservationId, updateId: newId() });
    for (const attempt of [1, 2]) {
      expect(await charge(null)).toMatchObject({ begun: true });
      await decline(shop.db, orderId, attempt);
    }
    const [refused] = await twice(shop.db, () => charge(null));
    expect(refused).toMatchObject({ begun: false, code: 'PAYMENT_ATTEMPTS_EXCEEDED' });
    await receive(shop.db, sku, 'BER', 1);
    expect(await charge((await viewOf(shop.db, orderId)).reservation!.id)).toMatchObject({ begun: true });
  });

  test('for a reservation that is past due is refused, though nobody has expired it yet', async () => {
    const { orderId } = await placeUnpaid();
    await makeDue(shop.db, orderId);
    const [refused] = await twice(shop.db, () => pay(shop.db, orderId));
    expect(refused).toMatchObject({ begun: false, code: 'HOLD_EXPIRED', progress: { asks: [] } });
  });

  test('charges the part that can still be had when an older one is past due', async () => {
    const sku = await shop.product({ AMS: 1 });
    const { orderId } = orderOf({ [sku]: 2 });
    await shop.place(orderOf({ [sku]: 2 }, { orderId, fulfilment: 'backorder' }));
    await makeDue(shop.db, orderId);
    await receive(shop.db, sku, 'BER', 1);
    const { progress } = await pay(shop.db, orderId);
    expect(progress.reservations.map((hold) => hold.status)).toEqual(['pending', 'charging']);
  });

  test('twenty times at once begins one charge', async () => {
    const { orderId } = await placeUnpaid();
    const given = await Promise.all(
      Array.from({ length: 20 }, (_, n) => pay(shop.db, orderId, { updateId: `u-${n % 10}` })),
    );
    const begun = given.flatMap((each) => (each.begun ? [each.paymentId] : []));
    // The winner's update id was sent twice.
    expect(begun).toEqual([orderPaymentId(orderId, 1), orderPaymentId(orderId, 1)]);
    expect(given.filter((each) => !each.begun && each.code === 'PAYMENT_IN_PROGRESS')).toHaveLength(18);
  });
});

describe('a charge', () => {
  test('that is captured confirms the reservation and makes a shipment per warehouse, once', async () => {
    const { orderId } = await placeUnpaid();
    await pay(shop.db, orderId);
    const [progress] = await twice(shop.db, () => capture(shop.db, orderId));
    expect(progress).toMatchObject({
      status: 'paid',
      asks: [],
      payments: [{ status: 'captured' }],
      reservations: [{ status: 'confirmed' }],
      shipments: { pending: 2 },
    });
    expect((await eventTypes(shop.db, orderId)).slice(2)).toEqual([
      'payment_started',
      'payment_captured',
      'shipments_created',
    ]);
    // What comes later about the same charge changes nothing.
    expect(await decline(shop.db, orderId)).toMatchObject({ status: 'paid' });
  });

  test('that is declined leaves the reservation to be paid with another card until it expires', async () => {
    const { orderId } = await placeUnpaid();
    const { expiresAt } = (await viewOf(shop.db, orderId)).reservation!;
    await pay(shop.db, orderId, { token: 'tok_declined' });
    const [progress] = await twice(shop.db, () => decline(shop.db, orderId));
    expect(progress).toMatchObject({
      status: 'reserved',
      asks: [],
      reservations: [{ status: 'pending', attempt: 1, expiresAt }],
    });
    await pay(shop.db, orderId);
    expect(await capture(shop.db, orderId, 2)).toMatchObject({ status: 'paid' });
    expect((await viewOf(shop.db, orderId)).payments).toMatchObject([
      { status: 'declined', declineCode: 'card_declined' },
      { status: 'captured' },
    ]);
  });

  test('captured and declined at the same moment has one outcome', async () => {
    for (let round = 0; round < 20; round++) {
      const { orderId } = await placeUnpaid();
      await pay(shop.db, orderId);
      await Promise.all([capture(shop.db, orderId), decline(shop.db, orderId)]);
      const { status, payments } = await viewOf(shop.db, orderId);
      expect([
        ['paid', 'captured'],
        ['reserved', 'declined'],
      ]).toContainEqual([status, payments[0]?.status]);
    }
  });

  test('that is unknown is an error', async () => {
    const paymentId = newId();
    const outcome = { status: 'captured', gatewayRef: 'r' } as const;
    await expect(settleCharge(shop.db, { paymentId, outcome })).rejects.toMatchObject({
      code: 'PAYMENT_NOT_FOUND',
    });
  });
});

describe('a later part of an order', () => {
  async function withLaterPart() {
    const sku = await shop.product({ AMS: 1 });
    const orderId = newId();
    await shop.place(orderOf({ [sku]: 2 }, { orderId, fulfilment: 'backorder', payment: PAYMENT }));
    await capture(shop.db, orderId);
    await receive(shop.db, sku, 'BER', 1);
    const reservationId = (await viewOf(shop.db, orderId)).reservation!.id;
    const request = { orderId, reservationId, payment: null, gateway: 'sandbox', attemptLimit: 10 };
    return { sku, orderId, charge: (updateId: string) => beginCharge(shop.db, { ...request, updateId }) };
  }

  test('is charged with the stored method, for its own units alone', async () => {
    const { orderId, charge } = await withLaterPart();
    const [begun] = await twice(shop.db, () => charge('allocation'));
    expect(begun).toMatchObject({ begun: true, paymentId: orderPaymentId(orderId, 2) });
    expect((await viewOf(shop.db, orderId)).payment).toMatchObject({ amountMinor: 1_000 });
    expect(await capture(shop.db, orderId, 2)).toMatchObject({ status: 'paid', shipments: { pending: 2 } });
  });

  test('that is declined is held again for its whole length, once', async () => {
    const { orderId, charge } = await withLaterPart();
    await charge('allocation');
    await makeDue(shop.db, orderId);
    const { reservations } = await decline(shop.db, orderId, 2);
    expect(reservations[1]).toMatchObject({ status: 'pending', attempt: 1 });
    expect(reservations[1]?.msLeft).toBeGreaterThan(890_000);
    await pay(shop.db, orderId);
    expect((await decline(shop.db, orderId, 3)).reservations[1]).toMatchObject({
      attempt: 2,
      expiresAt: reservations[1]?.expiresAt,
    });
  });
});

describe('a reservation whose charge stays without an outcome', () => {
  const abandon = async (orderId: string) => {
    await abandonReservation(shop.db, { orderId, paymentId: orderPaymentId(orderId, 1) });
    return existingProgress(shop.db, orderId);
  };

  test('is given up once, and what is captured for it afterwards goes back, once', async () => {
    const { orderId, sku } = await placeUnpaid();
    await pay(shop.db, orderId);
    const [progress] = await twice(shop.db, () => abandon(orderId));
    expect(progress).toMatchObject({ status: 'failed', failureCode: 'PAYMENT_UNRESOLVED', reservations: [] });
    // The gateway is still asked.
    expect(progress.asks).toMatchObject([{ kind: 'charge', id: orderPaymentId(orderId, 1) }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
    const [settled] = await twice(shop.db, () => capture(shop.db, orderId));
    expect(settled).toMatchObject({ status: 'failed', asks: [{ kind: 'refund', tries: 0 }], shipments: {} });
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
      { amountMinor: 2_000, status: 'planned' },
    ]);
  });

  test('and is declined at last, costs nothing', async () => {
    const { orderId } = await placeUnpaid();
    await pay(shop.db, orderId);
    await abandon(orderId);
    expect(await decline(shop.db, orderId)).toMatchObject({ status: 'failed', asks: [], reservations: [] });
  });

  test('is left alone with its places in the queue when the outcome came first', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = newId();
    await shop.place(orderOf({ [sku]: 2 }, { orderId, fulfilment: 'backorder', payment: PAYMENT }));
    await capture(shop.db, orderId);
    expect(await abandon(orderId)).toMatchObject({
      status: 'paid',
      waitingUnits: 1,
      reservations: [{ status: 'confirmed' }],
    });
  });
});
