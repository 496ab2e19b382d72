import { withStock } from '../support/stock';
import { expireDueReservations } from '../../domain/stock/reservations/expire';
import { reservationsAreOverdue } from '../../domain/stock/reservations/expire';
import { listFailedWork, logFailures, retryFailedWork } from '../../domain/stock/alerts/failed-work';
import { listAlerts } from '../../domain/stock/alerts/list';
import { reclaimExpired } from '../../domain/ordering/expire';
import { recordingLogger } from '../support/recording-logger';
import { expectInvariants } from '../support/invariants';
import {
  makeReservationsDue,
  openReservationShop,
  viewOfReservation,
  type ReservationShop,
} from './reservation-shop';
import { orderOf, viewOf } from './support';

let shop: ReservationShop;
beforeEach(async () => {
  shop = await openReservationShop();
});
afterEach(() => shop.close());

const look = (roundMs = 0) =>
  expireDueReservations(
    withStock(shop.db),
    { batchSize: 500, pauseMs: 200, roundMs },
    new AbortController().signal,
  );

/** A stock row whose units cannot be given back: fewer are reserved than its reservations hold. */
async function spoil(sku: string, by = 1): Promise<void> {
  await shop.db.pool.query(
    'update stock set reserved = reserved - $2 where product_id = (select id from products where sku = $1)',
    [sku, by],
  );
}

const mend = (sku: string) => spoil(sku, -1);

async function alerts() {
  return (await listAlerts(shop.db, { kind: 'work_failed', limit: 50, offset: 0 })).items;
}

/** A due reservation that cannot be freed among others, by its id. */
async function badAmong(count: number): Promise<{ bad: string; badSku: string; good: string[] }> {
  const [goodSku, badSku] = [await shop.product({ AMS: count }), await shop.product({ AMS: 1 })];
  const good: string[] = [];
  for (let n = 0; n < count; n++) good.push(await shop.reserve({ [goodSku]: 1 }));
  const bad = await shop.reserve({ [badSku]: 1 });
  await spoil(badSku);
  await makeReservationsDue(shop.db, [...good, bad]);
  return { bad, badSku, good };
}

const letRetry = () => retryFailedWork(shop.db, {});

test('a reservation that cannot be freed stops no other, raises one alert and is left out for a while', async () => {
  const { bad, badSku, good } = await badAmong(20);
  // It is the round that ends by itself: with the reservation in its way it would look again for all of this time.
  const before = performance.now();
  const round = await look(60_000);
  expect(performance.now() - before).toBeLessThan(30_000);
  expect(round.freed).toBe(good.length);
  expect(round.sleepMs).toBeGreaterThan(10_000);
  expect((await viewOfReservation(shop.db, bad)).status).toBe('pending');
  expect(await alerts()).toMatchObject([
    {
      status: 'open',
      sku: null,
      location: null,
      details: {
        work: 'expire_reservation',
        id: bad,
        attempts: 1,
        constraint: 'stock_reserved_not_negative',
        advice: expect.stringContaining('holdfast verify') as unknown,
      },
    },
  ]);
  // Nothing signals the expiry for it, and the next round does not try it.
  expect(await reservationsAreOverdue(shop.db, 0)).toBe(false);
  await look();
  expect((await alerts())[0]?.details['attempts']).toBe(1);

  await letRetry();
  await look();
  expect(await alerts()).toMatchObject([{ status: 'open', details: { attempts: 2 } }]);

  await mend(badSku);
  await letRetry();
  expect((await look()).freed).toBe(1);
  expect((await viewOfReservation(shop.db, bad)).status).toBe('expired');
  expect(await alerts()).toMatchObject([{ status: 'resolved' }]);
  expect((await shop.db.pool.query('select 1 from failed_work')).rowCount).toBe(0);
  await expectInvariants(shop.db);
});

test('a failure is forgotten once its reservation is not due any more, so that its new time counts', async () => {
  const { bad } = await badAmong(1);
  await look();
  expect(await alerts()).toMatchObject([{ status: 'open' }]);
  await makeReservationsDue(shop.db, [bad], 60_000);
  await look();
  expect(await alerts()).toMatchObject([{ status: 'resolved' }]);
  expect((await shop.db.pool.query('select 1 from failed_work')).rowCount).toBe(0);
});

test('failed work is listed, logged with its error, and tried again when it is asked for', async () => {
  const { bad, badSku } = await badAmong(1);
  const { log, messages } = recordingLogger();
  const stop = logFailures(log);
  await look();
  stop();
  expect(messages).toEqual(['work on one subject failed; the rest of it goes on']);
  expect(await listFailedWork(shop.db)).toMatchObject([
    { work: 'expire_reservation', subject: bad, attempts: 1, error: expect.any(String) as string },
  ]);
  await mend(badSku);
  expect((await look()).freed).toBe(0);
  const other = '00000000-0000-7000-8000-000000000000';
  expect(await retryFailedWork(shop.db, { work: 'expire_reservation', subject: other })).toEqual({
    items: [],
    more: false,
  });
  expect(await retryFailedWork(shop.db, { work: 'start_job' })).toEqual({ items: [], more: false });
  expect(await retryFailedWork(shop.db, { work: 'expire_reservation', subject: bad })).toEqual({
    items: [{ work: 'expire_reservation', subject: bad }],
    more: false,
  });
  expect(new Date((await alerts())[0]?.details['retryAt'] as string).getTime()).toBeLessThan(
    Date.now() + 1_000,
  );
  expect((await look()).freed).toBe(1);
  expect(await listFailedWork(shop.db)).toEqual([]);
});

test('orders are still decided for a product with a reservation that cannot be freed', async () => {
  const { bad, badSku } = await badAmong(2);
  // It is short, and would wait for the due reservation to be given back.
  expect(await shop.place(orderOf({ [badSku]: 5 }))).toMatchObject({ outcome: 'rejected' });
  expect(await alerts()).toHaveLength(1);
  expect(await shop.place(orderOf({ [badSku]: 5 }))).toMatchObject({ outcome: 'rejected' });
  expect((await alerts())[0]?.details).toMatchObject({ id: bad, attempts: 1 });
});

test('an unpaid order whose hold cannot be freed does not stop the others from being reclaimed', async () => {
  const skus = [
    await shop.product({ AMS: 1 }),
    await shop.product({ AMS: 1 }),
    await shop.product({ AMS: 1 }),
  ];
  const orders = skus.map((sku) => orderOf({ [sku]: 1 }));
  for (const order of orders) await shop.place(order);
  const ids = await Promise.all(
    orders.map(async ({ orderId }) => (await viewOf(shop.db, orderId)).reservation!.id),
  );
  await spoil(skus[1]!);
  await makeReservationsDue(shop.db, ids);
  const products = await shop.db.pool.query<{ id: number }>('select id from products where sku = any ($1)', [
    skus,
  ]);
  await reclaimExpired(
    shop.db,
    products.rows.map(({ id }) => id),
  );
  const statuses = await Promise.all(
    orders.map(async ({ orderId }) => (await viewOf(shop.db, orderId)).status),
  );
  expect(statuses).toEqual(['expired', 'reserved', 'expired']);
  expect(await alerts()).toMatchObject([{ details: { work: 'expire_reservation', id: ids[1] } }]);
});

test('a database that fails for every reservation raises no alert about one', async () => {
  await badAmong(3);
  await shop.db.pool.query('alter table reservation_lines rename column open_quantity to gone');
  await expect(look()).rejects.toMatchObject({ code: '42703' });
  await shop.db.pool.query('alter table reservation_lines rename column gone to open_quantity');
  expect(await alerts()).toEqual([]);
});
