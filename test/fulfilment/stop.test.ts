import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { claimShipments, recordBookings } from '../../domain/fulfilment/book';
import { createSandboxCarrier, type SandboxCarrier } from '../../integrations/sandbox-carrier/carrier';
import type { Carrier } from '../../domain/fulfilment/types';
import { voidShipments } from '../../domain/fulfilment/void';
import { addStock, eventTypes, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { addShippingOrder, CARRIER, readShipments, statuses, update } from './shipping';
import { withStock } from '../support/stock';

const HOUR_MS = 3_600_000;
let shop: TestShop;
let carrier: SandboxCarrier;

beforeEach(async () => {
  shop = await openTestShop();
  await addStock(shop.db, 'LAMP', 'AMS', 100);
  await addStock(shop.db, 'LAMP', 'BER', 100);
  carrier = createSandboxCarrier({
    url: shop.url,
    stageDelayMs: HOUR_MS,
    deliver: () => Promise.resolve([]),
    log: testLogger(),
  });
});

afterEach(async () => {
  await expectInvariants(shop.db);
  await carrier.close();
  await shop.close();
});

const LINES = [
  { sku: 'LAMP', warehouse: 'AMS', quantity: 1 },
  { sku: 'LAMP', warehouse: 'BER', quantity: 1 },
];
const claim = () => claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 30 });
const book = async () => recordBookings(shop.db, await carrier.book(await claim()));
const stop = (orderId: string, which: 'all' | 'failed-only' = 'all', by: Carrier = carrier) =>
  voidShipments({ db: shop.db, carriers: [by], orderId, which });

/** The sandbox carrier, with one call answered by the test. */
function withVoid(answer: Carrier['void']): Carrier {
  return { name: carrier.name, book: (shipments) => carrier.book(shipments), void: answer };
}

test('shipments that the carrier has not heard of are voided without it', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES);
  const nobody = withVoid(() => Promise.reject(new Error('the carrier was asked')));
  expect(await stop(orderId, 'all', nobody)).toEqual({ refused: 0 });
  expect(await stop(orderId, 'all', nobody)).toEqual({ refused: 0 });
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
  expect(await claim()).toEqual([]);
  expect(await eventTypes(shop.db, orderId)).toEqual([
    'shipments_created',
    'shipment_voided',
    'shipment_voided',
  ]);
});

test('booked shipments are voided at the carrier, and a second call changes nothing', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES);
  await book();
  expect(await stop(orderId)).toEqual({ refused: 0 });
  const events = await eventTypes(shop.db, orderId);
  expect(await stop(orderId)).toEqual({ refused: 0 });
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
  expect(await eventTypes(shop.db, orderId)).toEqual(events);
});

test('a booking that reaches the carrier after its void is refused there, and the shipment stays voided', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES);
  const claimed = await claim();
  expect(await stop(orderId)).toEqual({ refused: 0 });
  const outcomes = await carrier.book(claimed);
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['refused', 'refused']);
  expect(await recordBookings(shop.db, outcomes)).toEqual({ booked: 0, refused: 0 });
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
});

test('a booking recorded while it is being voided leaves its tracking number and nothing else', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES.slice(0, 1));
  const outcomes = await carrier.book(await claim());
  await stop(
    orderId,
    'all',
    withVoid(async (shipmentId) => {
      await recordBookings(shop.db, outcomes);
      expect(await statuses(shop.db, orderId)).toEqual(['voiding']);
      return carrier.void(shipmentId);
    }),
  );
  expect(await readShipments(shop.db, orderId)).toMatchObject([
    { status: 'voided', trackingNumber: expect.stringMatching(/^SBX/) as string },
  ]);
});

test('a refusal leaves the shipment booked, and asking again gets the same result', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES);
  await book();
  const stubborn = withVoid(() => Promise.resolve('refused'));
  expect(await stop(orderId, 'all', stubborn)).toEqual({ refused: 2 });
  expect(await statuses(shop.db, orderId)).toEqual(['booked', 'booked']);
  expect(await eventTypes(shop.db, orderId)).toContain('shipment_void_refused');
  expect(await stop(orderId, 'all', stubborn)).toEqual({ refused: 2 });
});

test('a shipment picked up while it is being voided stays picked up and counts as refused', async () => {
  const { orderId, shipmentIds } = await addShippingOrder(shop.db, LINES.slice(0, 1));
  await book();
  const late = withVoid(async (shipmentId) => {
    await applyCarrierEvents(withStock(shop.db), CARRIER, [update(shipmentId, 'picked_up')]);
    return 'refused';
  });
  expect(await stop(orderId, 'all', late)).toEqual({ refused: 1 });
  expect(await statuses(shop.db, orderId)).toEqual(['picked_up']);
  expect(await stop(orderId)).toEqual({ refused: 1 });
  expect(shipmentIds).toHaveLength(1);
});

test('what one failed call to the carrier leaves half-done, the next call finishes', async () => {
  const { orderId, shipmentIds } = await addShippingOrder(shop.db, LINES);
  await book();
  const failing = withVoid((shipmentId) =>
    shipmentId === shipmentIds[0] ? Promise.reject(new Error('connection reset')) : carrier.void(shipmentId),
  );
  await expect(stop(orderId, 'all', failing)).rejects.toThrow('connection reset');
  expect(await statuses(shop.db, orderId)).toEqual(['voiding', 'voided']);
  expect(await stop(orderId, 'failed-only')).toEqual({ refused: 0 });
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
});

test('finishing begun voids leaves healthy shipments alone', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES);
  await book();
  expect(await stop(orderId, 'failed-only')).toEqual({ refused: 0 });
  expect(await statuses(shop.db, orderId)).toEqual(['booked', 'booked']);
});

test('a shipment of a carrier that is no longer set up is not given up silently', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES.slice(0, 1));
  await book();
  await expect(voidShipments({ db: shop.db, carriers: [], orderId, which: 'all' })).rejects.toMatchObject({
    code: 'UNKNOWN_CARRIER',
  });
  expect(await statuses(shop.db, orderId)).toEqual(['voiding']);
});
