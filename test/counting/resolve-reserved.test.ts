import { claimShipments } from '../../domain/fulfilment/book';
import { settleAllPromised, settlePromised } from '../../domain/ordering/promised/settle-promised';
import { listAlerts } from '../../domain/stock/alerts/list';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { recount, rejectCount } from '../../domain/warehousing/counting/decide-lines';
import { settleCount, wakeResolving } from '../../domain/warehousing/counting/settle-count';
import { readSheet } from '../../domain/warehousing/counting/sheets';
import type { SheetView } from '../../domain/warehousing/counting/types';
import { releaseFromHold, writeOffHold } from '../../domain/warehousing/quality/end-hold';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import { carryOutStops } from '../db/carry-out-stops';
import { openReservationShop, viewOfReservation, type ReservationShop } from '../db/reservation-shop';
import { capture, carry, CARRIER, levelsOf, orderOf, PAYMENT, receive, twice, viewOf } from '../db/support';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { countingIn } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { about, adjust, approve, count, lineOf, resolve, sheetOf, submit } = countingIn(() => shop);

const access = () => withStock(shop.db);
/** As the message in the outbox has it done. */
const settle = (sheet: SheetView) => settleCount(access(), sheet.id, (key) => settlePromised(shop.db, key));

async function placed(sku: string, quantity: number): Promise<string> {
  const order = orderOf({ [sku]: quantity });
  await shop.place(order);
  return order.orderId;
}

async function paid(sku: string, quantity: number): Promise<string> {
  const order = orderOf({ [sku]: quantity }, { payment: PAYMENT });
  await shop.place(order);
  await capture(shop.db, order.orderId);
  return order.orderId;
}

async function booked(sku: string, quantity: number): Promise<string> {
  const orderId = await paid(sku, quantity);
  await shop.db.pool.query(`update shipments set status = 'booked' where order_id = $1`, [orderId]);
  return orderId;
}

/** A sheet of a product with 10 on hand in AMS, of which `reserve` has reserved some; counted and submitted. */
async function submittedWith<Made>(counted: number, reserve: (sku: string) => Promise<Made>, elsewhere = 0) {
  const sku = await shop.product({ AMS: 10 });
  const made = await reserve(sku);
  if (elsewhere > 0) await receive(shop.db, sku, 'BER', elsewhere);
  const sheet = await sheetOf([sku]);
  await count(sheet, sku, counted);
  return { sku, sheet: await submit(sheet), made };
}

const itemOf = async (orderId: string) => (await viewOf(shop.db, orderId)).items[0];
const messages = async (topic: string) => {
  const { rows } = await shop.db.pool.query<{ key: string }>('select key from outbox where topic = $1', [
    topic,
  ]);
  return rows.map(({ key }) => key);
};
const holdOf = async (sku: string) =>
  (await listQualityHolds(shop.db, { sku, limit: 5, offset: 0 })).items.find(
    ({ cause }) => cause === 'count',
  );

test('without it a count below what is reserved is refused, with the orders it touches and how many there are', async () => {
  const { sheet, made } = await submittedWith(3, (sku) => placed(sku, 8));
  expect((await approve(sheet)).lines[0]).toMatchObject({
    status: 'review',
    code: 'BELOW_RESERVED',
    reservations: [{ orderId: made, quantity: 8 }],
    reservationCount: 1,
    resolving: null,
  });
});

test('with it what is not paid for gives up first, the newest of it first, then the newest parcel that is not booked', async () => {
  const { sku, sheet, made } = await submittedWith(4, async (of) => {
    const onShelf = [await booked(of, 3), await paid(of, 2), await placed(of, 3)];
    return [...onShelf, await placed(of, 1)] as const;
  });
  const [inBooked, inPending, older, newer] = made as [string, string, string, string];
  expect((await resolve(sheet)).lines[0]).toMatchObject({
    status: 'resolving',
    code: 'BELOW_RESERVED',
    decidedBy: 'boss',
    resolving: { missing: 6, awaited: 5, parcels: [], parcelCount: 0 },
  });
  await twice(shop.db, () => settle(sheet));
  expect((await viewOf(shop.db, newer)).status).toBe('cancelled');
  expect((await viewOf(shop.db, older)).status).toBe('cancelled');
  expect(await lineOf(sheet)).toMatchObject({ status: 'resolving', resolving: { awaited: 1 } });
  await carryOutStops(shop.db, inPending);
  await settle(sheet);
  expect(await readSheet(shop.db, sheet.id)).toMatchObject({
    status: 'closed',
    lines: [{ status: 'approved', code: null, variance: -6, decidedBy: 'boss', resolving: null }],
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4] });
  expect(await itemOf(inPending)).toMatchObject({ reservedQuantity: 1, cancelledQuantity: 1 });
  expect(await itemOf(inBooked)).toMatchObject({ reservedQuantity: 3, cancelledQuantity: 0 });
  const cut = await viewOf(shop.db, inPending);
  expect(cut.refunds.map(({ amountMinor }) => amountMinor)).toEqual([cut.items[0]?.unitPriceMinor]);
  expect(cut.attention.map(({ kind }) => kind)).toEqual(['units_missing']);
  expect(cut.attention[0]?.why).toContain(sheet.id);
  expect(await eventTypes(shop.db, inPending)).toContain('units_missing');
  const alerts = await listAlerts(shop.db, { kind: 'count_short', sku, limit: 5, offset: 0 });
  expect(alerts.items[0]?.details).toMatchObject({
    affected: [
      { orderId: newer, outcome: 'cut', units: 1 },
      { orderId: older, outcome: 'cut', units: 3 },
      { orderId: inPending, outcome: 'cut', units: 1 },
    ],
  });
  const { rows } = await shop.db.pool.query(
    `select on_hand_delta, number, actor from inventory_transactions where kind = 'count' and reference = $1`,
    [`count:${sheet.id}`],
  );
  expect(rows).toEqual([{ on_hand_delta: -6, number: 4, actor: 'boss' }]);
});

test('units of another warehouse are taken before anything is cut', async () => {
  const { sku, sheet, made } = await submittedWith(6, (of) => placed(of, 9), 2);
  await resolve(sheet);
  await settle(sheet);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 6], BER: [2, 2] });
  expect(await itemOf(made)).toMatchObject({ reservedQuantity: 8, cancelledQuantity: 1 });
});

test('a booked parcel is stopped, and until it is the line says so, nobody can buy there, and nothing is booked', async () => {
  const { sku, sheet, made } = await submittedWith(8, (of) => booked(of, 10));
  await resolve(sheet);
  await twice(shop.db, () => settle(sheet));
  const waiting = await lineOf(sheet);
  expect(waiting).toMatchObject({
    status: 'resolving',
    resolving: { missing: 2, awaited: 2, parcels: [{ orderId: made }], parcelCount: 1 },
  });
  expect((await readSheet(shop.db, sheet.id))?.status).toBe('resolving');
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 10] });
  expect(await shop.place(orderOf({ [sku]: 1 }))).toMatchObject({ outcome: 'rejected' });
  await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
  await carryOutStops(shop.db, made);
  // As the saga does once a parcel is released.
  await settleAllPromised(shop.db);
  await carryOutStops(shop.db, made);
  expect(await messages('count.settle')).toContain(sheet.id);
  await settle(sheet);
  expect(await lineOf(sheet)).toMatchObject({ status: 'approved' });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [8, 8] });
  expect(await itemOf(made)).toMatchObject({ reservedQuantity: 8, cancelledQuantity: 2 });
  const claimed = await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 9 });
  expect(claimed.filter(({ orderId }) => orderId === made)).toHaveLength(1);
});

test('a parcel is stopped once, and said to be, however many settle at once', async () => {
  const { sku, sheet, made } = await submittedWith(8, (of) => booked(of, 10));
  await resolve(sheet);
  const key = await findStockKey(shop.db, { sku, location: 'AMS' });
  await Promise.all(Array.from({ length: 6 }, () => settlePromised(shop.db, key)));
  const types = await eventTypes(shop.db, made);
  expect(types.filter((type) => type === 'units_missing')).toHaveLength(1);
  await rejectCount(access(), about(sheet));
});

test('the approval leaves a message, so that it is carried out by whoever lives on; again it changes nothing', async () => {
  const { sku, sheet } = await submittedWith(2, (of) => placed(of, 4));
  await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
  const [first, again] = await twice(shop.db, () => resolve(sheet));
  expect(again).toEqual(first);
  expect(await messages('count.settle')).toEqual([sheet.id]);
  await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
  // Lost, or given up by the relay: the upkeep sends another.
  await wakeResolving(shop.db);
  expect(await messages('count.settle')).toEqual([sheet.id]);
  await settle(sheet);
  await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
  await wakeResolving(shop.db);
  expect(await messages('count.settle')).toEqual([]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 2] });
});

test('one call settles for so long in all; what is left another message does, of which there is one', async () => {
  const skus = await Promise.all(Array.from({ length: 3 }, () => shop.product({ AMS: 10 })));
  for (const sku of skus) await placed(sku, 8);
  const sheet = await sheetOf(skus);
  for (const sku of skus) await count(sheet, sku, 3);
  await submit(sheet);
  await resolve(sheet);
  await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
  const given: number[] = [];
  const isUp = (_: unknown, { withinMs }: { withinMs: number }) => {
    given.push(withinMs);
    return Promise.resolve(given.length !== 2);
  };
  const statuses = async () => (await readSheet(shop.db, sheet.id))?.lines.map(({ status }) => status);
  await settleCount(access(), sheet.id, isUp, { withinMs: 60_000 });
  // One that is not settled in time keeps no other.
  expect(given).toHaveLength(3);
  expect(given[1]).toBeLessThan(given[0]!);
  expect(given[0]).toBeLessThan(60_000);
  expect(await messages('count.settle')).toEqual([sheet.id]);
  await settleCount(access(), sheet.id, isUp, { withinMs: 0 });
  expect(given).toHaveLength(3);
  expect(await messages('count.settle')).toEqual([sheet.id]);
  expect(await statuses()).toEqual(['resolving', 'resolving', 'resolving']);
  await settle(sheet);
  expect(await statuses()).toEqual(['approved', 'approved', 'approved']);
});

test('who is to be answered in time does not wait long for rows that somebody else has', async () => {
  const { sku, sheet, made } = await submittedWith(3, (of) => placed(of, 8));
  await resolve(sheet);
  const key = await findStockKey(shop.db, { sku, location: 'AMS' });
  const client = await shop.db.pool.connect();
  try {
    await client.query('begin');
    await client.query('select from reservations where order_id = $1 for update', [made]);
    expect(await settlePromised(shop.db, key, { withinMs: 60_000 })).toBe(false);
  } finally {
    await client.query('rollback');
    client.release();
  }
  expect(await settlePromised(shop.db, key, { withinMs: 60_000 })).toBe(true);
  await settle(sheet);
  expect(await lineOf(sheet)).toMatchObject({ status: 'approved' });
});

test('what comes free or arrives meanwhile serves it before anybody else, and then nobody is cut', async () => {
  const { sku, sheet, made } = await submittedWith(7, async (of) => {
    const hold = await shop.reserve({ [of]: 2 });
    return { hold, parcel: await booked(of, 8) };
  });
  const waits = orderOf({ [sku]: 1 }, { fulfilment: 'backorder' });
  await shop.place(waits);
  await resolve(sheet);
  await releaseReservation(access(), made.hold);
  expect(await lineOf(sheet)).toMatchObject({ resolving: { awaited: 1 } });
  await receive(shop.db, sku, 'AMS', 2);
  expect(await itemOf(waits.orderId)).toMatchObject({ reservedQuantity: 1 });
  await settle(sheet);
  expect(await lineOf(sheet)).toMatchObject({ status: 'approved', variance: -3 });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 9] });
  expect(await itemOf(made.parcel)).toMatchObject({ reservedQuantity: 8 });
});

test('a reservation without an order is cut likewise', async () => {
  const { sku, sheet, made } = await submittedWith(3, (of) => shop.reserve({ [of]: 5 }));
  await resolve(sheet);
  await settle(sheet);
  expect((await viewOfReservation(shop.db, made)).items).toMatchObject([{ openQuantity: 3 }]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 3] });
});

test('a newer number ends it before anybody gives anything up', async () => {
  const { sku, sheet, made } = await submittedWith(3, (of) => placed(of, 8));
  await resolve(sheet);
  await adjust(sku, { setTo: 10 });
  await settleAllPromised(shop.db);
  await settle(sheet);
  expect(await readSheet(shop.db, sheet.id)).toMatchObject({
    status: 'closed',
    lines: [{ status: 'superseded', resolving: null }],
  });
  expect(await itemOf(made)).toMatchObject({ reservedQuantity: 8 });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 8] });
});

test('a newer count that is approved meanwhile has it looked at', async () => {
  const { sku, sheet, made } = await submittedWith(3, (of) => booked(of, 4));
  await resolve(sheet);
  const newer = await sheetOf([sku]);
  await count(newer, sku, 12);
  await submit(newer);
  await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
  await approve(newer);
  expect(await messages('count.settle')).toContain(sheet.id);
  await settle(sheet);
  expect(await lineOf(sheet)).toMatchObject({ status: 'superseded' });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [12, 4] });
  expect(await itemOf(made)).toMatchObject({ cancelledQuantity: 0 });
});

test('a correction of before the count changes how many units it awaits', async () => {
  const { sku, sheet, made } = await submittedWith(7, (of) => booked(of, 10));
  await resolve(sheet);
  expect(await lineOf(sheet)).toMatchObject({ resolving: { missing: 3 } });
  // Two more had come before the count, and were booked late.
  await adjust(sku, { delta: 2, kind: 'correction' });
  await settle(sheet);
  expect(await lineOf(sheet)).toMatchObject({ variance: -5, resolving: { missing: 5, awaited: 3 } });
  for (let round = 0; round < 3; round++) {
    await carryOutStops(shop.db, made);
    await settle(sheet);
  }
  expect(await lineOf(sheet)).toMatchObject({ status: 'approved' });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [7, 7] });
});

test.each([
  ['rejected', (sheet: SheetView) => rejectCount(access(), about(sheet))],
  ['open', (sheet: SheetView) => recount(access(), about(sheet))],
] as const)('while it waits it may be %s, and gives back what it kept', async (status, decide) => {
  const { sku, sheet } = await submittedWith(3, (of) => booked(of, 8));
  await resolve(sheet);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 10] });
  const [first] = await twice(shop.db, () => decide(sheet).catch(() => readSheet(shop.db, sheet.id)));
  expect(first?.lines[0]).toMatchObject({ status, resolving: null });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 8] });
});

test('a parcel that leaves all the same is a fact: what was counted cannot be, and a person looks', async () => {
  const { sku, sheet, made } = await submittedWith(3, (of) => booked(of, 9));
  await resolve(sheet);
  const [parcel] = (await viewOf(shop.db, made)).shipments;
  await carry(shop.db, parcel!.id, 'picked_up');
  await settle(sheet);
  expect(await lineOf(sheet)).toMatchObject({
    status: 'review',
    code: 'WOULD_GO_NEGATIVE',
    resolving: null,
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
});

test('units on quality hold are not given up for it, and its own hold is nobody else to end', async () => {
  const { sku, sheet } = await submittedWith(3, async (of) => {
    await putOnHold(shop.db, {
      holdId: newId(),
      sku: of,
      location: 'AMS',
      quantity: 4,
      reason: 'x',
      actor: 'qa',
    });
    await placed(of, 3);
  });
  expect((await resolve(sheet)).lines[0]).toMatchObject({ status: 'review', code: 'BELOW_RESERVED' });
  const other = await sheetOf([sku]);
  await count(other, sku, 5);
  await submit(other);
  await resolve(other);
  const own = await holdOf(sku);
  expect(own).toMatchObject({ cause: 'count', open: 5, awaited: 2 });
  for (const end of [releaseFromHold, writeOffHold]) {
    await expect(end(access(), { holdId: own!.id, actor: 't', effectId: newId() })).rejects.toMatchObject({
      code: 'HOLD_OF_COUNT',
    });
  }
  await settle(other);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5] });
});

test('approvals, sales and deliveries at once leave what was counted, and what moved', async () => {
  for (let round = 0; round < 4; round++) {
    const { sku, sheet, made } = await submittedWith(6, async (of) => {
      return [await paid(of, 3), await placed(of, 3), await booked(of, 2)];
    });
    const outcomes = await Promise.allSettled([
      resolve(sheet),
      resolve(sheet),
      settle(sheet),
      settle(sheet),
      ...Array.from({ length: 3 }, () => shop.place(orderOf({ [sku]: 1 }))),
      receive(shop.db, sku, 'AMS', 1),
      settleAllPromised(shop.db),
    ]);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
    for (let again = 0; again < 4; again++) {
      for (const orderId of made) await carryOutStops(shop.db, orderId);
      await settleAllPromised(shop.db);
      await settle(sheet);
    }
    expect(await lineOf(sheet)).toMatchObject({ status: 'approved' });
    expect((await levelsOf(shop.db, sku))['AMS']?.[0]).toBe(7);
    await expectInvariants(shop.db);
  }
});
