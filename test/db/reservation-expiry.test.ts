import { MockActivityEnvironment } from '@temporalio/testing';
import { createReservationActivities } from '../../activities/reservations';
import { expireDueReservations, reservationsAreOverdue } from '../../domain/stock/reservations/expire';
import type { ExpiryRound } from '../../domain/stock/reservations/types';
import { LOOK_EVERY_SECONDS } from '../../domain/stock/ledger/rules';
import { AWAKE_BEFORE_MS } from '../../domain/stock/reservations/rules';
import { lockStock } from '../../domain/stock/ledger/stock-ledger';
import { expectInvariants } from '../support/invariants';
import { asAnotherProcess } from '../support/transaction';
import { waitFor } from '../support/wait';
import {
  reservationOf,
  ledgerOf,
  makeReservationsDue,
  openReservationShop,
  ringsOf,
  viewOfReservation,
  type ReservationShop,
} from './reservation-shop';
import { levelsOf, orderOf, twice, viewOf } from './support';
import { withStock } from '../support/stock';

let shop: ReservationShop;
beforeEach(async () => {
  shop = await openReservationShop();
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

/** From the end of one round to the next at the latest. */
const LOOK_MS = LOOK_EVERY_SECONDS * 1_000 - AWAKE_BEFORE_MS;
/** One look, however soon the next hold falls due. */
const REQUEST = { batchSize: 500, pauseMs: 200, roundMs: 0 };
const never = new AbortController().signal;
const look = () => expireDueReservations(withStock(shop.db), REQUEST, never);

/** Said in the statement that reads the clock once more at its end. */
function expectSleep({ sleepMs }: ExpiryRound, ms: number): void {
  expect(sleepMs).toBeGreaterThanOrEqual(Math.max(0, ms - 150));
  expect(sleepMs).toBeLessThanOrEqual(ms);
}

/** The expiry will look again in so many milliseconds. */
async function looksIn(ms: number): Promise<void> {
  await shop.db.pool.query(
    `update reservation_expiry set wakes_at = clock_timestamp() + make_interval(secs => $1)`,
    [ms / 1_000],
  );
}

/** Whether a reservation that falls due in so many milliseconds signals the expiry. */
async function rings(ms: number): Promise<boolean> {
  const before = await ringsOf(shop.db);
  const sku = await shop.product({ AMS: 1 });
  await shop.reserve({ [sku]: 1 }, { holdSeconds: ms / 1_000 });
  return (await ringsOf(shop.db)) > before;
}

test('a look frees what is due and nothing else, and again changes nothing', async () => {
  const sku = await shop.product({ AMS: 3, BER: 3 });
  const [due, kept, confirmed] = [
    await shop.reserve({ [sku]: 4 }),
    await shop.reserve({ [sku]: 1 }),
    await shop.reserve({ [sku]: 1 }),
  ];
  const order = orderOf({ [await shop.product({ AMS: 1 })]: 1 });
  await shop.place(order);
  await makeReservationsDue(shop.db, [
    due,
    confirmed,
    (await viewOf(shop.db, order.orderId)).reservation!.id,
  ]);
  await shop.db.pool.query(`update reservations set status = 'confirmed' where id = $1`, [confirmed]);
  const [first, second] = await twice(shop.db, look);
  expect([first.freed, second.freed]).toEqual([1, 0]);
  const statuses = await Promise.all([due, kept, confirmed].map((id) => viewOfReservation(shop.db, id)));
  expect(statuses.map((view) => view.status)).toEqual(['expired', 'pending', 'confirmed']);
  // A reservation of an order is its saga's.
  expect((await viewOf(shop.db, order.orderId)).status).toBe('reserved');
  expect(await ledgerOf(shop.db, due)).toEqual(['reserve 0 3', 'reserve 0 1', 'expire 0 -3', 'expire 0 -1']);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0], BER: [3, 2] });
});

test('as an activity it returns the same result twice', async () => {
  const sku = await shop.product({ AMS: 1 });
  const id = await shop.reserve({ [sku]: 1 });
  await makeReservationsDue(shop.db, [id]);
  const { expireDueReservations: activity } = createReservationActivities(withStock(shop.db));
  const run = async (): Promise<ExpiryRound> => new MockActivityEnvironment().run(() => activity(REQUEST));
  const [first, second] = await twice(shop.db, run);
  expect([first.freed, second.freed]).toEqual([1, 0]);
});

test('a round goes through batch after batch, waits for what falls due in a moment, and ends when nothing does', async () => {
  const sku = await shop.product({ AMS: 25 });
  const ids = await Promise.all(Array.from({ length: 25 }, () => shop.reserve({ [sku]: 1 })));
  await makeReservationsDue(shop.db, ids.slice(0, 12));
  await makeReservationsDue(shop.db, ids.slice(12, 24), 900);
  const done = await expireDueReservations(
    withStock(shop.db),
    { batchSize: 5, pauseMs: 50, roundMs: 60_000 },
    never,
  );
  expect(done.freed).toBe(24);
  expectSleep(done, LOOK_MS);
});

test('a round ends at its time, or when it is told to, and the next begins at once', async () => {
  const sku = await shop.product({ AMS: 25 });
  const ids = await Promise.all(Array.from({ length: 25 }, () => shop.reserve({ [sku]: 1 })));
  await makeReservationsDue(shop.db, ids);
  const small = { ...REQUEST, batchSize: 5 };
  expect(await expireDueReservations(withStock(shop.db), small, never)).toMatchObject({
    freed: 5,
    sleepMs: 0,
  });
  await look();
  const stuck = await shop.reserve({ [sku]: 1 });
  await makeReservationsDue(shop.db, [stuck], 1_400);
  const stopping = new AbortController();
  const waiting = expireDueReservations(withStock(shop.db), { ...REQUEST, roundMs: 60_000 }, stopping.signal);
  stopping.abort();
  expect(await waiting).toMatchObject({ freed: 0, sleepMs: 0 });
});

test('what is freed goes to backorders in their order, before anybody else can have it', async () => {
  const sku = await shop.product({ AMS: 2 });
  const id = await shop.reserve({ [sku]: 2 });
  const waiting = [1, 3].map((quantity) => orderOf({ [sku]: quantity }, { fulfilment: 'backorder' }));
  for (const order of waiting) await shop.place(order);
  await makeReservationsDue(shop.db, [id]);
  await look();
  const views = await Promise.all(waiting.map((order) => viewOf(shop.db, order.orderId)));
  expect(views.map((view) => view.items[0]?.reservedQuantity)).toEqual([1, 1]);
  expect((await shop.standalone.submit(reservationOf({ [sku]: 1 }))).outcome).toBe('short');
});

test('a stock row that somebody keeps locked delays the reservations on it, and no others', async () => {
  const [busy, free] = [await shop.product({ AMS: 2 }), await shop.product({ AMS: 2 })];
  const [stuck, both, loose] = [
    await shop.reserve({ [busy]: 1 }),
    await shop.reserve({ [busy]: 1, [free]: 1 }),
    await shop.reserve({ [free]: 1 }),
  ];
  await makeReservationsDue(shop.db, [stuck, both, loose]);
  const found = await shop.db.pool.query<{ productId: number; warehouseId: number }>(
    `select product_id as "productId", warehouse_id as "warehouseId" from stock s
     join products p on p.id = s.product_id where p.sku = $1`,
    [busy],
  );
  await shop.db.transaction(async (tx) => {
    await lockStock(tx, found.rows);
    await asAnotherProcess(async () => {
      const done = await look();
      expect(done.freed).toBe(1);
      expectSleep(done, 0);
      expect((await viewOfReservation(shop.db, loose)).status).toBe('expired');
      expect((await viewOfReservation(shop.db, both)).status).toBe('pending');
    });
  });
  expect(await look()).toMatchObject({ freed: 2 });
});

describe('the next look', () => {
  test('is when the next hold falls due, within its bounds', async () => {
    const idle = await look();
    expectSleep(idle, LOOK_MS);
    expect(idle.nextDueAt).toBeNull();
    const sku = await shop.product({ AMS: 3 });
    const id = await shop.reserve({ [sku]: 1 });
    await looksIn(0);
    const far = await look();
    expectSleep(far, LOOK_MS);
    expect(far.nextDueAt).toBe((await viewOfReservation(shop.db, id)).expiresAt);
    await makeReservationsDue(shop.db, [id], 5_000);
    await looksIn(0);
    const near = (await look()).sleepMs;
    expect(near).toBeGreaterThan(1_000);
    expect(near).toBeLessThanOrEqual(5_000 - AWAKE_BEFORE_MS);
    await makeReservationsDue(shop.db, [id], AWAKE_BEFORE_MS - 100);
    await looksIn(0);
    expectSleep(await look(), 0);
  });

  test('that was published is only ever brought forward: a reservation that relies on it sent no signal', async () => {
    await looksIn(10_000);
    const kept = (await look()).sleepMs;
    expect(kept).toBeGreaterThan(5_000);
    expect(kept).toBeLessThanOrEqual(10_000 - AWAKE_BEFORE_MS);
    // So near that whoever is on the way rings: it may be put off.
    await looksIn(1_000);
    expectSleep(await look(), LOOK_MS);
  });
});

describe('a new reservation', () => {
  test('signals the expiry when it falls due before the next round, and otherwise does not', async () => {
    await looksIn(20_000);
    expect([await rings(10_000), await rings(25_000), await rings(900_000)]).toEqual([true, false, false]);
  });

  test('signals the expiry during a round, or before the first one, unless the round after that is soon enough', async () => {
    await looksIn(1_000);
    expect([await rings(5_000), await rings(31_000), await rings(900_000)]).toEqual([true, true, false]);
    await shop.db.pool.query(`update reservation_expiry set wakes_at = '-infinity'`);
    expect([await rings(5_000), await rings(900_000)]).toEqual([true, false]);
  });

  test('of an order sends no signal', async () => {
    await looksIn(20_000);
    await shop.place(orderOf({ [await shop.product({ AMS: 1 })]: 1 }, { holdSeconds: 1 }));
    expect(await ringsOf(shop.db)).toBe(0);
  });

  test('that was not seen by a look, since it had not yet committed, is due before no later look', async () => {
    // Whatever the expiry publishes meanwhile: the reservation has signalled it, or falls due after the published time.
    for (let round = 0; round < 40; round++) {
      await looksIn(round % 2 === 0 ? 1_900 + round * 10 : 25_000);
      const sku = await shop.product({ AMS: 1 });
      const before = await ringsOf(shop.db);
      const holdSeconds = 1 + round;
      const [id] = await Promise.all([shop.reserve({ [sku]: 1 }, { holdSeconds }), look(), look()]);
      const said = await shop.db.pool.query<{ covered: boolean }>(
        `select h.wakes_at <= r.expires_at or r.expires_at > clock_timestamp() + make_interval(secs => $2) as covered
         from reservation_expiry h, reservations r where r.id = $1`,
        [id, LOOK_EVERY_SECONDS],
      );
      expect((await ringsOf(shop.db)) > before || said.rows[0]?.covered).toBe(true);
    }
  });
});

test('a reservation that is past due and still pending is noticed', async () => {
  const sku = await shop.product({ AMS: 1 });
  const id = await shop.reserve({ [sku]: 1 });
  await makeReservationsDue(shop.db, [id], -500);
  expect(await reservationsAreOverdue(shop.db, 60)).toBe(false);
  await waitFor(() => reservationsAreOverdue(shop.db, 0.5));
  await look();
  expect(await reservationsAreOverdue(shop.db, 0)).toBe(false);
});
