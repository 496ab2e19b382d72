import type { GatewayAsk, OrderProgress } from '../../domain/ordering/types';
import type { OrderInput } from '../../domain/orders/types';
import { carry, fingerprintOf } from '../db/support';
import { addStock, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { orderInput, type OrderRequest } from './order';
import { openSagaActivities, run, type SagaActivities } from './saga-activities';

let shop: TestShop;
let activities: SagaActivities;
let close: () => Promise<void>;
beforeAll(async () => {
  shop = await openTestShop();
  await addStock(shop.db, 'LAMP', 'AMS', 100);
  await addStock(shop.db, 'SOFA', 'AMS', 1);
  await addStock(shop.db, 'CHAIR', 'AMS', 100);
  ({ activities, close } = openSagaActivities(shop));
});
afterAll(async () => {
  await close();
  await shop.close();
});
afterEach(() => expectInvariants(shop.db));

/** Without what only the clock changes. */
function still(answer: unknown): unknown {
  const text = JSON.stringify(answer, (key, value: unknown) => (/msLeft$/i.test(key) ? undefined : value));
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
async function charging(request: Partial<OrderRequest> = {}) {
  const { order, progress } = await placed({ token: 'tok_ok', ...request });
  const [ask] = progress.asks;
  return { orderId: order.orderId, ask: { kind: ask!.kind, id: ask!.id } };
}

/** An order that is paid. */
async function paid(): Promise<string> {
  const { orderId, ask } = await charging();
  await run(activities.askGateway, { ...LIMITS, orderId, ask });
  return orderId;
}

/** An order whose money is set aside, and captured as its parcels leave. */
async function authorised(): Promise<string> {
  const { orderId, ask } = await charging({ capture: 'on_shipment' });
  await run(activities.askGateway, { ...LIMITS, orderId, ask });
  return orderId;
}

function askOf(asks: readonly GatewayAsk[], kind: GatewayAsk['kind']): Pick<GatewayAsk, 'kind' | 'id'> {
  const found = asks.find((ask) => ask.kind === kind);
  if (!found) throw new Error(`no ${kind} is open`);
  return { kind, id: found.id };
}

async function shipmentsOf(orderId: string): Promise<string[]> {
  const { rows } = await shop.db.pool.query<{ id: string }>('select id from shipments where order_id = $1', [
    orderId,
  ]);
  return rows.map(({ id }) => id);
}

async function leave(orderId: string): Promise<void> {
  for (const id of await shipmentsOf(orderId)) await carry(shop.db, id, 'picked_up');
}

async function failAll(orderId: string): Promise<OrderProgress> {
  await shop.db.pool.query(`update shipments set status = 'failed' where order_id = $1`, [orderId]);
  return run(activities.releaseStoppedShipments, { orderId, endAs: 'failed' });
}

const LIMITS = { firstRetrySeconds: 1, unknownLimitSeconds: 60 };

/** One LAMP less, one CHAIR more. */
const AMENDMENT = {
  items: [
    { sku: 'LAMP', quantity: 1 },
    { sku: 'CHAIR', quantity: 1 },
  ],
  shipTo: { region: 'eu-west' },
};

/** A paid order that is to be amended, and the step that does. */
async function amendedPaid() {
  const orderId = await paid();
  await run(activities.requestAmend, { orderId, ...AMENDMENT, requestId: orderId });
  return { orderId, step: () => run(activities.amendOrder, orderId) };
}

/** Charges what was added. */
async function chargeAdded(orderId: string, { reservations }: OrderProgress): Promise<void> {
  const { reservationId } = reservations.at(-1)!;
  const request = { orderId, updateId: 'added', payment: null, reservationId };
  const { progress } = await run(activities.beginCharge, request);
  const [ask] = progress.asks;
  await run(activities.askGateway, { ...LIMITS, orderId, ask: { kind: ask!.kind, id: ask!.id } });
}

/** For each activity, brings an order to where it is run, and returns how. */
const STEPS: Record<
  | Exclude<keyof SagaActivities, 'dispatchShipments' | 'amendOrder'>
  | `amendOrder (${'unpaid' | 'paid' | 'charged' | 'cut' | 'declined' | 'refused'})`
  | 'askGateway (declined)'
  | 'askGateway (refund)'
  | 'askGateway (capture)'
  | 'askGateway (void)'
  | 'askGateway (customer)'
  | 'undoReserve (after it)',
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
  async tellOfFailingSteps() {
    const { orderId } = (await placed()).order;
    const failing = [{ about: orderId, step: 'cut', why: 'It could not be done.' }];
    return () => run(activities.tellOfFailingSteps, { orderId, failing, unknown: [] });
  },
  async beginCharge() {
    const { orderId } = (await placed()).order;
    const payment = { method: 'card', token: 'tok_ok' };
    return () => run(activities.beginCharge, { orderId, updateId: 'u-1', payment, reservationId: null });
  },
  async askGateway() {
    const { orderId, ask } = await charging();
    return () => run(activities.askGateway, { ...LIMITS, orderId, ask });
  },
  async 'askGateway (declined)'() {
    const { orderId, ask } = await charging({ token: 'tok_declined' });
    return () => run(activities.askGateway, { ...LIMITS, orderId, ask });
  },
  async 'askGateway (refund)'() {
    const orderId = await paid();
    const { asks } = await failAll(orderId);
    const ask = askOf(asks, 'refund');
    return () => run(activities.askGateway, { ...LIMITS, orderId, ask });
  },
  async 'askGateway (capture)'() {
    const orderId = await authorised();
    await leave(orderId);
    const { asks } = await run(activities.settleAuthorizations, orderId);
    const ask = askOf(asks, 'capture');
    return () => run(activities.askGateway, { ...LIMITS, orderId, ask });
  },
  async 'askGateway (void)'() {
    const orderId = await authorised();
    await failAll(orderId);
    const { asks } = await run(activities.settleAuthorizations, orderId);
    const ask = askOf(asks, 'void');
    return () => run(activities.askGateway, { ...LIMITS, orderId, ask });
  },
  async 'askGateway (customer)'() {
    const { orderId, ask } = await charging({ token: 'tok_3ds_abandoned' });
    await run(activities.askGateway, { ...LIMITS, orderId, ask });
    await shop.db.pool.query('update payments set action_until = clock_timestamp() where order_id = $1', [
      orderId,
    ]);
    return () => run(activities.askGateway, { ...LIMITS, orderId, ask });
  },
  async settleAuthorizations() {
    const orderId = await authorised();
    await leave(orderId);
    return () => run(activities.settleAuthorizations, orderId);
  },
  async actOnLapse() {
    const orderId = await authorised();
    await shop.db.pool.query('update payments set capture_due_at = clock_timestamp() where order_id = $1', [
      orderId,
    ]);
    return () => run(activities.actOnLapse, orderId);
  },
  async askGatewayBriefly() {
    const { orderId, ask } = await charging();
    return () => run(activities.askGatewayBriefly, { ...LIMITS, orderId, ask });
  },
  async stopShipments() {
    const orderId = await paid();
    await shop.db.pool.query(`update shipments set status = 'booked' where order_id = $1`, [orderId]);
    await run(activities.cancelUndelivered, orderId);
    return () => run(activities.stopShipments, orderId);
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
  async concludeCancel() {
    const { orderId } = (await placed()).order;
    await run(activities.requestCancel, { orderId, reason: 'why not' });
    return () => run(activities.concludeCancel, orderId);
  },
  async cancelUndelivered() {
    const { orderId } = (await placed({ items: { SOFA: 3 }, fulfilment: 'backorder' })).order;
    return () => run(activities.cancelUndelivered, orderId);
  },
  async requestCut() {
    const { orderId } = (await placed()).order;
    const items = [{ sku: 'LAMP', quantity: 1 }];
    return () => run(activities.requestCut, { orderId, requestId: orderId, items, reason: null });
  },
  async cutUnits() {
    const orderId = await paid();
    const items = [{ sku: 'LAMP', quantity: 1 }];
    await run(activities.requestCut, { orderId, requestId: orderId, items, reason: null });
    return () => run(activities.cutUnits, orderId);
  },
  async requestAmend() {
    const { orderId } = (await placed()).order;
    return () => run(activities.requestAmend, { orderId, ...AMENDMENT, requestId: orderId });
  },
  async 'amendOrder (unpaid)'() {
    const { orderId } = (await placed()).order;
    await run(activities.requestAmend, { orderId, ...AMENDMENT, requestId: orderId });
    return () => run(activities.amendOrder, orderId);
  },
  'amendOrder (paid)': async () => (await amendedPaid()).step,
  async 'amendOrder (charged)'() {
    const { orderId, step } = await amendedPaid();
    await chargeAdded(orderId, await step());
    return step;
  },
  async 'amendOrder (cut)'() {
    const { orderId, step } = await amendedPaid();
    await chargeAdded(orderId, await step());
    await step();
    await run(activities.cutUnits, orderId);
    await run(activities.releaseStoppedShipments, { orderId, endAs: 'cancelled' });
    return step;
  },
  async 'amendOrder (declined)'() {
    const { orderId, step } = await amendedPaid();
    await shop.db.pool.query(
      `update orders set payment_method = '{"method":"card","token":"tok_declined"}' where id = $1`,
      [orderId],
    );
    await chargeAdded(orderId, await step());
    return step;
  },
  async 'amendOrder (refused)'() {
    const { orderId, step } = await amendedPaid();
    await shop.db.pool.query(`update shipments set status = 'booked' where order_id = $1`, [orderId]);
    return step;
  },
  async stopDoubledShipments() {
    const orderId = await paid();
    return () => run(activities.stopDoubledShipments, orderId);
  },
  async giveUpBackorders() {
    const { orderId } = (await placed({ items: { SOFA: 3 }, fulfilment: 'backorder' })).order;
    await shop.db.pool.query('update orders set backorder_until = clock_timestamp() where id = $1', [
      orderId,
    ]);
    return () => run(activities.giveUpBackorders, orderId);
  },
  async decideReviewByDeadline() {
    const review = { fromMinor: { USD: 0 }, seconds: 60, otherwise: 'approved' } as const;
    const order = { ...orderInput({ items: { LAMP: 2 }, token: 'tok_ok' }), review };
    const { progress } = await run(activities.reserveOrder, order);
    const { orderId } = order;
    const { kind, id } = progress!.asks[0]!;
    await run(activities.askGateway, { ...LIMITS, orderId, ask: { kind, id } });
    await shop.db.pool.query('update orders set review_until = clock_timestamp() where id = $1', [orderId]);
    return () => run(activities.decideReviewByDeadline, orderId);
  },
  async releaseStoppedShipments() {
    const orderId = await paid();
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
