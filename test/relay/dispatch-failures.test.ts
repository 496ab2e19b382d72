import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createFulfilmentActivities } from '../../activities/fulfilment';
import { forgetSettledBookings } from '../../domain/fulfilment/book';
import { askToStop, beginStops } from '../../domain/fulfilment/stop';
import type { Carrier } from '../../domain/fulfilment/types';
import { statuses } from '../fulfilment/shipping';
import { retryFailedWork } from '../../domain/stock/alerts/failed-work';
import { listAlerts } from '../../domain/stock/alerts/list';
import { openBooking, PATIENT, type Booking } from './booking';

/** A call that hangs is given up soon. Only for carriers that never respond, or respond without anything to wait for. */
const PROMPT = { callTimeoutMs: 200 };

let booking: Booking;
beforeEach(async () => {
  booking = await openBooking();
});
afterEach(() => booking.close());

test('a carrier that is away does not delay another', async () => {
  const away: Carrier = {
    name: 'other',
    book: () => Promise.reject(new Error('connection refused')),
    void: () => Promise.reject(new Error('connection refused')),
  };
  const order = await booking.addOrder('AMS');
  const stuck = await booking.addOrder('BER');
  await booking.shop.db.pool.query(`update shipments set carrier = 'other' where order_id = $1`, [
    stuck.orderId,
  ]);
  const activities = createFulfilmentActivities({
    ...PATIENT,
    db: booking.shop.db,
    carriers: [away, booking.carrier],
  });
  const activity = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) });
  await expect(activity.run(() => activities.dispatchShipments({ batchSize: 5 }))).rejects.toThrow(
    'connection refused',
  );
  expect(await statuses(booking.shop.db, order.orderId)).toEqual(['booked']);
  expect(await statuses(booking.shop.db, stuck.orderId)).toEqual(['booking']);
});

/** One run of the dispatcher's activity, as its `attempt`. */
function dispatchBy(by: Carrier, attempt: number, batchSize = 100, limits = PATIENT) {
  const activities = createFulfilmentActivities({ ...limits, db: booking.shop.db, carriers: [by] });
  const environment = new MockActivityEnvironment(
    { attempt },
    { logger: new DefaultLogger('ERROR', () => undefined) },
  );
  return environment.run(() => activities.dispatchShipments({ batchSize }));
}

/** The same, where calls hang. */
const dispatchPromptly = (by: Carrier, attempt: number) => dispatchBy(by, attempt, 100, PROMPT);

function failingFor(bad: readonly string[]): Carrier {
  return booking.withBook((shipments) =>
    shipments.some(({ shipmentId }) => bad.includes(shipmentId))
      ? Promise.reject(new Error('the carrier fails'))
      : booking.carrier.book(shipments),
  );
}

test('a shipment for which the carrier always fails is put off, and the others are booked', async () => {
  const bad = await booking.addOrder('AMS');
  const good = [await booking.addOrder('AMS'), await booking.addOrder('BER'), await booking.addOrder('AMS')];
  const failing = failingFor(bad.shipmentIds);
  const alerts = async () =>
    (await listAlerts(booking.shop.db, { kind: 'work_failed', limit: 50, offset: 0 })).items.map(
      ({ status, details }) => [details['work'], details['id'], status],
    );

  // A failure that passes is over by the second retry, and nobody needs to hear of it.
  for (const attempt of [1, 2])
    await expect(dispatchBy(failing, attempt, 4)).rejects.toThrow('the carrier fails');
  expect(await alerts()).toEqual([]);
  expect(await dispatchBy(failing, 3, 4)).toEqual({ booked: 3, refused: 0, more: false });
  for (const { orderId } of good) expect(await statuses(booking.shop.db, orderId)).toEqual(['booked']);
  expect(await alerts()).toEqual([['book_shipment', bad.shipmentIds[0], 'open']]);
  expect(await dispatchBy(failing, 1, 4)).toMatchObject({ booked: 0 });

  await retryFailedWork(booking.shop.db, { work: 'book_shipment' });
  expect(await dispatchBy(booking.carrier, 1, 4)).toMatchObject({ booked: 1 });
  expect(await alerts()).toEqual([['book_shipment', bad.shipmentIds[0], 'resolved']]);
});

test('when the carrier fails for every shipment of a claim, the next attempt takes others', async () => {
  const orders = [
    await booking.addOrder('AMS'),
    await booking.addOrder('AMS'),
    await booking.addOrder('AMS'),
  ];
  const bad = orders.slice(0, 2).flatMap(({ shipmentIds }) => shipmentIds);
  const failing = failingFor(bad);
  await expect(dispatchBy(failing, 3, 2)).rejects.toThrow('the carrier fails');
  expect(await dispatchBy(failing, 4, 2)).toMatchObject({ booked: 1 });
});

/** Subjects with an open alert. */
async function putOff(): Promise<unknown[]> {
  const { items } = await listAlerts(booking.shop.db, { kind: 'work_failed', limit: 50, offset: 0 });
  return items.filter(({ status }) => status === 'open').map(({ details }) => details['id']);
}

async function alertsOf(work: string): Promise<string[]> {
  const { items } = await listAlerts(booking.shop.db, { kind: 'work_failed', limit: 50, offset: 0 });
  return items.filter(({ details }) => details['work'] === work).map(({ status }) => status);
}

async function failureOf(subject: string): Promise<object | undefined> {
  const { rows } = await booking.shop.db.pool.query<object>(
    `select work, attempts, retry_at > now() as is_put_off, retry_at < now() + interval '61 s' as is_within_a_minute,
            retry_at between now() + interval '1 h' and now() + interval '2 h' as is_within_two_hours
     from failed_work where subject = $1`,
    [subject],
  );
  return rows[0];
}

async function addOrders(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push(...(await booking.addOrder('AMS')).shipmentIds);
  return ids;
}

const isBooked = (ids: readonly string[]) =>
  booking.shop.db.pool.query(`select 1 from shipments where status = 'booked' and id = any ($1::uuid[])`, [
    ids,
  ]);

/** Never responds where one of these is asked about, as long as it is not told that nobody waits. */
function hangingFor(bad: readonly string[]): Carrier {
  return booking.withBook((shipments, signal) =>
    shipments.some(({ shipmentId }) => bad.includes(shipmentId))
      ? new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(new Error('given up'))),
        )
      : Promise.resolve(
          shipments.map(({ shipmentId }) => ({
            shipmentId,
            status: 'booked',
            trackingNumber: shipmentId,
            labelUrl: '',
          })),
        ),
  );
}

const OUTAGES: Record<string, Carrier['book']> = {
  'fails for every shipment': () => Promise.reject(new Error('HTTP 503')),
  'never responds': () => new Promise<never>(() => undefined),
};

test.each(Object.entries(OUTAGES))(
  'a carrier that %s puts none off, has one alert, and books all as soon as it is back',
  async (_, book) => {
    await addOrders(40);
    let calls = 0;
    const away = booking.withBook((...asked) => {
      calls += 1;
      return book(...asked);
    });
    for (const attempt of [1, 2]) await expect(dispatchPromptly(away, attempt)).rejects.toThrow('sandbox: ');
    expect(await putOff()).toEqual([]);
    for (const attempt of [3, 4, 5])
      await expect(dispatchPromptly(away, attempt)).rejects.toThrow('sandbox: ');
    expect(await putOff()).toEqual(['sandbox']);
    // Three shipments speak for all of them.
    expect(calls).toBe(1 + 1 + 3 * 3);
    expect(await dispatchBy(booking.carrier, 6)).toMatchObject({ booked: 40 });
    expect(await alertsOf('book_with_carrier')).toEqual(['resolved']);
  },
);

test('the pause between the attempts stays short while the carrier is away', async () => {
  await addOrders(1);
  const away = booking.withBook(() => Promise.reject(new Error('HTTP 503')));
  for (const [attempt, pauseMs] of [
    [1, 500],
    [4, 4_000],
    [40, 5_000],
  ] as const)
    await expect(dispatchBy(away, attempt)).rejects.toMatchObject({ nextRetryDelay: pauseMs });
});

test.each([0, 1, 20, 38, 39])(
  'a shipment for which the carrier does not respond stops no other, as number %i of those that wait',
  async (at) => {
    const ids = await addOrders(40);
    const bad = ids.slice(at, at + 1);
    const hanging = hangingFor(bad);
    for (const attempt of [1, 2])
      await expect(dispatchPromptly(hanging, attempt)).rejects.toThrow('did not respond');
    expect(await dispatchPromptly(hanging, 3)).toMatchObject({ booked: 39 });
    expect(await putOff()).toEqual(bad);
    // When its time has come, it is asked about alone and last: it spoils no call.
    const others = await addOrders(5);
    await retryFailedWork(booking.shop.db, { work: 'book_shipment' });
    expect(await dispatchPromptly(hanging, 1)).toMatchObject({ booked: 5 });
    expect((await isBooked(others)).rowCount).toBe(5);
    expect(await failureOf(bad[0]!)).toMatchObject({ attempts: 2, is_put_off: true });
  },
);

test('a shipment that failed before is asked about again during an outage without a longer pause', async () => {
  const [bad] = await addOrders(1);
  await addOrders(3);
  expect(await dispatchBy(failingFor([bad!]), 3)).toMatchObject({ booked: 3 });
  for (let n = 0; n < 5; n++) {
    await retryFailedWork(booking.shop.db, { work: 'book_shipment' });
    expect(await dispatchBy(failingFor([bad!]), 1)).toMatchObject({ booked: 0 });
  }
  expect(await failureOf(bad!)).toMatchObject({ is_within_a_minute: true });
});

test('shipments that fail alone while the carrier goes away are not blamed for it', async () => {
  const ids = await addOrders(10);
  const probes = new Set<string>();
  const breaking = booking.withBook((shipments) => {
    // It answers for one shipment, then never again.
    if (probes.size === 0 && shipments.length === 1) {
      probes.add(shipments[0]!.shipmentId);
      return booking.carrier.book(shipments);
    }
    return Promise.reject(new Error('HTTP 503'));
  });
  await expect(dispatchBy(breaking, 3)).rejects.toThrow('HTTP 503');
  expect(await putOff()).toEqual(['sandbox']);
  expect((await isBooked(ids)).rowCount).toBe(1);
  expect(await dispatchBy(booking.carrier, 4)).toMatchObject({ booked: 9 });
});

test('shipments for which the carrier fails go behind those that wait, so that they are never claimed alone for ever', async () => {
  const bad = await addOrders(20);
  const good = await addOrders(5);
  const failing = failingFor(bad);
  const claims = new Set<string>();
  const watching = booking.withBook((shipments) => {
    for (const { shipmentId } of shipments) claims.add(shipmentId);
    return failing.book(shipments);
  });
  await expect(dispatchBy(watching, 1, 20)).rejects.toThrow('the carrier fails');
  expect(good.some((id) => claims.has(id))).toBe(false);
  await expect(dispatchBy(watching, 2, 20)).rejects.toThrow('the carrier fails');
  expect(good.every((id) => claims.has(id))).toBe(true);
});

describe('a shipment that the carrier puts off', () => {
  const putOffBy = (ids: readonly string[], afterSeconds?: number) =>
    booking.withBook(async (shipments) => {
      const others = shipments.filter(({ shipmentId }) => !ids.includes(shipmentId));
      const later = shipments.filter(({ shipmentId }) => ids.includes(shipmentId));
      return [
        ...(await booking.carrier.book(others)),
        ...later.map(({ shipmentId }) => ({
          shipmentId,
          status: 'later' as const,
          reason: 'no room in the van',
          ...(afterSeconds === undefined ? {} : { afterSeconds }),
        })),
      ];
    });

  test('is asked about later, with longer pauses, and with an alert from the fifth time', async () => {
    const [id] = await addOrders(1);
    await addOrders(2);
    expect(await dispatchBy(putOffBy([id!]), 1)).toEqual({ booked: 2, refused: 0, more: false });
    expect(await dispatchBy(putOffBy([id!]), 1)).toMatchObject({ booked: 0 });
    for (let attempts = 1; attempts <= 5; attempts++) {
      expect(await failureOf(id!)).toMatchObject({ work: 'book_later', attempts, is_put_off: true });
      expect(await putOff()).toEqual(attempts < 5 ? [] : [id]);
      await retryFailedWork(booking.shop.db, { work: 'book_later' });
      if (attempts < 5) await dispatchBy(putOffBy([id!]), 1);
    }
    expect(await dispatchBy(booking.carrier, 1)).toMatchObject({ booked: 1 });
    expect(await failureOf(id!)).toBeUndefined();
    expect(await alertsOf('book_later')).toEqual(['resolved']);
  });

  test('waits as long as the carrier says', async () => {
    const [id] = await addOrders(1);
    await dispatchBy(putOffBy([id!], 7_200), 1);
    expect(await failureOf(id!)).toMatchObject({ is_within_a_minute: false, is_within_two_hours: true });
  });

  test('may be cancelled meanwhile, and is forgotten then', async () => {
    const order = await booking.addOrder('AMS');
    await dispatchBy(putOffBy(order.shipmentIds), 1);
    await booking.shop.db.transaction((tx) => beginStops(tx, order.orderId));
    await askToStop({ db: booking.shop.db, carriers: [booking.carrier] }, order.orderId);
    expect(await statuses(booking.shop.db, order.orderId)).toEqual(['voided']);
    await forgetSettledBookings(booking.shop.db);
    expect(await failureOf(order.shipmentIds[0]!)).toBeUndefined();
  });

  test('is also one that its response does not name', async () => {
    const ids = await addOrders(3);
    const silent = booking.withBook(async (shipments) =>
      (await booking.carrier.book(shipments)).filter(({ shipmentId }) => shipmentId !== ids[1]),
    );
    expect(await dispatchBy(silent, 1)).toMatchObject({ booked: 2 });
    expect(await failureOf(ids[1]!)).toMatchObject({ work: 'book_later', attempts: 1 });
  });
});

test('shipments of a carrier that is not set up have one alert, until it is', async () => {
  const ids = await addOrders(3);
  await booking.shop.db.pool.query(`update shipments set carrier = 'gone' where id = any ($1::uuid[])`, [
    ids,
  ]);
  for (let n = 0; n < 2; n++) expect(await dispatchBy(booking.carrier, 1)).toMatchObject({ booked: 0 });
  expect(await putOff()).toEqual(['gone']);
  expect(await failureOf('gone')).toMatchObject({ attempts: 1 });
  const back = { ...booking.withBook((shipments) => booking.carrier.book(shipments)), name: 'gone' };
  expect(await dispatchBy(back, 1)).toMatchObject({ booked: 3 });
  expect(await alertsOf('book_with_carrier')).toEqual(['resolved']);
});

test('ten that fail do not keep a full claim of good ones from being booked', async () => {
  const good = await addOrders(20);
  const bad = await addOrders(10);
  const behind = await addOrders(5);
  const failing = failingFor(bad);
  for (const attempt of [1, 2])
    await expect(dispatchBy(failing, attempt, 30)).rejects.toThrow('the carrier fails');
  expect(await dispatchBy(failing, 3, 30)).toMatchObject({ booked: 25 });
  expect(new Set(await putOff())).toEqual(new Set(bad));
  expect((await isBooked([...good, ...behind])).rowCount).toBe(25);
});

test('shipments that fail and are the only ones that wait are tried again until the carrier takes another', async () => {
  const bad = await addOrders(2);
  const failing = failingFor(bad);
  for (const attempt of [3, 4])
    await expect(dispatchBy(failing, attempt)).rejects.toThrow('the carrier fails');
  expect(await putOff()).toEqual(['sandbox']);
  await addOrders(1);
  expect(await dispatchBy(failing, 5)).toMatchObject({ booked: 1 });
  expect(new Set(await putOff())).toEqual(new Set(bad));
});

test('many that fail are put off in several rounds of one call', async () => {
  const bad = await addOrders(25);
  const good = await addOrders(2);
  expect(await dispatchBy(failingFor(bad), 3)).toMatchObject({ booked: 2 });
  expect((await isBooked(good)).rowCount).toBe(2);
  expect(new Set(await putOff())).toEqual(new Set(bad));
});
