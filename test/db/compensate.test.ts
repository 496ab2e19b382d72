import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { expectInvariants } from '../support/invariants';
import {
  compensate,
  levelsOf,
  openOrderShop,
  placePaid,
  ship,
  twice,
  viewOf,
  type OrderShop,
} from './support';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

describe('a carrier that fails one of two shipments', () => {
  test('after the other was picked up: what shipped is kept, the rest is refunded and restocked', async () => {
    const { orderId, sku } = await placePaid(shop);
    await ship(shop.db, orderId, 'AMS', 'picked_up');
    await ship(shop.db, orderId, 'BER', 'failed');
    const progress = await compensate(shop.db, orderId, 'failed-only');
    expect(progress).toMatchObject({ status: 'fulfilled', failureCode: null, reservations: [] });
    const view = await viewOf(shop.db, orderId);
    expect(view.items).toMatchObject([{ status: 'fulfilled', fulfilledQuantity: 1, cancelledQuantity: 1 }]);
    expect(view.refunds).toMatchObject([{ amountMinor: 1_000 }]);
    // Something of it left, so it is not a reservation that was cancelled.
    expect(view.reservation?.status).toBe('shipped');
    expect(await levelsOf(shop.db, sku)).toEqual({ BER: [1, 0] });
  });

  test('before the other was picked up: the other still ships', async () => {
    const { orderId, sku } = await placePaid(shop);
    await ship(shop.db, orderId, 'BER', 'failed');
    expect(await compensate(shop.db, orderId, 'failed-only')).toMatchObject({
      status: 'fulfilling',
      reservations: [{ status: 'confirmed' }],
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1], BER: [1, 0] });
    await ship(shop.db, orderId, 'AMS', 'delivered');
    const view = await viewOf(shop.db, orderId);
    expect(view).toMatchObject({ status: 'fulfilled', reservation: { status: 'shipped' } });
    expect(view.refunds).toMatchObject([{ amountMinor: 1_000 }]);
  });

  test('and then the other as well: the order has failed, and everything is back', async () => {
    const { orderId, sku } = await placePaid(shop);
    await ship(shop.db, orderId, 'BER', 'failed');
    await compensate(shop.db, orderId, 'failed-only');
    await ship(shop.db, orderId, 'AMS', 'failed');
    expect(await compensate(shop.db, orderId, 'failed-only')).toMatchObject({
      status: 'failed',
      reservations: [],
    });
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
      { amountMinor: 1_000 },
      { amountMinor: 1_000 },
    ]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
  });
});

test('shipments that fail one after the other are refunded once each, whatever else runs at that moment', async () => {
  const { db } = shop;
  for (let round = 0; round < 10; round++) {
    const { orderId, sku } = await placePaid(shop);
    const release = () => releaseStoppedShipments(db, { orderId, endAs: 'failed' });
    await ship(db, orderId, 'BER', 'failed');
    await Promise.all([release(), ship(db, orderId, 'AMS', 'failed'), release()]);
    const [progress] = await twice(db, release);
    expect(progress).toMatchObject({ status: 'failed', unreleasedShipments: 0 });
    const { refunds } = await viewOf(db, orderId);
    expect(refunds.reduce((sum, { amountMinor }) => sum + amountMinor, 0)).toBe(2_000);
    expect(await levelsOf(db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
  }
});
