import {
  forgetSettledPromises,
  settleAllPromised,
  settlePromised,
  type SettledUpTo,
} from '../../domain/ordering/promised/settle-promised';
import { retryFailedWork } from '../../domain/stock/alerts/failed-work';
import { listAffected, listAlerts } from '../../domain/stock/alerts/list';
import type { AffectedView } from '../../domain/stock/alerts/types';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { openReservationShop, viewOfReservation, type ReservationShop } from '../db/reservation-shop';
import { levelsOf, orderOf } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { openTransaction } from '../support/transaction';
import { blockingLots, lot } from './blocking-lots';
import { deliver } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { lotted, hold, alertsOf, paid, book } = blockingLots(() => shop);

describe('a recall that concerns many', () => {
  const COUNT = 25;

  /** Reservations of one unit each, all of a lot that is on hold. */
  async function promisedToMany(): Promise<{ sku: string; ids: string[] }> {
    const sku = await lotted();
    await deliver(shop.db, [{ sku, quantity: COUNT, lot: lot('BAD', 10) }]);
    const ids: string[] = [];
    for (let n = 0; n < COUNT; n++) ids.push(await shop.reserve({ [sku]: 1 }));
    await hold(sku, 'BAD', COUNT);
    return { sku, ids };
  }

  test('goes on where it was killed, in small batches, and its alert lists all of them', async () => {
    const { sku, ids } = await promisedToMany();
    const { productId } = await findStockKey(shop.db, { sku, location: 'AMS' });
    let settled: SettledUpTo | null = null;
    let beats = 0;
    const killed = settleAllPromised(shop.db, {
      page: 4,
      beat(upTo) {
        if (upTo.productId !== productId) return;
        settled = upTo;
        if (upTo.promised !== null && ++beats === 3) throw new Error('killed');
      },
    });
    await expect(killed).rejects.toThrow('killed');
    expect((await levelsOf(shop.db, sku))['AMS']).toEqual([COUNT, COUNT]);
    expect(await awaited(sku)).toBe(COUNT - 12);
    const rest: SettledUpTo[] = [];
    const from = JSON.parse(JSON.stringify(settled)) as SettledUpTo;
    expect(await settleAllPromised(shop.db, { page: 4, from, beat: (upTo) => rest.push(upTo) })).toBe(true);
    expect(rest.filter((upTo) => upTo.productId === productId && upTo.promised !== null)).toHaveLength(4);
    expect(await awaited(sku)).toBe(0);

    const [alert] = await alertsOf('recall', { sku });
    expect(alert?.details).toMatchObject({ total: COUNT });
    expect(alert?.details['affected']).toHaveLength(20);
    const listed: AffectedView[] = [];
    let after: string | undefined;
    do {
      const page = await listAffected(shop.db, { alertId: alert!.id, after, limit: 10, offset: 0 });
      listed.push(...page!.items);
      after = page!.next ?? undefined;
    } while (after !== undefined);
    expect(listed.map(({ reservationId }) => reservationId).sort()).toEqual([...ids].sort());
    expect(new Set(listed.map(({ outcome, units }) => `${outcome} ${units}`))).toEqual(new Set(['cut 1']));
    expect(await listAffected(shop.db, { alertId: newId(), limit: 10, offset: 0 })).toBeNull();
  });

  test('ends when its time is up, and the next run does the rest', async () => {
    const { sku } = await promisedToMany();
    const key = await findStockKey(shop.db, { sku, location: 'AMS' });
    expect(await settlePromised(shop.db, key, { withinMs: 0 })).toBe(false);
    expect(await awaited(sku)).toBe(COUNT);
    expect(await settlePromised(shop.db, key)).toBe(true);
    expect(await awaited(sku)).toBe(0);
  });

  test('does not wait for the stock of a place for each of them, and goes on with other places', async () => {
    const [locked, other] = [await promisedToMany(), await promisedToMany()];
    const { productId } = await findStockKey(shop.db, { sku: locked.sku, location: 'AMS' });
    const holder = await openTransaction(shop.db);
    try {
      await holder.query('select from stock where product_id = $1 for no key update', [productId]);
      // One wait for the stock and some short ones; for each of them it would be twice as long.
      expect(await settleAllPromised(shop.db, { withinMs: 8_000 })).toBe(false);
      expect(await awaited(locked.sku)).toBe(COUNT);
      expect(await awaited(other.sku)).toBe(0);
      await holder.query('rollback');
    } finally {
      holder.release(true);
    }
    expect(await settleAllPromised(shop.db)).toBe(true);
    expect(await awaited(locked.sku)).toBe(0);
  });

  describe('goes on without one with whom it fails, and', () => {
    /** Lets every change of what a reservation has fail, as damaged data does. Returns how it is mended. */
    async function refuse(reservationId: string): Promise<() => Promise<unknown>> {
      await shop.db.pool.query(
        `alter table reservation_lines add constraint bad_subject check (reservation_id <> '${reservationId}') not valid`,
      );
      return () => shop.db.pool.query('alter table reservation_lines drop constraint bad_subject');
    }

    const failures = async () => {
      const { items } = await listAlerts(shop.db, { kind: 'work_failed', limit: 50, offset: 0 });
      return items.map(({ status, details }) => [status, details['id'], details['attempts']]);
    };
    const keyOf = (sku: string) => findStockKey(shop.db, { sku, location: 'AMS' });

    test('an alert names it until it is mended', async () => {
      const { sku, ids } = await promisedToMany();
      const mend = await refuse(ids[3]!);
      const subject = `${ids[3]} AMS ${sku}`;
      expect(await settlePromised(shop.db, await keyOf(sku))).toBe(true);
      expect(await awaited(sku)).toBe(1);
      expect(await failures()).toEqual([['open', subject, 1]]);
      // Left out for a while.
      expect(await settlePromised(shop.db, await keyOf(sku))).toBe(true);
      expect(await failures()).toEqual([['open', subject, 1]]);
      await forgetSettledPromises(shop.db);
      expect(await failures()).toEqual([['open', subject, 1]]);
      await mend();
      await retryFailedWork(shop.db, { work: 'settle_promise', subject });
      expect(await settlePromised(shop.db, await keyOf(sku))).toBe(true);
      expect(await awaited(sku)).toBe(0);
      expect(await failures()).toEqual([['resolved', subject, 1]]);
    });

    test('nobody else gives up units in its stead; once it has none left, the alert is over', async () => {
      const sku = await lotted();
      await deliver(shop.db, [
        { sku, quantity: 4, lot: lot('BAD', 10) },
        { sku, quantity: 4, lot: lot('GOOD', 20) },
      ]);
      const ids: string[] = [];
      for (let n = 0; n < 8; n++) ids.push(await shop.reserve({ [sku]: 1 }));
      await hold(sku, 'BAD', 4);
      // The newest give up first, and it is one of these.
      const mend = await refuse(ids[6]!);
      expect(await settlePromised(shop.db, await keyOf(sku))).toBe(true);
      expect(await openOf(ids)).toEqual([1, 1, 1, 1, 0, 0, 1, 0]);
      expect(await awaited(sku)).toBe(1);
      await mend();
      await releaseReservation(withStock(shop.db), ids[6]!);
      expect(await awaited(sku)).toBe(0);
      await forgetSettledPromises(shop.db);
      expect((await failures())[0]).toEqual(['resolved', `${ids[6]} AMS ${sku}`, 1]);
    });

    test('one whose rows somebody keeps locked is left to the next run', async () => {
      const { sku, ids } = await promisedToMany();
      const before = await failures();
      const holder = await openTransaction(shop.db);
      try {
        await holder.query('select from reservations where id = $1 for no key update', [ids[3]]);
        expect(await settlePromised(shop.db, await keyOf(sku))).toBe(false);
        expect(await awaited(sku)).toBe(1);
        await holder.query('commit');
      } finally {
        holder.release(true);
      }
      expect(await settlePromised(shop.db, await keyOf(sku))).toBe(true);
      expect(await awaited(sku)).toBe(0);
      expect(await failures()).toEqual(before);
    });

    /** Open units of each. */
    async function openOf(ids: readonly string[]): Promise<number[]> {
      const views = await Promise.all(ids.map((id) => viewOfReservation(shop.db, id)));
      return views.map((view) => view.items.reduce((sum, { openQuantity }) => sum + openQuantity, 0));
    }
  });

  describe('settles with 200 in one transaction', () => {
    /** Counts the transactions of a run. */
    async function transactionsOf(sku: string): Promise<number> {
      let begun = 0;
      const counting: Database = {
        ...shop.db,
        retrying(work, limits) {
          begun += 1;
          return shop.db.retrying(work, limits);
        },
      };
      expect(await settlePromised(counting, await findStockKey(shop.db, { sku, location: 'AMS' }))).toBe(
        true,
      );
      return begun;
    }

    test('of reservations: what another place has is moved, the rest is cut', async () => {
      const sku = await lotted();
      await deliver(shop.db, [{ sku, quantity: 230, lot: lot('BAD', 10) }]);
      const ids: string[] = [];
      for (let n = 0; n < 230; n++) ids.push(await shop.reserve({ [sku]: 1 }));
      await deliver(shop.db, [{ sku, quantity: 150, lot: lot('GOOD', 10) }], 'NYC');
      await hold(sku, 'BAD', 230);
      expect(await transactionsOf(sku)).toBe(2);
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [230, 230], NYC: [150, 150] });
      const views = await Promise.all(ids.map((id) => viewOfReservation(shop.db, id)));
      // The newest give up first, and are the first to be moved.
      expect(views.map(({ status }) => status)).toEqual(
        ids.map((_, place) => (place < 80 ? 'cancelled' : 'pending')),
      );
      const [alert] = await alertsOf('recall', { sku });
      expect(alert?.details).toMatchObject({ total: 230 });
    });

    test('of orders that are unpaid or in parcels, and of those whose parcels are booked', async () => {
      const sku = await lotted();
      await deliver(shop.db, [{ sku, quantity: 60, lot: lot('BAD', 10) }]);
      const unpaid = Array.from({ length: 10 }, () => orderOf({ [sku]: 2 }));
      for (const order of unpaid) await shop.place(order);
      const packed: string[] = [];
      for (let n = 0; n < 10; n++) packed.push(await paid(sku, 2));
      const onTheirWay: string[] = [];
      for (let n = 0; n < 10; n++) {
        onTheirWay.push(await paid(sku, 2));
        await book(onTheirWay[n] ?? '');
      }
      // For all of the unpaid and a part of what is packed.
      await deliver(shop.db, [{ sku, quantity: 25, lot: lot('GOOD', 10) }], 'NYC');
      await hold(sku, 'BAD', 60);
      expect(await transactionsOf(sku)).toBe(2);
      const outcomes = async (orderIds: readonly string[]) => {
        const { rows } = await shop.db.pool.query<{ told: string }>(
          `select string_agg(e.data ->> 'outcome' || coalesce(' ' || (e.data ->> 'units'), ''), ', ' order by e.seq) as told
           from order_events e where e.order_id = any ($1::uuid[]) and e.type = 'units_blocked' group by e.order_id order by 1`,
          [orderIds],
        );
        return rows.map(({ told }) => told);
      };
      expect(await outcomes(unpaid.map(({ orderId }) => orderId))).toEqual(Array(10).fill('moved 2'));
      expect(await outcomes(packed)).toEqual([
        ...Array<string>(7).fill('cut 2'),
        'moved 1, cut 1',
        ...Array<string>(2).fill('moved 2'),
      ]);
      expect(await outcomes(onTheirWay)).toEqual(Array(10).fill('parcel_stopped'));
      expect((await alertsOf('attention', {})).length).toBeGreaterThanOrEqual(8);
      // Every unit is accounted for: what is moved is free here, what is cut goes as its parcel is released.
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [60, 60], NYC: [25, 25] });
      expect(await awaited(sku)).toBe(35);
      expect(await transactionsOf(sku)).toBe(0);
    });
  });

  async function awaited(sku: string): Promise<number> {
    const [found] = (await listQualityHolds(shop.db, { sku, limit: 1, offset: 0 })).items;
    return found?.awaited ?? -1;
  }
});
