import {
  confirmReservation,
  extendReservation,
  releaseReservation,
} from '../../domain/stock/reservations/change-reservation';
import { shipReservation } from '../../domain/stock/reservations/ship-reservation';
import { expireDueReservations } from '../../domain/stock/reservations/expire';
import type { ReservationAction } from '../../domain/stock/reservations/rules';
import type { ReservationOutcome } from '../../domain/stock/reservations/standalone';
import { lockReservations } from '../../domain/stock/reservations/reservations';
import { expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
import { asAnotherProcess } from '../support/transaction';
import { waitFor } from '../support/wait';
import {
  reservationOf,
  ledgerOf,
  makeReservationsDue,
  openStandaloneReserver,
  openReservationShop,
  viewOfReservation,
  type ReservationShop,
} from './reservation-shop';
import { levelsOf, orderOf, receive, viewOf } from './support';
import { withStock } from '../support/stock';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const never = new AbortController().signal;
const round = () =>
  expireDueReservations(withStock(shop.db), { batchSize: 500, pauseMs: 200, roundMs: 0 }, never);

type Contender = Exclude<ReservationAction, 'ship-part' | 'change'> | 'expire';

/** Returns the code it was refused with, or 'ok'. */
async function contend(contender: Contender, id: string): Promise<string> {
  const act: Record<Contender, () => Promise<unknown>> = {
    confirm: () => confirmReservation({ db: shop.db, actor: 'test' }, id),
    release: () => releaseReservation(withStock(shop.db), id),
    extend: () =>
      extendReservation({ db: shop.db, actor: 'test' }, id, { expiresAt: null, holdSeconds: 3_600 }),
    ship: () => shipReservation(withStock(shop.db), id),
    expire: round,
  };
  try {
    await act[contender]();
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test('confirm, release, extend and expiry of one reservation at the moment it falls due: exactly one of them wins', async () => {
  const random = seededRandom();
  const ends: Record<string, number> = {};
  for (let n = 0; n < 150; n++) {
    const sku = await shop.product({ AMS: 1 });
    const id = await shop.reserve({ [sku]: 1 });
    await makeReservationsDue(shop.db, [id], n % 6);
    const contenders = random.shuffled<Contender>([
      'confirm',
      'release',
      'expire',
      'extend',
      'confirm',
      'release',
      'expire',
    ]);
    const said = await Promise.all(
      contenders.map(async (contender) => [contender, await contend(contender, id)] as const),
    );
    const oks = (contender: Contender) => said.some(([who, what]) => who === contender && what === 'ok');
    const { status } = await viewOfReservation(shop.db, id);
    const ledger = (await ledgerOf(shop.db, id)).slice(1);
    ends[status] = (ends[status] ?? 0) + 1;
    switch (status) {
      case 'expired':
        expect(ledger).toEqual(['expire 0 -1']);
        expect(oks('confirm')).toBe(false);
        break;
      case 'cancelled':
        expect(ledger).toEqual(['release 0 -1']);
        break;
      default:
        throw new Error(`a hold that was released is ${status}`);
    }
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  }
  // Who is first is up to the scheduler, but each has been.
  expect(Object.keys(ends).sort()).toEqual(['cancelled', 'expired']);
}, 240_000);

test('a confirmation and the expiry at the moment a reservation falls due: exactly one of them wins', async () => {
  const ends: Record<string, number> = {};
  for (let n = 0; n < 150; n++) {
    const sku = await shop.product({ AMS: 1 });
    const id = await shop.reserve({ [sku]: 1 });
    await makeReservationsDue(shop.db, [id], n % 5);
    const [confirmed] = await Promise.all([
      contend('confirm', id),
      (async () => {
        while ((await viewOfReservation(shop.db, id)).status === 'pending') await round();
      })(),
    ]);
    const { status } = await viewOfReservation(shop.db, id);
    expect([confirmed, status]).toEqual(
      status === 'confirmed' ? ['ok', 'confirmed'] : ['HOLD_EXPIRED', 'expired'],
    );
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, status === 'confirmed' ? 1 : 0] });
    ends[status] = (ends[status] ?? 0) + 1;
  }
  expect(Object.keys(ends).sort()).toEqual(['confirmed', 'expired']);
}, 240_000);

test('a release and a shipping of one confirmed reservation: exactly one of them wins', async () => {
  const ends: Record<string, number> = {};
  for (let n = 0; n < 100; n++) {
    const sku = await shop.product({ AMS: 2 });
    const id = await shop.reserve({ [sku]: 2 });
    await confirmReservation({ db: shop.db, actor: 'test' }, id);
    const order = n % 2 === 0 ? (['release', 'ship'] as const) : (['ship', 'release'] as const);
    const said = Object.fromEntries(
      await Promise.all(order.map(async (who) => [who, await contend(who, id)] as const)),
    );
    const { status } = await viewOfReservation(shop.db, id);
    expect({ status, ...said }).toEqual(
      status === 'shipped'
        ? { status, ship: 'ok', release: 'ALREADY_SHIPPED' }
        : { status: 'cancelled', ship: 'HOLD_RELEASED', release: 'ok' },
    );
    expect(await levelsOf(shop.db, sku)).toEqual(status === 'shipped' ? {} : { AMS: [2, 0] });
    ends[status] = (ends[status] ?? 0) + 1;
  }
  expect(Object.keys(ends)).not.toHaveLength(0);
}, 240_000);

test('a reservation that falls due while its confirmation waits for the lock is expired', async () => {
  const sku = await shop.product({ AMS: 1 });
  const id = await shop.reserve({ [sku]: 1 });
  await makeReservationsDue(shop.db, [id], 150);
  let confirming: Promise<string> | undefined;
  await shop.db.transaction(async (tx) => {
    await lockReservations(tx, [id]);
    await asAnotherProcess(async () => {
      confirming = contend('confirm', id);
      // Its expiry skips a reservation that somebody works on, and looks again soon.
      await waitFor(async () => (await viewOfReservation(shop.db, id)).expiresAt < new Date().toISOString());
      expect(await round()).toMatchObject({ freed: 0, sleepMs: 0 });
    });
  });
  expect(await confirming).toBe('HOLD_EXPIRED');
  expect(await round()).toMatchObject({ freed: 1 });
});

test('three expiries at once over two thousand due reservations free each of them once', async () => {
  const skus = await Promise.all(Array.from({ length: 5 }, () => shop.product({ AMS: 200, BER: 200 })));
  const ids = await Promise.all(Array.from({ length: 2_000 }, (_, n) => shop.reserve({ [skus[n % 5]!]: 1 })));
  await makeReservationsDue(shop.db, ids);
  let freed = 0;
  await Promise.all(
    [100, 150, 200].map(async (batchSize) => {
      for (;;) {
        const done = await expireDueReservations(
          withStock(shop.db),
          { batchSize, pauseMs: 50, roundMs: 50 },
          never,
        );
        freed += done.freed;
        const left = await shop.db.pool.query(
          `select 1 from reservations where id = any ($1::uuid[]) and status = 'pending' limit 1`,
          [ids],
        );
        if (left.rowCount === 0) return;
      }
    }),
  );
  expect(freed).toBe(2_000);
  for (const sku of skus) expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [200, 0], BER: [200, 0] });
});

test('reservations that expire while others are made, confirmed and released never drift, and backorders get what is freed', async () => {
  const sku = await shop.product({ AMS: 30, BER: 20 });
  const there = openStandaloneReserver(shop.db);
  const waiting = orderOf({ [sku]: 60 }, { fulfilment: 'backorder' });
  const outcomes: ReservationOutcome[] = [];
  const ids = await Promise.all(Array.from({ length: 50 }, () => shop.reserve({ [sku]: 1 })));
  await shop.place(waiting);
  await makeReservationsDue(shop.db, ids.slice(0, 40), 20);
  await Promise.all([
    ...ids.slice(30, 40).map((id) => contend('confirm', id)),
    ...ids.slice(40).map((id) => contend('release', id)),
    ...Array.from({ length: 20 }, async (_, n) =>
      outcomes.push(await (n % 2 === 0 ? there : shop.standalone).submit(reservationOf({ [sku]: 1 }))),
    ),
    (async () => {
      for (let n = 0; n < 20; n++) await round();
    })(),
    receive(shop.db, sku, 'NYC', 5),
  ]);
  await waitFor(async () => {
    await round();
    const left = await shop.db.pool.query(
      `select 1 from reservations where kind = 'hold' and status = 'pending' and expires_at < clock_timestamp()`,
    );
    return left.rowCount === 0;
  });
  await there.close();
  // Whatever was freed went to the order that waits, so nobody else got any.
  expect(outcomes.every((outcome) => outcome.outcome === 'short')).toBe(true);
  const statuses = await Promise.all(ids.map(async (id) => (await viewOfReservation(shop.db, id)).status));
  const confirmed = statuses.filter((status) => status === 'confirmed').length;
  expect((await viewOf(shop.db, waiting.orderId)).items[0]).toMatchObject({
    reservedQuantity: 55 - confirmed,
    backorderedQuantity: 5 + confirmed,
  });
});
