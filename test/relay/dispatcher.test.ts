import { NativeConnection, Worker } from '@temporalio/worker';
import { createFulfilmentActivities } from '../../activities/fulfilment';
import { claimShipments } from '../../domain/fulfilment/book';
import type { Carrier, ShipmentStatus } from '../../domain/fulfilment/types';
import { installTemporalRuntime } from '../../platform/temporal/connection';
import type { DispatcherInput } from '../../workflows/contract/messages';
import { signalDispatcher } from '../../worker/ensure/signal-standing-workflows';
import { createReceivers } from '../../worker/outbox/receivers';
import { startRelay, type Relay } from '../../worker/outbox/relay';
import { CARRIER, orderStatus, readShipments, statuses } from '../fulfilment/shipping';
import { temporalAddress, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { withWorkflowBundle } from '../support/workflow-bundle';
import { openEngine, receiverContext, startIdleSaga, type TestEngine } from './engine';
import { openBooking, PATIENT, type Booking } from './booking';

let booking: Booking;
let engine: TestEngine;
let stop: () => Promise<void>;

beforeAll(() => installTemporalRuntime(testLogger()));

beforeEach(async () => {
  [booking, engine] = await Promise.all([openBooking(), openEngine()]);
  stop = () => Promise.resolve();
});

afterEach(async () => {
  await stop();
  await dispatcher()
    .terminate()
    .catch(() => undefined);
  await engine.close();
  await booking.close();
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
      activities: {
        ...createFulfilmentActivities({
          ...PATIENT,
          db: booking.shop.db,
          carriers: [options.by ?? booking.carrier],
        }),
      },
    }),
  );
  const running = worker.run();
  const context = receiverContext(booking.shop.db, engine);
  const receivers = createReceivers(context);
  const receive = () => signalDispatcher(context, { batchSize: 10, ...options.input });
  const relay = startRelay({
    db: booking.shop.db,
    databaseUrl: booking.shop.url,
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

/** The order's shipments get these statuses, in the order of their warehouses' codes. */
async function expectSoon(orderId: string, ...expected: ShipmentStatus[]): Promise<void> {
  await waitFor(async () => (await statuses(booking.shop.db, orderId)).join() === expected.join());
}

test('shipments are booked, picked up and delivered, and their sagas are signalled', async () => {
  booking.carrier.start();
  await startDispatching();
  const orders = [];
  for (let n = 0; n < 25; n++) orders.push(await booking.addOrder('AMS', 'BER'));
  await Promise.all(orders.map((order) => startIdleSaga(engine, order.orderId)));
  for (const { orderId } of orders) {
    await expectSoon(orderId, 'delivered', 'delivered');
    expect(await orderStatus(booking.shop.db, orderId)).toBe('fulfilled');
  }
});

test('a refused booking fails its shipment while the rest of the batch is booked', async () => {
  await startDispatching();
  const order = await booking.addOrder('AMS', 'FAR');
  await expectSoon(order.orderId, 'booked', 'failed');
});

test('a dispatcher that died between the booking and its record is made good with the same tracking number', async () => {
  const order = await booking.addOrder('AMS');
  const claimed = await claimShipments(booking.shop.db, { carrier: CARRIER, limit: 10, leaseSeconds: 0 });
  const [outcome] = await booking.carrier.book(claimed);
  expect(await statuses(booking.shop.db, order.orderId)).toEqual(['booking']);
  await startDispatching();
  await expectSoon(order.orderId, 'booked');
  expect(await readShipments(booking.shop.db, order.orderId)).toMatchObject([
    { trackingNumber: outcome?.status === 'booked' ? outcome.trackingNumber : 'none' },
  ]);
});

test('while the carrier is away the dispatcher keeps trying, and a lost response books nothing twice', async () => {
  let calls = 0;
  await startDispatching({
    by: booking.withBook(async (shipments) => {
      calls += 1;
      if (calls === 1) throw new Error('connection refused');
      const outcomes = await booking.carrier.book(shipments);
      if (calls === 2) throw new Error('the answer is lost');
      return outcomes;
    }),
  });
  const order = await booking.addOrder('AMS', 'BER');
  await expectSoon(order.orderId, 'booked', 'booked');
  const parcels = await booking.shop.db.pool.query('select 1 from sandbox_carrier.parcels');
  expect(parcels.rowCount).toBe(2);
  expect(calls).toBeGreaterThan(2);
});

test('it continues as new after its rounds and loses no signal on the way', async () => {
  await startDispatching({ input: { roundsPerRun: 2 } });
  const runs = new Set<string>();
  for (let n = 0; n < 30; n++) {
    const order = await booking.addOrder('AMS');
    await expectSoon(order.orderId, 'booked');
    runs.add((await dispatcher().describe()).runId);
  }
  expect(runs.size).toBeGreaterThan(2);
});

test('a dispatcher that was terminated by hand is back with the next message', async () => {
  await startDispatching();
  const before = await booking.addOrder('AMS');
  await expectSoon(before.orderId, 'booked');
  await dispatcher().terminate();
  const after = await booking.addOrder('AMS');
  await expectSoon(after.orderId, 'booked');
});

test('an operator reads in words what it is doing', async () => {
  await startDispatching();
  const order = await booking.addOrder('AMS', 'FAR');
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
