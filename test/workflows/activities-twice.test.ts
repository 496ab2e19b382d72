import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createOrderActivities, type OrderActivities } from '../../activities/orders';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { createOrderReserver, type OrderReserver } from '../../domain/ordering/order-reserver';
import type { OrderProgress } from '../../domain/ordering/types';
import type { OrderInput } from '../../domain/orders/types';
import { fingerprintOf } from '../db/support';
import { addStock, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { orderInput, type OrderRequest } from './order';

let shop: TestShop;
let reserver: OrderReserver;
let activities: OrderActivities;
beforeAll(async () => {
  shop = await openTestShop();
  await addStock(shop.db, 'LAMP', 'AMS', 100);
  reserver = createOrderReserver({
    db: shop.db,
    warehouses: createWarehouseDirectory(shop.db),
    gateway: { name: 'sandbox', amountProblem: () => null },
    strategy: 'nearest',
    backorderLimits: { product: 1_000_000, customer: 100_000 },
    lanes: 1,
    maxBatch: 10,
    log: testLogger(),
  });
  activities = createOrderActivities({ db: shop.db, reserver, gateway: 'sandbox', carrier: 'sandbox' });
});
afterAll(async () => {
  await reserver.close();
  await shop.close();
});
afterEach(() => expectInvariants(shop.db));

function run<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  ...args: Args
): Promise<Result> {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, ...args);
}

/** Without what only the clock changes. */
function still(answer: unknown): unknown {
  const text = JSON.stringify(answer, (key, value: unknown) =>
    key === 'msLeft' || key === 'ageSeconds' ? undefined : value,
  );
  return JSON.parse(text);
}

async function placed(
  request: Partial<OrderRequest> = {},
): Promise<{ order: OrderInput; progress: OrderProgress }> {
  const order = orderInput({ items: { LAMP: 2 }, ...request });
  const { progress } = await run(activities.reserveOrder, order);
  return { order, progress: progress! };
}

/** An order whose card is being charged. */
async function charging() {
  const { order, progress } = await placed({ token: 'tok_ok' });
  const { paymentId, reservationId } = progress.charge!;
  return { orderId: order.orderId, paymentId, reservationId };
}

const captured = { status: 'captured', gatewayRef: 'sandbox_ch_1' } as const;
const declined = { status: 'declined', gatewayRef: null, declineCode: 'card_declined' } as const;

/** For each activity, brings an order to where it is run, and returns how. */
const STEPS: Record<
  keyof OrderActivities | 'settleCharge (declined)' | 'undoReserve (after it)',
  () => Promise<() => Promise<unknown>>
> = {
  reserveOrder: () => {
    const order = orderInput({ items: { LAMP: 2 }, token: 'tok_ok' });
    return Promise.resolve(() => run(activities.reserveOrder, order));
  },
  async readOrder() {
    const { order } = await placed();
    return () => run(activities.readOrder, order.orderId);
  },
  async beginCharge() {
    const { orderId } = (await placed()).order;
    const payment = { method: 'card', token: 'tok_ok' };
    return () => run(activities.beginCharge, { orderId, updateId: 'u-1', payment, reservationId: null });
  },
  async settleCharge() {
    const { paymentId } = await charging();
    return () => run(activities.settleCharge, { paymentId, outcome: captured });
  },
  async 'settleCharge (declined)'() {
    const { paymentId } = await charging();
    return () => run(activities.settleCharge, { paymentId, outcome: declined });
  },
  async recordUnknownCharge() {
    const { orderId, paymentId } = await charging();
    return () => run(activities.recordUnknownCharge, { orderId, paymentId });
  },
  async abandonReservation() {
    const { orderId, reservationId } = await charging();
    return () => run(activities.abandonReservation, { orderId, reservationId });
  },
  async expireReservation() {
    const { order, progress } = await placed();
    const { reservationId } = progress.reservations[0]!;
    await shop.db.pool.query('update reservations set expires_at = clock_timestamp() where id = $1', [
      reservationId,
    ]);
    return () => run(activities.expireReservation, { orderId: order.orderId, reservationId });
  },
  async requestCancel() {
    const { orderId } = (await placed()).order;
    return () => run(activities.requestCancel, { orderId, reason: 'why not' });
  },
  async refuseCancel() {
    const { orderId } = (await placed()).order;
    await run(activities.requestCancel, { orderId, reason: 'why not' });
    return () => run(activities.refuseCancel, orderId);
  },
  async cancelUnpaid() {
    const { orderId } = (await placed({ items: { LAMP: 1_000 }, fulfilment: 'backorder' })).order;
    return () => run(activities.cancelUnpaid, orderId);
  },
  async releaseStoppedShipments() {
    const { orderId, paymentId } = await charging();
    await run(activities.settleCharge, { paymentId, outcome: captured });
    await shop.db.pool.query(`update shipments set status = 'failed' where order_id = $1`, [orderId]);
    return () => run(activities.releaseStoppedShipments, { orderId, endAs: 'failed' });
  },
  undoReserve: () => {
    const order = orderInput({ items: { LAMP: 2 } });
    return Promise.resolve(() => run(activities.undoReserve, { order, code: 'CANCELLED', detail: 'undone' }));
  },
  async 'undoReserve (after it)'() {
    const { order } = await placed();
    return () => run(activities.undoReserve, { order, code: 'CANCELLED', detail: 'undone' });
  },
};

test.each(Object.entries(STEPS))(
  '%s, run twice, returns the same and changes nothing',
  async (_name, prepare) => {
    const step = await prepare();
    const first = await step();
    const after = await fingerprintOf(shop.db);
    expect(still(await step())).toEqual(still(first));
    expect(await fingerprintOf(shop.db)).toEqual(after);
  },
);

test('a reserve that runs after its undo is refused and reserves nothing', async () => {
  const order = orderInput({ items: { LAMP: 2 } });
  await run(activities.undoReserve, { order, code: 'CANCELLED', detail: 'undone' });
  expect(await run(activities.reserveOrder, order)).toMatchObject({
    outcome: 'refused',
    code: 'CANCELLED',
    progress: { status: 'failed', reservations: [] },
  });
});

test('a reservation that is not due is not expired, and the result says how long is left', async () => {
  const { order, progress } = await placed();
  const { reservationId } = progress.reservations[0]!;
  const answer = await run(activities.expireReservation, { orderId: order.orderId, reservationId });
  expect(answer).toMatchObject({ status: 'reserved', reservations: [{ reservationId, status: 'pending' }] });
  expect(answer.reservations[0]?.msLeft).toBeGreaterThan(0);
});

test('a step for an order that does not exist fails for good, with its code', async () => {
  const { orderId } = orderInput({ items: { LAMP: 1 } });
  await expect(run(activities.readOrder, orderId)).rejects.toMatchObject({
    type: 'ORDER_NOT_FOUND',
    nonRetryable: true,
  });
});

test('an order that PostgreSQL cannot take fails for good instead of being tried for ever', async () => {
  const order = { ...orderInput({ items: { LAMP: 1 } }), customerId: 'nul \u0000 byte' };
  await expect(run(activities.reserveOrder, order)).rejects.toMatchObject({
    type: 'INVALID_DATA',
    nonRetryable: true,
  });
});
