import { cancelUndelivered } from '../../domain/ordering/cancel';
import { giveUpBackorders } from '../../domain/ordering/expire';
import { readProgress } from '../../domain/ordering/progress';
import { nextStep } from '../../domain/ordering/rules';
import type { OrderInput } from '../../domain/orders/types';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import {
  capture,
  levelsOf,
  makeBackordersDue,
  openOrderShop,
  orderOf,
  pay,
  PAYMENT,
  receive,
  ship,
  twice,
  viewOf,
  type OrderShop,
} from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop({ backorderSeconds: 3_600 });
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

async function waiting(sku: string, units: number, rest: Partial<OrderInput> = {}): Promise<string> {
  const order = orderOf({ [sku]: units }, { fulfilment: 'backorder', ...rest });
  await shop.place(order);
  return order.orderId;
}

const waitingMs = async (orderId: string) => (await readProgress(shop.db, orderId))?.waitingMsLeft;
const giveUp = (orderId: string) => twice(shop.db, () => giveUpBackorders(shop.db, orderId));

test('units wait as long as the order says, else as the setting says; an order that does not wait has no end of it', async () => {
  const own = await waitingMs(await waiting(await shop.product({}), 1, { backorderSeconds: 60 }));
  expect(own).toBeGreaterThan(50_000);
  expect(own).toBeLessThanOrEqual(60_000);
  const set = await waitingMs(await waiting(await shop.product({}), 1));
  expect(set).toBeGreaterThan(3_590_000);
  expect(set).toBeLessThanOrEqual(3_600_000);
  expect(await waitingMs(await waiting(await shop.product({ AMS: 1 }), 1))).toBeNull();
  const { progress } = await shop.place(orderOf({ [await shop.product({ AMS: 1 })]: 1 }));
  expect(progress?.waitingMsLeft).toBeNull();
});

test('before the time nothing changes, and the saga waits until then', async () => {
  const orderId = await waiting(await shop.product({}), 2, { backorderSeconds: 60 });
  const events = await eventTypes(shop.db, orderId);
  const [progress] = await giveUp(orderId);
  expect(progress).toMatchObject({ status: 'reserved', waitingUnits: 2 });
  expect(await eventTypes(shop.db, orderId)).toEqual(events);
  const next = nextStep(progress);
  expect(next).toMatchObject({ do: 'wait', for: 'stock' });
  if (next.do === 'wait') expect(next.ms).toBe(progress.waitingMsLeft);
});

test('an order that only waits ends as expired when its time has come, and stock that comes is for others', async () => {
  const sku = await shop.product({});
  const orderId = await waiting(sku, 2);
  const next = await waiting(sku, 1);
  await makeBackordersDue(shop.db, orderId);
  expect(nextStep((await readProgress(shop.db, orderId))!)).toEqual({ do: 'give-up-backorders' });
  const [progress] = await giveUp(orderId);
  expect(progress).toMatchObject({ status: 'expired', waitingUnits: 0, waitingMsLeft: null });
  expect((await eventTypes(shop.db, orderId)).slice(-2)).toEqual(['backorders_closed', 'order_expired']);
  await receive(shop.db, sku, 'AMS', 2);
  expect((await viewOf(shop.db, orderId)).reservations).toEqual([]);
  expect((await viewOf(shop.db, next)).items).toMatchObject([{ reservedQuantity: 1 }]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 1] });
});

test('of a paid order whose other part has shipped it ends the rest: fulfilled, and nothing goes back', async () => {
  const sku = await shop.product({ AMS: 1 });
  const orderId = await waiting(sku, 3, { payment: PAYMENT });
  await capture(shop.db, orderId);
  await ship(shop.db, orderId, 'AMS', 'picked_up');
  await makeBackordersDue(shop.db, orderId);
  const [progress] = await giveUp(orderId);
  expect(progress).toMatchObject({ status: 'fulfilled', failureCode: null, asks: [] });
  const view = await viewOf(shop.db, orderId);
  expect(view.items).toMatchObject([{ fulfilledQuantity: 1, cancelledQuantity: 2 }]);
  expect(view.refunds).toEqual([]);
  await receive(shop.db, sku, 'AMS', 2);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
});

test('of an order whose other part still ships, or is not paid for, that part goes on', async () => {
  const sku = await shop.product({ AMS: 1 });
  const paid = await waiting(sku, 2, { payment: PAYMENT });
  await capture(shop.db, paid);
  await makeBackordersDue(shop.db, paid);
  expect((await giveUp(paid))[0]).toMatchObject({ status: 'paid', reservations: [{ status: 'confirmed' }] });
  await ship(shop.db, paid, 'AMS', 'picked_up');
  expect(await viewOf(shop.db, paid)).toMatchObject({ status: 'fulfilled' });

  const other = await shop.product({ AMS: 1 });
  const unpaid = await waiting(other, 2);
  await makeBackordersDue(shop.db, unpaid);
  expect((await giveUp(unpaid))[0]).toMatchObject({
    status: 'reserved',
    reservations: [{ status: 'pending' }],
  });
  await pay(shop.db, unpaid);
  expect(await capture(shop.db, unpaid)).toMatchObject({ status: 'paid' });
});

test('the deadline, stock that arrives and a request to cancel at the same moment: every unit is accounted for', async () => {
  for (let round = 0; round < 20; round++) {
    const sku = await shop.product({});
    const orderId = newId();
    await shop.place(orderOf({ [sku]: 2 }, { orderId, fulfilment: 'backorder' }));
    await makeBackordersDue(shop.db, orderId);
    await Promise.all([
      receive(shop.db, sku, 'AMS', 1),
      giveUpBackorders(shop.db, orderId),
      ...(round % 2 ? [cancelUndelivered(shop.db, orderId)] : []),
    ]);
    const [item] = (await viewOf(shop.db, orderId)).items;
    expect(item?.backorderedQuantity).toBe(0);
    expect((item?.reservedQuantity ?? 0) + (item?.cancelledQuantity ?? 0)).toBe(2);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, item?.reservedQuantity] });
  }
});
