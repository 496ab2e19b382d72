import { MockActivityEnvironment } from '@temporalio/testing';
import { createWarehousingActivities } from '../../activities/warehousing';
import { listAlerts } from '../../domain/stock/alerts/list';
import { holdBlockedLots, recallLot, releaseUnblocked } from '../../domain/warehousing/quality/blocked-lots';
import { tellOfNearExpiry } from '../../domain/warehousing/quality/near-expiry';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { levelsOf, twice } from '../db/support';
import { refuseRows } from '../support/bad-subject';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { openTransaction } from '../support/transaction';
import { blockingLots, lot } from './blocking-lots';
import { deliver } from './support';

let shop: ReservationShop;
beforeEach(async () => {
  shop = await openReservationShop();
});
afterEach(async () => {
  await expectInvariants(shop.db).finally(() => shop.close());
});

const { lotted, alertsOf } = blockingLots(() => shop);

const refuse = (table: string, condition: string) => refuseRows(shop.db, table, condition);

async function productId(sku: string): Promise<number> {
  const found = await shop.db.pool.query<{ id: number }>('select id from products where sku = $1', [sku]);
  return found.rows[0]!.id;
}

async function failedWork() {
  const { items } = await listAlerts(shop.db, { kind: 'work_failed', limit: 50, offset: 0 });
  return items.map(({ status, details }) => [details['work'], details['id'], status]);
}

const letRetry = () => shop.db.pool.query('update failed_work set retry_at = clock_timestamp()');

/** Products of which a lot of three units each has expired since it came. */
async function expired(count: number): Promise<string[]> {
  const skus: string[] = [];
  for (let n = 0; n < count; n++) {
    skus.push(await lotted());
    await deliver(shop.db, [{ sku: skus[n]!, quantity: 3, lot: lot(`L${n}`, 1) }]);
  }
  await shop.db.pool.query('update product_lots set expires_on = expires_on - 30');
  return skus;
}

/** Units on hold at AMS, by product. */
const heldOf = (skus: readonly string[]) =>
  Promise.all(skus.map(async (sku) => (await levelsOf(shop.db, sku))['AMS']?.[1]));

describe('lots that have expired', () => {
  test('one that cannot be put on hold stops no other, and is tried again later', async () => {
    const [bad, good] = (await expired(2)) as [string, string];
    const mend = await refuse('quality_holds', `product_id <> ${await productId(bad)}`);
    expect(await twice(shop.db, () => holdBlockedLots(shop.db))).toEqual([3, 0]);
    expect(await heldOf([bad, good])).toEqual([0, 3]);
    expect(await failedWork()).toMatchObject([['hold_expired_lot', expect.anything(), 'open']]);
    await mend();
    await letRetry();
    expect(await holdBlockedLots(shop.db)).toBe(3);
    expect(await failedWork()).toMatchObject([['hold_expired_lot', expect.anything(), 'resolved']]);
  });

  test('those that fail stop none that come after them, however many they are', async () => {
    const [bad, good] = [await lotted(), await lotted()];
    const lots = Array.from({ length: 100 }, (_, n) => ({ sku: bad, quantity: 1, lot: lot(`L${n}`, 1) }));
    await deliver(shop.db, [...lots, { sku: good, quantity: 3, lot: lot('GOOD', 2) }]);
    await shop.db.pool.query('update product_lots set expires_on = expires_on - 30');
    await refuse('quality_holds', `product_id <> ${await productId(bad)}`);
    expect(await holdBlockedLots(shop.db)).toBe(3);
  });

  test('a batch of them is one transaction', async () => {
    const skus = await expired(5);
    expect(await holdBlockedLots(shop.db, { batch: 3 })).toBe(15);
    const { rows } = await shop.db.pool.query<{ count: number }>(
      `select count(*)::int as count from (select from inventory_transactions where kind = 'quality_hold' group by xid) x`,
    );
    expect(rows).toEqual([{ count: 2 }]);
    expect(await heldOf(skus)).toEqual([3, 3, 3, 3, 3]);
  });

  test('one whose stock row somebody keeps locked is left to the next run, without an alert', async () => {
    const skus = await expired(3);
    const locking = await openTransaction(shop.db);
    await locking.query('select from stock where product_id = $1 for no key update', [
      await productId(skus[1]!),
    ]);
    expect(await holdBlockedLots(shop.db)).toBe(6);
    expect(await heldOf(skus)).toEqual([3, 0, 3]);
    await locking.query('rollback');
    locking.release();
    expect(await failedWork()).toEqual([]);
    expect(await holdBlockedLots(shop.db)).toBe(3);
  });

  test('a run that is over begins no further batch, and the next one goes on', async () => {
    const skus = await expired(2);
    expect(await holdBlockedLots(shop.db, { withinMs: 0 })).toBe(0);
    expect(await heldOf(skus)).toEqual([0, 0]);
    expect(await holdBlockedLots(shop.db)).toBe(6);
  });
});

describe('lots that are on sale again', () => {
  /** Two products whose lots are on hold, and not recalled any more. */
  async function unblocked(): Promise<[string, string]> {
    const skus: [string, string] = [await lotted(), await lotted()];
    for (const sku of skus) {
      await deliver(shop.db, [{ sku, quantity: 3, lot: lot('L') }]);
      await recallLot(withStock(shop.db), { sku, lot: 'L', reason: 'x', actor: 'qa', recalled: true });
    }
    await shop.db.pool.query(
      'update product_lots set recalled_at = null, recall_reason = null, recalled_by = null',
    );
    return skus;
  }

  test('a hold that cannot be released stops no other, and is tried again later', async () => {
    const [bad, good] = await unblocked();
    const mend = await refuse('quality_holds', `product_id <> ${await productId(bad)} or released = 0`);
    await twice(shop.db, () => releaseUnblocked(withStock(shop.db)));
    expect(await heldOf([bad, good])).toEqual([3, 0]);
    const [hold] = (await listQualityHolds(shop.db, { sku: bad, limit: 1, offset: 0 })).items;
    expect(await failedWork()).toEqual([['release_hold', hold?.id, 'open']]);
    await mend();
    await letRetry();
    await releaseUnblocked(withStock(shop.db));
    expect(await heldOf([bad, good])).toEqual([0, 0]);
    expect(await failedWork()).toEqual([['release_hold', hold?.id, 'resolved']]);
  });

  test('one that is blocked once more has nothing to be released, and no alert', async () => {
    const [bad] = await unblocked();
    await refuse('quality_holds', `product_id <> ${await productId(bad)} or released = 0`);
    await releaseUnblocked(withStock(shop.db));
    await recallLot(withStock(shop.db), { sku: bad, lot: 'L', reason: 'x', actor: 'qa', recalled: true });
    await releaseUnblocked(withStock(shop.db));
    expect(await failedWork()).toMatchObject([['release_hold', expect.anything(), 'resolved']]);
  });

  test('a recall of another lot does not fail because of it, nor because of one of its own places', async () => {
    const [bad, good] = await unblocked();
    await refuse(
      'quality_holds',
      `(product_id <> ${await productId(bad)} or released = 0) and (quantity <> 2 or warehouse_id <> (1))`,
    );
    const sku = await lotted();
    for (const place of ['AMS', 'BER', 'NYC'])
      await deliver(shop.db, [{ sku, quantity: 2, lot: lot('L') }], place);
    const change = { sku, lot: 'L', reason: 'glass', actor: 'qa', recalled: true };
    expect(await recallLot(withStock(shop.db), change)).toMatchObject({ quantity: 6, held: 4 });
    // What is of other lots is for the schedule.
    expect(await heldOf([bad, good])).toEqual([3, 3]);
    expect(await failedWork()).toMatchObject([['hold_expired_lot', expect.anything(), 'open']]);
  });

  test('one whose stock row somebody keeps locked is waited for once, and left to the next run without an alert', async () => {
    await unblocked();
    const { rows } = await shop.db.pool.query<{ product: number }>(
      'select product_id as product from quality_holds order by id',
    );
    const open = () =>
      shop.db.pool.query<{ product: number }>(
        'select product_id as product from quality_holds where open > 0',
      );
    const locking = await openTransaction(shop.db);
    try {
      await locking.query('select from stock where product_id = $1 for no key update', [rows[0]!.product]);
      // More than one wait for a row, and less than the tries of a transaction that nobody else waits for.
      await releaseUnblocked(withStock(shop.db), { withinMs: 6_000 });
      expect((await open()).rows).toEqual([{ product: rows[0]!.product }]);
      await locking.query('rollback');
    } finally {
      locking.release(true);
    }
    expect(await failedWork()).toEqual([]);
    await releaseUnblocked(withStock(shop.db));
    expect((await open()).rows).toEqual([]);
  });

  test('a run that is over begins no further one', async () => {
    const skus = await unblocked();
    await releaseUnblocked(withStock(shop.db), { withinMs: 0 });
    expect(await heldOf(skus)).toEqual([3, 3]);
    await releaseUnblocked(withStock(shop.db), { batch: 1 });
    expect(await heldOf(skus)).toEqual([0, 0]);
  });
});

describe('lots that expire soon', () => {
  test('are told of batch by batch, and those of which is told already are not written again', async () => {
    const skus: string[] = [];
    for (let n = 0; n < 3; n++) {
      skus.push(await lotted());
      await deliver(shop.db, [{ sku: skus[n]!, quantity: 3, lot: lot('L', 3) }]);
    }
    const told = async () => (await alertsOf('expiry_near', { status: 'open' })).map(({ sku }) => sku).sort();
    await tellOfNearExpiry(shop.db, { days: 14, withinMs: 0 });
    expect(await told()).toEqual([]);
    await tellOfNearExpiry(shop.db, { days: 14, batch: 2 });
    expect(await told()).toEqual([...skus].sort());
    const versions = () => shop.db.pool.query('select id, xmin::text, details from alerts order by id');
    const before = await versions();
    await tellOfNearExpiry(shop.db, { days: 14, batch: 2 });
    expect((await versions()).rows).toEqual(before.rows);
    // One place changes: it alone is written.
    await deliver(shop.db, [{ sku: skus[1]!, quantity: 2, lot: lot('L', 3) }]);
    await tellOfNearExpiry(shop.db, { days: 14, batch: 2 });
    const [alert] = await alertsOf('expiry_near', { sku: skus[1]! });
    expect(alert?.details).toMatchObject({ lots: [{ lot: 'L', quantity: 5 }], total: 1 });
    await shop.db.pool.query(`update product_lots set expires_on = expires_on + 300`);
    await tellOfNearExpiry(shop.db, { days: 14, batch: 2 });
    expect(await told()).toEqual([]);
  });
});

test('a step of the upkeep that fails keeps no other from running, and the run says what failed', async () => {
  const { db } = shop;
  const sku = await lotted();
  await deliver(db, [{ sku, quantity: 3, lot: lot('L', 3) }]);
  const reservationId = await shop.reserve({ [await shop.product({ AMS: 1 })]: 1 });
  await db.pool.query(
    `update reservations set status = 'confirmed', updated_at = now() - interval '40 days' where id = $1`,
    [reservationId],
  );
  await db.pool.query('alter function unfound_units(lots) rename to unfound');
  const { holdExpiredLots } = createWarehousingActivities({ db, expiryNearDays: 14 });
  const run = () => new MockActivityEnvironment().run(holdExpiredLots);
  await expect(run()).rejects.toThrow(/unfound_units/);
  expect(await alertsOf('expiry_near', { sku })).toHaveLength(1);
  const { items } = await listAlerts(db, { kind: 'reservation_stopped', limit: 5, offset: 0 });
  expect(items).toMatchObject([{ details: { reservationId } }]);
  await db.pool.query('alter function unfound(lots) rename to unfound_units');
  expect(await run()).toEqual({ units: 0 });
  await db.pool.query('update reservations set updated_at = now() where id = $1', [reservationId]);
});
