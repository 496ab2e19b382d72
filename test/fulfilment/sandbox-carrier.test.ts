import { setTimeout as delay } from 'node:timers/promises';
import { openCarriers, type CarrierEntry } from '../../integrations/carriers';
import { readSettings } from '../../platform/config';
import {
  createSandboxCarrier,
  type SandboxCarrier,
  type SandboxCarrierOptions,
} from '../../integrations/sandbox-carrier/carrier';
import type { CarrierEvent, ShipmentToBook } from '../../domain/fulfilment/types';
import { newId } from '../../platform/ids';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

const HOUR_MS = 3_600_000;
/** As long as it sleeps with nothing to do. */
const SLEEPS_MS = 5_000;
let shop: TestShop;
const open: SandboxCarrier[] = [];

beforeAll(async () => {
  shop = await openTestShop();
});

beforeEach(() => shop.db.pool.query('truncate sandbox_carrier.parcels'));

afterEach(async () => {
  await Promise.all(open.splice(0).map((carrier) => carrier.close()));
});

afterAll(() => shop.close());

function openCarrier(options: Partial<SandboxCarrierOptions> = {}): SandboxCarrier {
  const carrier = createSandboxCarrier({
    url: shop.url,
    stageDelayMs: 0,
    deliver: () => Promise.resolve([]),
    log: testLogger(),
    ...options,
  });
  open.push(carrier);
  return carrier;
}

/** Keeps what it was told. */
function webhook() {
  const calls: (readonly CarrierEvent[])[] = [];
  return {
    calls,
    deliver: (events: readonly CarrierEvent[]) => {
      calls.push(events);
      return Promise.resolve<string[]>([]);
    },
    told: (type: string) =>
      new Set(
        calls
          .flat()
          .filter((event) => event.type === type)
          .map((event) => event.shipmentId),
      ),
  };
}

function parcel(warehouse = 'AMS'): ShipmentToBook {
  return {
    shipmentId: newId(),
    orderId: newId(),
    warehouse,
    shipTo: null,
    items: [{ sku: 'LAMP', quantity: 1 }],
  };
}

async function unreported(): Promise<number> {
  const found = await shop.db.pool.query<{ count: number }>(
    `select count(*) from sandbox_carrier.parcels where unreported <> '[]'`,
  );
  return found.rows[0]!.count;
}

test('the same shipment booked again, also twice in one call, has the same tracking number', async () => {
  const carrier = openCarrier({ stageDelayMs: HOUR_MS });
  const [one, two] = [parcel(), parcel()];
  const first = await carrier.book([one, two, one]);
  expect(first).toHaveLength(2);
  expect(
    new Set(first.map((outcome) => (outcome.status === 'booked' ? outcome.trackingNumber : ''))).size,
  ).toBe(2);
  expect(await openCarrier({ stageDelayMs: HOUR_MS }).book([one, two])).toEqual(first);
});

test('each parcel is reported picked up first and delivered after that', async () => {
  const hook = webhook();
  const carrier = openCarrier({ deliver: hook.deliver });
  carrier.start();
  const parcels = Array.from({ length: 300 }, () => parcel());
  await carrier.book(parcels);
  await waitFor(() => hook.told('delivered').size === 300);
  await waitFor(async () => (await unreported()) === 0);
  for (const { shipmentId } of parcels) {
    const types = hook.calls.flat().filter((event) => event.shipmentId === shipmentId);
    expect(types.map((event) => event.type)).toEqual(['picked_up', 'delivered']);
  }
  expect(Math.max(...hook.calls.map((events) => events.length))).toBeLessThanOrEqual(500);
});

test('stages take their time', async () => {
  const hook = webhook();
  const carrier = openCarrier({ deliver: hook.deliver, stageDelayMs: 400 });
  carrier.start();
  const started = performance.now();
  await carrier.book([parcel()]);
  await waitFor(() => hook.told('picked_up').size === 1);
  expect(performance.now() - started).toBeGreaterThanOrEqual(390);
  await waitFor(() => hook.told('delivered').size === 1);
  expect(performance.now() - started).toBeGreaterThanOrEqual(790);
});

test('what parcels of a steady stream come to is reported for several of them in one call', async () => {
  const hook = webhook();
  const carrier = openCarrier({ stageDelayMs: 400, deliver: hook.deliver });
  carrier.start();
  const begun = performance.now();
  for (let n = 0; n < 20; n++) {
    await carrier.book([parcel()]);
    await delay(20);
  }
  await waitFor(() => hook.told('delivered').size === 20);
  // One for each tenth of a second at most; alone they would be forty.
  expect(hook.calls.length).toBeLessThanOrEqual(Math.ceil((performance.now() - begun) / 100) + 1);
});

test('a parcel that is booked while the carrier sleeps for long is picked up in time', async () => {
  const hook = webhook();
  const carrier = openCarrier({ stageDelayMs: 50, deliver: hook.deliver });
  carrier.start();
  for (let n = 0; n < 3; n++) {
    const begun = performance.now();
    await carrier.book([parcel()]);
    await waitFor(() => hook.told('delivered').size === n + 1);
    expect(performance.now() - begun).toBeLessThan(SLEEPS_MS);
  }
});

test('an event that the webhook does not take is sent again later, and the others are not', async () => {
  const parcels = [parcel(), parcel(), parcel()];
  const bad = parcels[1]!.shipmentId;
  const calls: (readonly CarrierEvent[])[] = [];
  let isBad = true;
  const carrier = openCarrier({
    refusedSeconds: 0.2,
    deliver: (events) => {
      calls.push(events);
      const refused = events.filter(({ shipmentId }) => isBad && shipmentId === bad);
      return Promise.resolve(refused.map(({ eventId }) => eventId));
    },
  });
  carrier.start();
  await carrier.book(parcels);
  const sent = (id: string) => calls.flat().filter(({ shipmentId }) => shipmentId === id).length;
  await waitFor(() => sent(bad) >= 4);
  await waitFor(async () => (await unreported()) === 1);
  isBad = false;
  await waitFor(async () => (await unreported()) === 0);
  for (const { shipmentId } of parcels) if (shipmentId !== bad) expect(sent(shipmentId)).toBe(2);
});

test('a webhook that fails is called again until it accepts', async () => {
  const hook = webhook();
  let failures = 3;
  const carrier = openCarrier({
    deliver: (events) => (failures-- > 0 ? Promise.reject(new Error('503')) : hook.deliver(events)),
  });
  carrier.start();
  await carrier.book([parcel()]);
  await waitFor(() => hook.told('delivered').size === 1);
  await waitFor(async () => (await unreported()) === 0);
  expect(failures).toBeLessThan(0);
});

test('what a carrier that died had not reported, another reports', async () => {
  const dying = openCarrier({ deliver: () => Promise.reject(new Error('gone')) });
  dying.start();
  const shipments = [parcel(), parcel()];
  await dying.book(shipments);
  await waitFor(async () => (await unreported()) === 2);
  await dying.close();

  const hook = webhook();
  openCarrier({ deliver: hook.deliver }).start();
  await waitFor(() => hook.told('delivered').size === 2);
  expect(hook.told('picked_up').size).toBe(2);
});

test('once stopped it calls the webhook no more, though parcels fall due; bookings go on, and another reports it all', async () => {
  const hook = webhook();
  const stopped = openCarrier({ deliver: hook.deliver });
  stopped.start();
  const [before, after] = [parcel(), parcel()];
  await stopped.book([before]);
  await waitFor(() => hook.told('delivered').size === 1);
  await stopped.stop();
  expect(await stopped.book([after])).toMatchObject([{ status: 'booked' }]);
  expect(await stopped.void(after.shipmentId)).toBe('voided');
  const late = parcel();
  await stopped.book([late]);

  const next = webhook();
  openCarrier({ deliver: next.deliver }).start();
  await waitFor(() => next.told('delivered').has(late.shipmentId));
  expect(next.calls.flat().every(({ shipmentId }) => shipmentId === late.shipmentId)).toBe(true);
  expect(hook.told('picked_up')).toEqual(new Set([before.shipmentId]));
});

test('a stop waits for the call that is under way, and what that has reported is not reported again', async () => {
  let respond = (): void => undefined;
  let calls = 0;
  const carrier = openCarrier({
    stageDelayMs: 0,
    deliver: () => {
      calls += 1;
      return new Promise((resolve) => (respond = () => resolve([])));
    },
  });
  carrier.start();
  await carrier.book([parcel()]);
  await waitFor(() => calls === 1);
  let hasStopped = false;
  const stopping = carrier.stop().then(() => (hasStopped = true));
  // Both of the database's connections respond before it would: it waits for nothing else.
  expect(await unreported()).toBe(1);
  expect(hasStopped).toBe(false);
  respond();
  await stopping;
  expect({ calls, unreported: await unreported() }).toEqual({ calls: 1, unreported: 0 });
});

test('several processes share the parcels and tell each stage once', async () => {
  const hook = webhook();
  const carriers = [1, 2, 3].map(() => openCarrier({ deliver: hook.deliver }));
  for (const carrier of carriers) carrier.start();
  await Promise.all(carriers.map((carrier) => carrier.book(Array.from({ length: 200 }, () => parcel()))));
  await waitFor(() => hook.told('delivered').size === 600);
  await waitFor(async () => (await unreported()) === 0);
  const perEvent = new Set(hook.calls.flat().map((event) => event.eventId));
  expect(perEvent.size).toBe(1_200);
});

test('a void stops a parcel; once picked up it is refused', async () => {
  const hook = webhook();
  const carrier = openCarrier({ stageDelayMs: HOUR_MS, deliver: hook.deliver });
  const stopped = parcel();
  await carrier.book([stopped]);
  expect(await carrier.void(stopped.shipmentId)).toBe('voided');
  expect(await carrier.void(stopped.shipmentId)).toBe('voided');
  expect(await carrier.book([stopped])).toMatchObject([{ status: 'refused' }]);

  const fast = openCarrier({ deliver: hook.deliver });
  fast.start();
  const left = parcel();
  await fast.book([left]);
  await waitFor(() => hook.told('picked_up').has(left.shipmentId));
  expect(await fast.void(left.shipmentId)).toBe('refused');
  expect(await fast.void(left.shipmentId)).toBe('refused');
  await waitFor(() => hook.told('delivered').has(left.shipmentId));
  expect(hook.told('picked_up').has(stopped.shipmentId)).toBe(false);
});

test('a void of a parcel that was never booked makes its booking come too late', async () => {
  const carrier = openCarrier();
  const unknown = parcel();
  expect(await carrier.void(unknown.shipmentId)).toBe('voided');
  expect(await carrier.book([unknown])).toMatchObject([{ status: 'refused' }]);
});

test('warehouses that it does not serve are refused, and stay refused for a booking that was', async () => {
  const shipment = parcel('FAR');
  expect(await openCarrier({ refuseWarehouses: ['FAR'] }).book([shipment, parcel('AMS')])).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ shipmentId: shipment.shipmentId, status: 'refused' }),
      expect.objectContaining({ status: 'booked' }),
    ]),
  );
  expect(await openCarrier().book([shipment])).toMatchObject([{ status: 'refused' }]);
});

test('parcels from a warehouse that loses them fail and are never picked up', async () => {
  const hook = webhook();
  const carrier = openCarrier({ loseWarehouses: ['FAR'], deliver: hook.deliver });
  carrier.start();
  const [lost, fine] = [parcel('FAR'), parcel('AMS')];
  await carrier.book([lost, fine]);
  await waitFor(() => hook.told('delivered').has(fine.shipmentId));
  await waitFor(() => hook.told('failed').has(lost.shipmentId));
  expect(hook.told('picked_up')).toEqual(new Set([fine.shipmentId]));
});

describe('of several carriers', () => {
  const entry = (name: string, isSetUp: boolean): CarrierEntry => ({
    isSetUp: () => isSetUp,
    open: () => ({ ...openCarrier(), name }),
  });
  const settings = readSettings({});
  const names = (table: Readonly<Record<string, CarrierEntry>>) =>
    openCarriers(settings, { databaseUrl: shop.url, log: testLogger() }, table).map(({ name }) => name);

  test('those that are set up are opened, first the one that takes new shipments', () => {
    expect(
      names({ other: entry('other', true), unset: entry('unset', false), sandbox: entry('sandbox', true) }),
    ).toEqual(['sandbox', 'other']);
  });

  test('the one that takes new shipments must be set up', () => {
    expect(() => names({ other: entry('other', true), sandbox: entry('sandbox', false) })).toThrow('CARRIER');
  });
});
