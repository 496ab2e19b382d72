import { expireReservation } from '../../domain/ordering/expire';
import { orderReservationId } from '../../domain/orders/ids';
import { forgetFailures, recordFailure } from '../../domain/stock/alerts/failed-work';
import { checkAvailability } from '../../domain/stock/availability/availability';
import type { Database } from '../../platform/database/database';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { makeReservationsDue, openReservationShop, type ReservationShop } from './reservation-shop';
import {
  capture,
  compensate,
  decline,
  levelsOf,
  makeDue,
  orderOf,
  pay,
  PAYMENT,
  receive,
  ship,
  twice,
  viewOf,
} from './support';

let shop: ReservationShop;

beforeAll(async () => {
  shop = await openReservationShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

function expire(orderId: string, reservationId = orderReservationId(orderId, 1)) {
  return expireReservation(shop.db, { orderId, reservationId });
}

/** Id of the order's latest reservation. */
async function latestHold(orderId: string): Promise<string> {
  return (await viewOf(shop.db, orderId)).reservations.at(-1)!.id;
}

describe('a reservation', () => {
  test('that is not due is left alone, and the result says for how long', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 }, { holdSeconds: 60 });
    await shop.place(order);
    const [progress] = await twice(shop.db, () => expire(order.orderId));
    expect(progress.reservations[0]?.msLeft).toBeGreaterThan(50_000);
    expect(progress.reservations[0]?.msLeft).toBeLessThanOrEqual(60_000);
  });

  test('that is due gives its stock back and ends its order, once', async () => {
    const sku = await shop.product({ AMS: 1, BER: 1 });
    const order = orderOf({ [sku]: 2 });
    await shop.place(order);
    await makeDue(shop.db, order.orderId);
    const [progress] = await twice(shop.db, () => expire(order.orderId));
    expect(progress).toMatchObject({ status: 'expired', reservations: [] });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
    const view = await viewOf(shop.db, order.orderId);
    expect(view.reservation?.status).toBe('expired');
    expect(view.items).toMatchObject([{ status: 'cancelled', cancelledQuantity: 2 }]);
    expect((await eventTypes(shop.db, order.orderId)).slice(2)).toEqual(['hold_expired', 'order_expired']);
  });

  test('that is being charged does not expire, however late it is', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 }, { payment: PAYMENT });
    await shop.place(order);
    await makeDue(shop.db, order.orderId);
    const [progress] = await twice(shop.db, () => expire(order.orderId));
    expect(progress.reservations).toMatchObject([{ status: 'charging' }]);
    await capture(shop.db, order.orderId);
    expect((await expire(order.orderId)).reservations).toMatchObject([{ status: 'confirmed' }]);
  });

  test('and a charge at the moment it falls due: exactly one of them wins', async () => {
    const won = { expiry: 0, charge: 0 };
    // At the moment itself either may win; long before it and after it, only one can.
    const DUE_IN = ['2 ms', '1 hour', '-1 hour'];
    for (let round = 0; round < 60; round++) {
      const sku = await shop.product({ AMS: 1 });
      const { orderId } = orderOf({ [sku]: 1 });
      await shop.place({ ...orderOf({ [sku]: 1 }), orderId });
      await shop.db.pool.query(
        `update reservations set expires_at = clock_timestamp() + $2::interval where order_id = $1`,
        [orderId, DUE_IN[round % DUE_IN.length]],
      );
      const expiring = async () => {
        for (;;) {
          const { reservations } = await expire(orderId);
          if (!reservations.some((hold) => hold.status === 'pending')) return;
        }
      };
      const [begun] = await Promise.all([pay(shop.db, orderId), expiring()]);
      const { status, payments, reservation } = await viewOf(shop.db, orderId);
      expect({ status, payments: payments.length, hold: reservation?.status }).toEqual(
        begun.begun
          ? { status: 'reserved', payments: 1, hold: 'pending' }
          : { status: 'expired', payments: 0, hold: 'expired' },
      );
      if (!begun.begun) expect(begun.code).toBe('HOLD_EXPIRED');
      won[begun.begun ? 'charge' : 'expiry'] += 1;
    }
    expect(won.charge).toBeGreaterThanOrEqual(20);
    expect(won.expiry).toBeGreaterThanOrEqual(20);
  });
});

describe('an unpaid order that also waits for stock', () => {
  test('gives up its places in the queue before its stock, which so goes to the next in the queue', async () => {
    const sku = await shop.product({ AMS: 2 });
    const order = orderOf({ [sku]: 3 }, { fulfilment: 'backorder' });
    const next = orderOf({ [sku]: 1 }, { fulfilment: 'backorder' });
    await shop.place(order);
    await shop.place(next);
    await makeDue(shop.db, order.orderId);
    const [progress] = await twice(shop.db, () => expire(order.orderId));
    expect(progress).toMatchObject({ status: 'expired', waitingUnits: 0, reservations: [] });
    expect((await eventTypes(shop.db, order.orderId)).slice(-3)).toEqual([
      'backorders_closed',
      'hold_expired',
      'order_expired',
    ]);
    expect((await viewOf(shop.db, next.orderId)).items).toMatchObject([{ reservedQuantity: 1 }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 1] });
  });

  test('keeps its places while another part of it is being charged', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 3 }, { fulfilment: 'backorder' });
    await shop.place(order);
    await receive(shop.db, sku, 'AMS', 1);
    await pay(shop.db, order.orderId);
    await makeDue(shop.db, order.orderId);
    const progress = await expire(order.orderId, await latestHold(order.orderId));
    expect(progress).toMatchObject({ status: 'reserved', waitingUnits: 0 });
    // What the expired part gave back went to the place that was kept.
    expect(progress.reservations.map((hold) => hold.status)).toEqual(['charging', 'pending']);
  });
});

describe('a later part of a paid order', () => {
  async function withLaterPart() {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 2 }, { fulfilment: 'backorder', payment: PAYMENT });
    await shop.place(order);
    await capture(shop.db, order.orderId);
    await receive(shop.db, sku, 'BER', 1);
    await makeDue(shop.db, order.orderId);
    return { sku, orderId: order.orderId };
  }

  test('that expires is cancelled alone', async () => {
    const { sku, orderId } = await withLaterPart();
    const hold = await latestHold(orderId);
    const [progress] = await twice(shop.db, () => expire(orderId, hold));
    expect(progress).toMatchObject({ status: 'paid', reservations: [{ status: 'confirmed' }] });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1], BER: [1, 0] });
    await ship(shop.db, orderId, 'AMS', 'picked_up');
    expect((await viewOf(shop.db, orderId)).status).toBe('fulfilled');
  });

  test('that expires as the last part of an order whose rest was cut leaves it cancelled: it was paid, so not expired', async () => {
    const { orderId } = await withLaterPart();
    await ship(shop.db, orderId, 'AMS', 'failed');
    await compensate(shop.db, orderId, 'failed-only');
    expect((await expire(orderId, await latestHold(orderId))).status).toBe('cancelled');
    expect((await eventTypes(shop.db, orderId)).at(-1)).toBe('order_cancelled');
  });
});

describe('a shortage', () => {
  test('with a reservation past due is none: the reservation is freed first, and its saga is woken', async () => {
    const sku = await shop.product({ AMS: 1, BER: 2 });
    const late = orderOf({ [sku]: 3 });
    await shop.place(late);
    await makeDue(shop.db, late.orderId);
    expect((await shop.place(orderOf({ [sku]: 3 }))).outcome).toBe('reserved');
    expect((await viewOf(shop.db, late.orderId)).status).toBe('expired');
    expect((await eventTypes(shop.db, late.orderId)).slice(2)).toEqual(['hold_expired', 'order_expired']);
    const woken = await shop.db.pool.query(`select 1 from outbox where topic = 'order.wake' and key = $1`, [
      late.orderId,
    ]);
    expect(woken.rowCount).toBe(1);
    const before = await levelsOf(shop.db, sku);
    await twice(shop.db, () => expire(late.orderId));
    expect(await levelsOf(shop.db, sku)).toEqual(before);
  });

  test('with hundreds of reservations past due is none either', async () => {
    const sku = await shop.product({ AMS: 450 });
    const late = Array.from({ length: 450 }, () => orderOf({ [sku]: 1 }));
    await Promise.all(late.map((order) => shop.place(order)));
    await shop.db.pool.query(
      'update reservations set expires_at = clock_timestamp() where order_id = any ($1::uuid[])',
      [late.map((order) => order.orderId)],
    );
    expect((await shop.place(orderOf({ [sku]: 450 }))).outcome).toBe('reserved');
  });

  test('that remains is a rejection, and nothing that is being charged is taken for it', async () => {
    const sku = await shop.product({ AMS: 2 });
    const [late, charging] = [orderOf({ [sku]: 1 }), orderOf({ [sku]: 1 }, { payment: PAYMENT })];
    await shop.place(late);
    await shop.place(charging);
    for (const { orderId } of [late, charging]) await makeDue(shop.db, orderId);
    const { outcome, shortages } = await shop.place(orderOf({ [sku]: 2 }));
    expect({ outcome, shortages }).toEqual({
      outcome: 'rejected',
      shortages: [{ sku, requested: 2, available: 1 }],
    });
    expect((await viewOf(shop.db, charging.orderId)).status).toBe('reserved');
    await decline(shop.db, charging.orderId);
  });

  test('is made good also from an order that waits in a queue itself, whose places are given up first', async () => {
    const sku = await shop.product({ AMS: 1 });
    const late = orderOf({ [sku]: 2 }, { fulfilment: 'backorder' });
    await shop.place(late);
    await makeDue(shop.db, late.orderId);
    const order = orderOf({ [sku]: 1 });
    // What the look before an order is placed counts as available, the order is given.
    expect(await shortagesOf(sku)).toEqual([]);
    expect((await shop.place(order)).outcome).toBe('reserved');
    expect(await viewOf(shop.db, late.orderId)).toMatchObject({
      status: 'expired',
      reservations: [{ status: 'expired' }],
    });
    expect((await eventTypes(shop.db, late.orderId)).slice(-3)).toEqual([
      'backorders_closed',
      'hold_expired',
      'order_expired',
    ]);
    const woken = await shop.db.pool.query('select from outbox where topic = $1 and key = $2', [
      'order.wake',
      late.orderId,
    ]);
    expect(woken.rowCount).toBe(1);
  });

  test.each(['order', 'hold'] as const)(
    'waits for a due reservation that somebody is just freeing: %s',
    async (kind) => {
      const sku = await shop.product({ AMS: 1 });
      if (kind === 'order') {
        const late = orderOf({ [sku]: 1 });
        await shop.place(late);
        await makeDue(shop.db, late.orderId);
      } else {
        await makeReservationsDue(shop.db, [await shop.reserve({ [sku]: 1 })]);
      }
      const locked = await shop.db.pool.connect();
      try {
        await locked.query('begin');
        await locked.query(
          `select from reservations where id in (select reservation_id from reservation_lines l join products p on p.id = l.product_id
             where p.sku = $1) for no key update`,
          [sku],
        );
        const placing = shop.place(orderOf({ [sku]: 1 }));
        await waitFor(async () => (await waitingForLocks(shop.db)) === 1);
        await locked.query('rollback');
        expect((await placing).outcome).toBe('reserved');
      } finally {
        locked.release();
      }
    },
  );

  test('is not taken for one that is late where its reservation could not be freed', async () => {
    const sku = await shop.product({ AMS: 1 });
    const late = orderOf({ [sku]: 1 });
    await shop.place(late);
    await makeDue(shop.db, late.orderId);
    expect(await shortagesOf(sku)).toEqual([]);
    const reservationId = orderReservationId(late.orderId, 1);
    const work = 'expire_reservation';
    await recordFailure(shop.db, { work, subject: reservationId, error: new Error('not this one') });
    // Neither does the look count it, which would let the order in, nor is it freed.
    expect(await shortagesOf(sku)).toEqual([{ sku, requested: 1, available: 0 }]);
    expect((await shop.place(orderOf({ [sku]: 1 }))).outcome).toBe('rejected');
    await forgetFailures(shop.db, work, [reservationId]);
    expect(await shortagesOf(sku)).toEqual([]);
    expect((await shop.place(orderOf({ [sku]: 1 }))).outcome).toBe('reserved');
  });
});

async function shortagesOf(sku: string) {
  return (await checkAvailability(shop.db, [{ sku, quantity: 1 }])).shortages;
}

async function waitingForLocks(db: Database): Promise<number> {
  const { rows } = await db.pool.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows[0]!.count;
}
