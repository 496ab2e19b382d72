import { createBookingAtOnce } from '../../domain/fulfilment/book-at-once';
import type { Carrier } from '../../domain/fulfilment/types';
import { recordFailure } from '../../domain/stock/alerts/failed-work';
import { createSandboxCarrier, type SandboxCarrier } from '../../integrations/sandbox-carrier/carrier';
import { createReceivers } from '../../worker/outbox/receivers';
import { startRelay, type Relay } from '../../worker/outbox/relay';
import { addShippingOrder, readShipments, statuses } from '../fulfilment/shipping';
import { addStock, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { openEngine, receiverContext, signalsOf, type TestEngine } from './engine';

const CALL_TIMEOUT_MS = 5_000;

let shop: TestShop;
let engine: TestEngine;
let carrier: SandboxCarrier;
let relay: Relay | undefined;

beforeEach(async () => {
  [shop, engine] = await Promise.all([openTestShop(), openEngine()]);
  carrier = createSandboxCarrier({
    url: shop.url,
    stageDelayMs: 0,
    refuseWarehouses: ['FAR'],
    deliver: () => Promise.resolve([]),
    log: testLogger(),
  });
  relay = undefined;
  for (const warehouse of ['AMS', 'FAR']) await addStock(shop.db, 'LAMP', warehouse, 1_000);
});
afterEach(async () => {
  await relay?.stop();
  await engine.client.workflow
    .getHandle(engine.names.dispatcherWorkflowId)
    .terminate()
    .catch(() => undefined);
  await expectInvariants(shop.db);
  await carrier.close();
  await engine.close();
  await shop.close();
});

const addOrder = (...warehouses: string[]) =>
  addShippingOrder(
    shop.db,
    warehouses.map((warehouse) => ({ sku: 'LAMP', warehouse, quantity: 1 })),
  );
const signals = () => signalsOf(engine, engine.names.dispatcherWorkflowId);
const bookingBy = (book: Carrier['book'], restMs?: number) =>
  createBookingAtOnce({
    db: shop.db,
    carriers: [{ name: carrier.name, book, void: (id) => carrier.void(id) }],
    callTimeoutMs: CALL_TIMEOUT_MS,
    restMs,
    log: testLogger(),
  });

function relayWith(bookAtOnce: () => Promise<boolean>): void {
  const receivers = createReceivers({ ...receiverContext(shop.db, engine), bookAtOnce });
  relay = startRelay({ db: shop.db, databaseUrl: shop.url, receivers, log: testLogger() });
}

test('the relay has shipments booked in its own process, and the dispatcher is not signalled', async () => {
  const booking = bookingBy((shipments) => carrier.book(shipments));
  relayWith(() => booking.book());
  const orders = await Promise.all(Array.from({ length: 5 }, () => addOrder('AMS', 'FAR')));
  for (const { orderId } of orders)
    await waitFor(async () => (await statuses(shop.db, orderId)).join() === 'booked,failed');
  await waitFor(async () => {
    const { rows } = await shop.db.pool.query(`select 1 from outbox where topic = 'shipments.ready'`);
    return rows.length === 0;
  });
  expect(await signals()).toBe(0);
});

test('shipments of a carrier that fails are the dispatcher’s, and it is left alone for a while', async () => {
  let calls = 0;
  const booking = bookingBy(() => {
    calls += 1;
    return Promise.reject(new Error('connection refused'));
  }, 60_000);
  relayWith(() => booking.book());
  const { orderId } = await addOrder('AMS');
  await waitFor(async () => (await signals()) === 1);
  expect(await statuses(shop.db, orderId)).toEqual(['booking']);
  await addOrder('AMS');
  await waitFor(async () => (await signals()) === 2);
  expect(calls).toBe(1);
});

test('after that while it is asked again, and takes what was given back', async () => {
  let fails = true;
  const booking = bookingBy(
    (shipments) => (fails ? Promise.reject(new Error('connection refused')) : carrier.book(shipments)),
    0,
  );
  const { orderId } = await addOrder('AMS');
  expect(await booking.book()).toBe(false);
  fails = false;
  expect(await booking.book()).toBe(true);
  expect(await statuses(shop.db, orderId)).toEqual(['booked']);
});

test('a shipment for which the carrier failed before is left to the dispatcher, and spoils no call of others', async () => {
  const asked: string[] = [];
  const booking = bookingBy((shipments) => {
    asked.push(...shipments.map(({ shipmentId }) => shipmentId));
    return carrier.book(shipments);
  });
  const bad = await addOrder('AMS');
  const good = await addOrder('AMS');
  const [suspect] = await readShipments(shop.db, bad.orderId);
  const [other] = await readShipments(shop.db, good.orderId);
  await recordFailure(shop.db, {
    work: 'book_shipment',
    subject: suspect!.id,
    error: new Error('no'),
    pauseSeconds: 0,
  });
  expect(await booking.book()).toBe(false);
  expect(asked).toEqual([other!.id]);
  expect(await statuses(shop.db, good.orderId)).toEqual(['booked']);
});

test('what was left waiting is for the dispatcher, which also finds shipments of a carrier that is not set up', async () => {
  const receivers = createReceivers({
    ...receiverContext(shop.db, engine),
    bookAtOnce: () => Promise.resolve(true),
  });
  const ready = receivers['shipments.ready'];
  const overdue = { ...ready.overdue, everyMs: 20, look: () => Promise.resolve(true) };
  relay = startRelay({
    db: shop.db,
    databaseUrl: shop.url,
    receivers: { ...receivers, 'shipments.ready': { ...ready, overdue } },
    log: testLogger(),
  });
  await waitFor(async () => (await signals()) > 0);
  expect(await signals()).toBeGreaterThan(0);
});

test('when the process stops, a carrier that hangs is waited for no longer', async () => {
  let called = () => {};
  const calling = new Promise<void>((resolve) => (called = resolve));
  let end = () => {};
  const booking = bookingBy(() => {
    called();
    return new Promise((_, reject) => (end = () => reject(new Error('hung up'))));
  });
  await addOrder('AMS');
  const done = booking.book();
  await calling;
  booking.close();
  expect(await done).toBe(false);
  end();
  expect(await booking.book()).toBe(false);
});
