import { withStock } from '../support/stock';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { createFulfilmentActivities } from '../../activities/fulfilment';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { claimShipments } from '../../domain/fulfilment/book';
import { createSandboxCarrier, type SandboxCarrier } from '../../integrations/sandbox-carrier/carrier';
import type { Carrier, ShipmentStatus } from '../../domain/fulfilment/types';
import { installTemporalRuntime } from '../../platform/temporal/connection';
import type { DispatcherInput } from '../../workflows/contract/messages';
import { signalDispatcher } from '../../worker/ensure/signal-standing-workflows';
import { createReceivers } from '../../worker/outbox/receivers';
import { startRelay, type Relay } from '../../worker/outbox/relay';
import { addShippingOrder, CARRIER, orderStatus, readShipments, statuses } from '../fulfilment/shipping';
import { retryFailedWork } from '../../domain/stock/alerts/failed-work';
import { listAlerts } from '../../domain/stock/alerts/list';
import { addStock, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { temporalAddress, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { withWorkflowBundle } from '../support/workflow-bundle';
import { openEngine, receiverContext, startIdleSaga, type TestEngine } from './engine';

let shop: TestShop;
let engine: TestEngine;
let carrier: SandboxCarrier;
let stop: () => Promise<void>;

beforeAll(() => installTemporalRuntime(testLogger()));

beforeEach(async () => {
  [shop, engine] = await Promise.all([openTestShop(), openEngine()]);
  stop = () => Promise.resolve();
  carrier = createSandboxCarrier({
    url: shop.url,
    stageDelayMs: 0,
    refuseWarehouses: ['FAR'],
    deliver: async (events) => {
      const outcomes = await applyCarrierEvents(withStock(shop.db), CARRIER, events);
      return outcomes.filter(({ result }) => result === 'failed').map(({ eventId }) => eventId);
    },
    log: testLogger(),
  });
  for (const warehouse of ['AMS', 'BER', 'FAR']) await addStock(shop.db, 'LAMP', warehouse, 1_000);
});

afterEach(async () => {
  await stop();
  await dispatcher()
    .terminate()
    .catch(() => undefined);
  await expectInvariants(shop.db);
  await carrier.close();
  await engine.close();
  await shop.close();
});

const dispatcher = () => engine.client.workflow.getHandle(engine.names.dispatcherWorkflowId);

/** A worker and a relay, as a process of Holdfast has them. */
async function startDispatching(
  options: { by?: Carrier; input?: Partial<DispatcherInput> } = {},
): Promise<Relay> {
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  const worker = await Worker.create(
    withWorkflowBundle({
      connection,
      taskQueue: engine.names.jobsQueue,
      activities: { ...createFulfilmentActivities({ db: shop.db, carriers: [options.by ?? carrier] }) },
    }),
  );
  const running = worker.run();
  const context = receiverContext(shop.db, engine);
  const receivers = createReceivers(context);
  const receive = () => signalDispatcher(context, { batchSize: 10, ...options.input });
  const relay = startRelay({
    db: shop.db,
    databaseUrl: shop.url,
    receivers: {
      ...receivers,
      'shipments.ready': { ...receivers['shipments.ready'], receive, longestPauseMs: 20 },
    },
    log: testLogger(),
  });
  stop = async () => {
    await relay.stop();
    worker.shutdown();
    await running;
    await connection.close();
  };
  return relay;
}

/** The sandbox carrier, with bookings answered by the test. */
function withBook(book: Carrier['book']): Carrier {
  return { name: carrier.name, book, void: (shipmentId) => carrier.void(shipmentId) };
}

/** The order's shipments get these statuses, in the order of their warehouses' codes. */
async function expectSoon(orderId: string, ...expected: ShipmentStatus[]): Promise<void> {
  await waitFor(async () => (await statuses(shop.db, orderId)).join() === expected.join());
}

const addOrder = (...warehouses: string[]) =>
  addShippingOrder(
    shop.db,
    warehouses.map((warehouse) => ({ sku: 'LAMP', warehouse, quantity: 1 })),
  );

test('shipments are booked, picked up and delivered, and their sagas are signalled', async () => {
  carrier.start();
  await startDispatching();
  const orders = [];
  for (let n = 0; n < 25; n++) orders.push(await addOrder('AMS', 'BER'));
  await Promise.all(orders.map((order) => startIdleSaga(engine, order.orderId)));
  for (const { orderId } of orders) {
    await expectSoon(orderId, 'delivered', 'delivered');
    expect(await orderStatus(shop.db, orderId)).toBe('fulfilled');
  }
});

test('a refused booking fails its shipment while the rest of the batch is booked', async () => {
  await startDispatching();
  const order = await addOrder('AMS', 'FAR');
  await expectSoon(order.orderId, 'booked', 'failed');
});

test('a dispatcher that died between the booking and its record is made good with the same tracking number', async () => {
  const order = await addOrder('AMS');
  const claimed = await claimShipments(shop.db, { carrier: CARRIER, limit: 10, leaseSeconds: 0 });
  const [outcome] = await carrier.book(claimed);
  expect(await statuses(shop.db, order.orderId)).toEqual(['booking']);
  await startDispatching();
  await expectSoon(order.orderId, 'booked');
  expect(await readShipments(shop.db, order.orderId)).toMatchObject([
    { trackingNumber: outcome?.status === 'booked' ? outcome.trackingNumber : 'none' },
  ]);
});

test('while the carrier is away the dispatcher keeps trying, and a lost response books nothing twice', async () => {
  let calls = 0;
  await startDispatching({
    by: withBook(async (shipments) => {
      calls += 1;
      if (calls === 1) throw new Error('connection refused');
      const outcomes = await carrier.book(shipments);
      if (calls === 2) throw new Error('the answer is lost');
      return outcomes;
    }),
  });
  const order = await addOrder('AMS', 'BER');
  await expectSoon(order.orderId, 'booked', 'booked');
  const parcels = await shop.db.pool.query('select 1 from sandbox_carrier.parcels');
  expect(parcels.rowCount).toBe(2);
  expect(calls).toBe(3);
});

test('a carrier that is away does not delay another', async () => {
  const away: Carrier = {
    name: 'other',
    book: () => Promise.reject(new Error('connection refused')),
    void: () => Promise.reject(new Error('connection refused')),
  };
  const order = await addOrder('AMS');
  const stuck = await addOrder('BER');
  await shop.db.pool.query(`update shipments set carrier = 'other' where order_id = $1`, [stuck.orderId]);
  const activities = createFulfilmentActivities({ db: shop.db, carriers: [away, carrier] });
  const activity = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) });
  await expect(activity.run(() => activities.dispatchShipments({ batchSize: 5 }))).rejects.toThrow(
    'connection refused',
  );
  expect(await statuses(shop.db, order.orderId)).toEqual(['booked']);
  expect(await statuses(shop.db, stuck.orderId)).toEqual(['booking']);
});

/** One run of the dispatcher's activity, as its `attempt`. */
function dispatchBy(by: Carrier, attempt: number, batchSize = 100) {
  const activities = createFulfilmentActivities({ db: shop.db, carriers: [by] });
  const environment = new MockActivityEnvironment(
    { attempt },
    { logger: new DefaultLogger('ERROR', () => undefined) },
  );
  return environment.run(() => activities.dispatchShipments({ batchSize }));
}

function failingFor(bad: readonly string[]): Carrier {
  return withBook((shipments) =>
    shipments.some(({ shipmentId }) => bad.includes(shipmentId))
      ? Promise.reject(new Error('the carrier fails'))
      : carrier.book(shipments),
  );
}

test('a shipment for which the carrier always fails is put off, and the others are booked', async () => {
  const bad = await addOrder('AMS');
  const good = [await addOrder('AMS'), await addOrder('BER'), await addOrder('AMS')];
  const failing = failingFor(bad.shipmentIds);
  const alerts = async () =>
    (await listAlerts(shop.db, { kind: 'work_failed', limit: 50, offset: 0 })).items.map(
      ({ status, details }) => [details['work'], details['id'], status],
    );

  // A failure that passes is over by the second retry, and nobody needs to hear of it.
  for (const attempt of [1, 2])
    await expect(dispatchBy(failing, attempt, 2)).rejects.toThrow('the carrier fails');
  expect(await alerts()).toEqual([]);
  expect(await dispatchBy(failing, 3, 2)).toEqual({ booked: 3, refused: 0, more: false });
  for (const { orderId } of good) expect(await statuses(shop.db, orderId)).toEqual(['booked']);
  expect(await alerts()).toEqual([['book_shipment', bad.shipmentIds[0], 'open']]);
  expect(await dispatchBy(failing, 1, 2)).toMatchObject({ booked: 0 });

  await retryFailedWork(shop.db, { work: 'book_shipment' });
  expect(await dispatchBy(carrier, 1, 2)).toMatchObject({ booked: 1 });
  expect(await alerts()).toEqual([['book_shipment', bad.shipmentIds[0], 'resolved']]);
});

test('when the carrier fails for every shipment of a batch, the next attempt takes others', async () => {
  const orders = [await addOrder('AMS'), await addOrder('AMS'), await addOrder('AMS')];
  const bad = orders.slice(0, 2).flatMap(({ shipmentIds }) => shipmentIds);
  const failing = failingFor(bad);
  await expect(dispatchBy(failing, 3, 2)).rejects.toThrow('the carrier fails');
  expect(await dispatchBy(failing, 4, 2)).toMatchObject({ booked: 1 });
});

async function putOff(): Promise<unknown[]> {
  const { items } = await listAlerts(shop.db, { kind: 'work_failed', limit: 50, offset: 0 });
  return items.map(({ details }) => details['id']);
}

async function addOrders(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push(...(await addOrder('AMS')).shipmentIds);
  return ids;
}

const isBooked = (ids: readonly string[]) =>
  shop.db.pool.query(`select 1 from shipments where status = 'booked' and id = any ($1::uuid[])`, [ids]);

test('a carrier that fails for every shipment puts one off in each attempt, and is not asked about each', async () => {
  await addOrders(40);
  let calls = 0;
  const away = withBook(() => {
    calls += 1;
    return Promise.reject(new Error('HTTP 503'));
  });
  for (const attempt of [3, 4]) await expect(dispatchBy(away, attempt)).rejects.toThrow('HTTP 503');
  expect(await putOff()).toHaveLength(2);
  expect(calls).toBeLessThan(60);
  expect(await dispatchBy(carrier, 5)).toMatchObject({ booked: 38 });
});

test('a carrier that does not respond puts none off, and what it booked before is recorded', async () => {
  const [older, newer] = [await addOrders(1), await addOrders(2)];
  const hanging = withBook((shipments) => {
    if (shipments.length > 2) return Promise.reject(new Error('the carrier fails for so many'));
    return shipments.some(({ shipmentId }) => older.includes(shipmentId))
      ? Promise.reject(Object.assign(new Error('no response in time'), { name: 'TimeoutError' }))
      : carrier.book(shipments);
  });
  await expect(dispatchBy(hanging, 3)).rejects.toThrow('no response in time');
  expect(await putOff()).toEqual([]);
  expect((await isBooked(newer)).rowCount).toBe(2);
  expect(await dispatchBy(carrier, 4)).toMatchObject({ booked: 1 });
});

test('ten that fail do not keep a full claim of good ones from being booked', async () => {
  const good = await addOrders(20);
  const bad = await addOrders(10);
  const behind = await addOrders(5);
  const failing = failingFor(bad);
  await expect(dispatchBy(failing, 3, 30)).rejects.toThrow('the carrier fails');
  expect(new Set(await putOff())).toEqual(new Set(bad));
  expect(await dispatchBy(failing, 4, 30)).toMatchObject({ booked: 25 });
  expect((await isBooked([...good, ...behind])).rowCount).toBe(25);
});

test('shipments that fail and are the only ones that wait are put off one by one', async () => {
  const bad = await addOrders(2);
  const failing = failingFor(bad);
  for (const attempt of [3, 4])
    await expect(dispatchBy(failing, attempt)).rejects.toThrow('the carrier fails');
  expect(new Set(await putOff())).toEqual(new Set(bad));
  expect(await dispatchBy(failing, 5)).toMatchObject({ booked: 0 });
});

test('a call puts off ten shipments at most, and leaves the rest to the next', async () => {
  const bad = await addOrders(25);
  const good = await addOrders(2);
  const failing = failingFor(bad);
  await expect(dispatchBy(failing, 3)).rejects.toThrow('the carrier fails');
  expect((await isBooked(good)).rowCount).toBe(2);
  expect((await putOff()).length).toBeLessThanOrEqual(11);
});

test('it continues as new after its rounds and loses no signal on the way', async () => {
  await startDispatching({ input: { roundsPerRun: 2 } });
  const runs = new Set<string>();
  for (let n = 0; n < 30; n++) {
    const order = await addOrder('AMS');
    await expectSoon(order.orderId, 'booked');
    runs.add((await dispatcher().describe()).runId);
  }
  expect(runs.size).toBeGreaterThan(2);
});

test('a dispatcher that was terminated by hand is back with the next message', async () => {
  await startDispatching();
  const before = await addOrder('AMS');
  await expectSoon(before.orderId, 'booked');
  await dispatcher().terminate();
  const after = await addOrder('AMS');
  await expectSoon(after.orderId, 'booked');
});

test('an operator reads in words what it is doing', async () => {
  await startDispatching();
  const order = await addOrder('AMS', 'FAR');
  await expectSoon(order.orderId, 'booked', 'failed');
  expect(await (await dispatcher().describe()).staticSummary()).toBe(
    'Books all shipments with their carriers, in batches',
  );
  const details = await waitFor(async () => {
    const metadata = await dispatcher().query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    return metadata.currentDetails?.startsWith('Waiting for shipments.') && metadata.currentDetails;
  });
  expect(details).toContain('1 booked, 1 refused by a carrier');
});
