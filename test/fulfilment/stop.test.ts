import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { claimShipments, recordBookings } from '../../domain/fulfilment/book';
import { createSandboxCarrier, type SandboxCarrier } from '../../integrations/sandbox-carrier/carrier';
import type { Carrier } from '../../domain/fulfilment/types';
import { askToStop, beginStops, clearStopRefusals } from '../../domain/fulfilment/stop';
import { readProgress } from '../../domain/ordering/progress';
import { readOrder } from '../../domain/ordering/views';
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
const begin = (orderId: string) => shop.db.transaction((tx) => beginStops(tx, orderId));
const ask = (orderId: string, ...by: Carrier[]) =>
  askToStop({ db: shop.db, carriers: by.length > 0 ? by : [carrier] }, orderId);

/** Begins to stop what has not left, and asks the carrier once. */
async function stop(orderId: string, by: Carrier = carrier): Promise<void> {
  await begin(orderId);
  await ask(orderId, by);
}

/** The sandbox carrier, with one call answered by the test. */
function withVoid(answer: Carrier['void']): Carrier {
  return { name: CARRIER, book: (shipments) => carrier.book(shipments), void: answer };
}

const away = withVoid(() => Promise.reject(new Error('connection reset')));
const stubborn = withVoid(() => Promise.resolve('refused'));

/** Lets the carrier be asked again at once. */
const makeDue = (orderId: string) =>
  shop.db.pool.query('update shipments set next_try_at = clock_timestamp() where order_id = $1', [orderId]);

interface Attempts {
  status: string;
  tries: number;
  /** Until the next, seconds, about; null: at once. */
  seconds: number | null;
  error: string | null;
}

async function attempts(orderId: string): Promise<Attempts[]> {
  const { rows } = await shop.db.pool.query<Attempts>(
    `select s.status, s.tries, s.error, round(extract(epoch from s.next_try_at - clock_timestamp()), 1)::float8 as seconds
     from shipments s join warehouses w on w.id = s.warehouse_id where s.order_id = $1 order by w.code`,
    [orderId],
  );
  return rows;
}

const attentionOf = async (orderId: string) => (await readProgress(shop.db, orderId))?.attention;

test('shipments that the carrier has not heard of are voided without it', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES);
  const nobody = withVoid(() => Promise.reject(new Error('the carrier was asked')));
  await stop(orderId, nobody);
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
  await stop(orderId, nobody);
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
  await begin(orderId);
  expect(await statuses(shop.db, orderId)).toEqual(['voiding', 'voiding']);
  expect(await readProgress(shop.db, orderId)).toMatchObject({
    stopMsLeft: 0,
    stops: [{ msLeft: 0 }, { msLeft: 0 }],
    stoppableShipments: 0,
  });
  await ask(orderId);
  const events = await eventTypes(shop.db, orderId);
  await stop(orderId);
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
  expect(await eventTypes(shop.db, orderId)).toEqual(events);
  expect(await readProgress(shop.db, orderId)).toMatchObject({ stopMsLeft: null, unreleasedShipments: 2 });
});

test('a booking that reaches the carrier after its void is refused there, and the shipment stays voided', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES);
  const claimed = await claim();
  await stop(orderId);
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

test('a refusal leaves the shipment booked, and it is not asked for again before somebody wants it anew', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES);
  await book();
  await stop(orderId, stubborn);
  expect(await statuses(shop.db, orderId)).toEqual(['booked', 'booked']);
  expect(
    (await eventTypes(shop.db, orderId)).filter((type) => type === 'shipment_void_refused'),
  ).toHaveLength(2);
  expect(await readProgress(shop.db, orderId)).toMatchObject({ stopMsLeft: null, stoppableShipments: 0 });
  const nobody = withVoid(() => Promise.reject(new Error('the carrier was asked')));
  await stop(orderId, nobody);
  expect(await statuses(shop.db, orderId)).toEqual(['booked', 'booked']);
  await shop.db.transaction((tx) => clearStopRefusals(tx, orderId));
  await stop(orderId);
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
});

test('a shipment picked up while it is being voided stays picked up', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES.slice(0, 1));
  await book();
  await stop(
    orderId,
    withVoid(async (shipmentId) => {
      await applyCarrierEvents(withStock(shop.db), CARRIER, [update(shipmentId, 'picked_up')]);
      return 'refused';
    }),
  );
  expect(await statuses(shop.db, orderId)).toEqual(['picked_up']);
  await stop(orderId);
  expect(await statuses(shop.db, orderId)).toEqual(['picked_up']);
  expect(await eventTypes(shop.db, orderId)).not.toContain('shipment_void_refused');
});

test('a carrier that does not respond for one parcel delays no other, and is asked again when its time has come', async () => {
  const { orderId, shipmentIds } = await addShippingOrder(shop.db, LINES);
  await book();
  const asked: string[] = [];
  const failing = withVoid((shipmentId) => {
    asked.push(shipmentId);
    return shipmentId === shipmentIds[0]
      ? Promise.reject(new Error('connection reset'))
      : carrier.void(shipmentId);
  });
  await stop(orderId, failing);
  expect(await statuses(shop.db, orderId)).toEqual(['voiding', 'voided']);
  const [delayed] = await attempts(orderId);
  expect(delayed).toMatchObject({ tries: 1, error: 'The carrier gave no answer.' });
  expect(delayed?.seconds).toBeLessThanOrEqual(0.5);
  // Not before its time: the row says so.
  await shop.db.pool.query(
    `update shipments set next_try_at = clock_timestamp() + interval '1 minute' where id = $1`,
    [shipmentIds[0]],
  );
  await ask(orderId, failing);
  expect(asked.sort()).toEqual([...shipmentIds].sort());
  await makeDue(orderId);
  await ask(orderId);
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
});

test('an answer that cannot be written fails the call once the others are recorded, and shows nobody the error', async () => {
  const { orderId, shipmentIds } = await addShippingOrder(shop.db, LINES);
  await book();
  await begin(orderId);
  await shop.db.pool.query(
    `alter table shipments add constraint bad_row check (id <> '${shipmentIds[0]}' or status <> 'voided') not valid`,
  );
  await expect(ask(orderId)).rejects.toMatchObject({ code: '23514' });
  expect(await attempts(orderId)).toMatchObject([
    { status: 'voiding', tries: 1, error: null },
    { status: 'voided' },
  ]);
  await shop.db.pool.query('alter table shipments drop constraint bad_row');
  await makeDue(orderId);
  await ask(orderId);
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
});

test('a carrier that does not respond is asked less and less often; after the sixth try a person is told, until it responds', async () => {
  const { orderId, shipmentIds } = await addShippingOrder(shop.db, LINES.slice(0, 1));
  await book();
  await begin(orderId);
  const seconds: number[] = [];
  for (let tries = 1; tries <= 12; tries++) {
    await makeDue(orderId);
    await ask(orderId, away);
    const [attempt] = await attempts(orderId);
    expect(attempt).toMatchObject({ status: 'voiding', tries });
    seconds.push(Math.round((attempt?.seconds ?? 0) * 2) / 2);
    expect(await attentionOf(orderId)).toEqual(tries < 6 ? [] : ['shipment_not_stopped']);
  }
  expect(seconds).toEqual([0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  expect((await readOrder(shop.db, orderId))?.view.attention).toMatchObject([
    { kind: 'shipment_not_stopped', about: shipmentIds[0], why: 'The carrier gave no answer.' },
  ]);
  await makeDue(orderId);
  await ask(orderId);
  expect(await statuses(shop.db, orderId)).toEqual(['voided']);
  expect(await attentionOf(orderId)).toEqual([]);
});

test.each(['picked_up', 'failed'] as const)(
  'a parcel that a person was told of and that is %s meanwhile needs none any more',
  async (type) => {
    const { orderId, shipmentIds } = await addShippingOrder(shop.db, LINES.slice(0, 1));
    await book();
    await begin(orderId);
    for (let tries = 1; tries <= 6; tries++) {
      await makeDue(orderId);
      await ask(orderId, away);
    }
    expect(await attentionOf(orderId)).toEqual(['shipment_not_stopped']);
    await applyCarrierEvents(withStock(shop.db), CARRIER, [update(shipmentIds[0]!, type)]);
    expect(await attentionOf(orderId)).toEqual([]);
  },
);

test('a parcel of a carrier that is no longer set up is not given up silently, and delays no other', async () => {
  const { orderId, shipmentIds } = await addShippingOrder(shop.db, LINES);
  await book();
  await shop.db.pool.query(`update shipments set carrier = 'former' where id = $1`, [shipmentIds[0]]);
  await begin(orderId);
  for (let tries = 1; tries <= 6; tries++) {
    await makeDue(orderId);
    await ask(orderId);
  }
  expect(await attempts(orderId)).toMatchObject([
    { status: 'voiding', tries: 6, error: expect.stringContaining('former') as string },
    { status: 'voided' },
  ]);
  expect(await attentionOf(orderId)).toEqual(['shipment_not_stopped']);
  // Set up again, it is asked.
  await makeDue(orderId);
  await ask(orderId, { ...carrier, name: 'former' });
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
  expect(await attentionOf(orderId)).toEqual([]);
});

test('many calls at once ask the carrier about each parcel once', async () => {
  const { orderId, shipmentIds } = await addShippingOrder(shop.db, LINES);
  await book();
  const asked: string[] = [];
  const counting = withVoid((shipmentId) => {
    asked.push(shipmentId);
    return carrier.void(shipmentId);
  });
  await Promise.all(Array.from({ length: 5 }, () => stop(orderId, counting)));
  expect(asked.sort()).toEqual([...shipmentIds].sort());
  expect(await statuses(shop.db, orderId)).toEqual(['voided', 'voided']);
  expect((await eventTypes(shop.db, orderId)).filter((type) => type === 'shipment_voided')).toHaveLength(2);
});

test('asking leaves shipments alone that nobody wants to be stopped', async () => {
  const { orderId } = await addShippingOrder(shop.db, LINES);
  await book();
  await ask(orderId);
  expect(await statuses(shop.db, orderId)).toEqual(['booked', 'booked']);
});
