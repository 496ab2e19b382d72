import { Registry } from 'prom-client';
import { expireReservation, reclaimExpired } from '../../domain/ordering/expire';
import { orderReservationId } from '../../domain/orders/ids';
import { expireDueReservations } from '../../domain/stock/reservations/expire';
import { createObservability, type Observability } from '../../platform/observability';
import { makeReservationsDue, openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { orderOf } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';

const METRIC = 'holdfast_reservation_expiry_delay_seconds';

let shop: ReservationShop;
let registry: Registry;
let observability: Observability;
beforeEach(async () => {
  shop = await openReservationShop();
  registry = new Registry();
  observability = createObservability({ registry });
});
afterEach(async () => {
  await observability.close();
  await expectInvariants(shop.db);
  await shop.close();
});

/** What was measured so far: how many were freed, and of these how many by a minute after they fell due. */
async function measured(of: string): Promise<{ all: number; withinMinute: number }> {
  const text = await registry.metrics();
  const value = (series: string) => {
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    if (line === undefined) throw new Error(`there is no ${series}`);
    return Number(line.slice(series.length));
  };
  return {
    all: value(`${METRIC}_count{of="${of}"}`),
    withinMinute: value(`${METRIC}_bucket{le="60",of="${of}"}`),
  };
}

const NONE = { all: 0, withinMinute: 0 };

test('how long reservations without an order were past due is measured when they are freed', async () => {
  const sku = await shop.product({ AMS: 9 });
  const [late, soon] = [await shop.reserve({ [sku]: 1 }), await shop.reserve({ [sku]: 1 })];
  await shop.reserve({ [sku]: 1 }, { holdSeconds: 3_600 });
  await makeReservationsDue(shop.db, [late], -100_000);
  await makeReservationsDue(shop.db, [soon]);
  expect(await measured('standalone')).toEqual(NONE);
  const look = () =>
    expireDueReservations(
      withStock(shop.db),
      { batchSize: 500, pauseMs: 200, roundMs: 0 },
      AbortSignal.abort(),
    );
  expect(await look()).toMatchObject({ freed: 2 });
  expect(await measured('standalone')).toEqual({ all: 2, withinMinute: 1 });
  await look();
  expect(await measured('standalone')).toEqual({ all: 2, withinMinute: 1 });
  expect(await measured('order')).toEqual(NONE);
});

test('so it is for reservations of orders, by their saga and by a shortage that takes them back', async () => {
  const sku = await shop.product({ AMS: 2 });
  const [bySaga, byShortage] = [orderOf({ [sku]: 1 }), orderOf({ [sku]: 1 })];
  for (const order of [bySaga, byShortage]) await shop.place(order);
  const [first, second] = [bySaga, byShortage].map(({ orderId }) => orderReservationId(orderId, 1));
  if (!first || !second) throw new Error('two orders were placed');
  await makeReservationsDue(shop.db, [first, second], -100_000);
  await expireReservation(shop.db, { orderId: bySaga.orderId, reservationId: first });
  expect(await measured('order')).toEqual({ all: 1, withinMinute: 0 });
  const { rows } = await shop.db.pool.query<{ id: number }>('select id from products where sku = $1', [sku]);
  await reclaimExpired(
    shop.db,
    rows.map(({ id }) => id),
  );
  expect(await measured('order')).toEqual({ all: 2, withinMinute: 0 });
  expect(await measured('standalone')).toEqual(NONE);
});

test('what a transaction that is rolled back would have freed is not measured', async () => {
  const sku = await shop.product({ AMS: 1 });
  const due = await shop.reserve({ [sku]: 1 });
  await makeReservationsDue(shop.db, [due], -100_000);
  await shop.db.pool
    .query(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
    create constraint trigger refused after update on reservations deferrable initially deferred
      for each row execute function refuse()`);
  const look = expireDueReservations(
    withStock(shop.db),
    { batchSize: 500, pauseMs: 200, roundMs: 0 },
    AbortSignal.abort(),
  );
  expect(await look.catch(() => ({ freed: 0 }))).toMatchObject({ freed: 0 });
  await shop.db.pool.query('drop trigger refused on reservations');
  expect(await measured('standalone')).toEqual(NONE);
});
