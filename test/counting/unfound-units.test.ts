import { settlePromised } from '../../domain/ordering/promised/settle-promised';
import { approveCount, rejectCount } from '../../domain/warehousing/counting/decide-lines';
import { settleCount } from '../../domain/warehousing/counting/settle-count';
import { readSheet } from '../../domain/warehousing/counting/sheets';
import type { SheetView } from '../../domain/warehousing/counting/types';
import { holdBlockedLots, recallLot } from '../../domain/warehousing/quality/blocked-lots';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import { carryOutStops } from '../db/carry-out-stops';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { levelsOf, twice, viewOf } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { blockingLots, lot } from '../tracking/blocking-lots';
import { deliver, lotsOf, withSerials } from '../tracking/support';
import { countingIn } from './support';

/** A count awaits units that it did not find, and just these are blocked: nobody gives them up twice. */

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { about, countAll, sheetOf, submit } = countingIn(() => shop);
const { lotted, expire, hold, settle, paid, book } = blockingLots(() => shop);

const resolve = (sheet: SheetView) =>
  approveCount(withStock(shop.db), { ...about(sheet), resolveReserved: true });
const settleSheet = (sheet: SheetView) =>
  settleCount(withStock(shop.db), sheet.id, (key) => settlePromised(shop.db, key));
const recall = (sku: string, code: string) =>
  recallLot(withStock(shop.db), { sku, lot: code, recalled: true, reason: 'glass', actor: 'qa' });
const openHolds = async (sku: string) =>
  (await listQualityHolds(shop.db, { sku, status: 'open', limit: 10, offset: 0 })).items;

/** Five units of each of two lots, all promised in ten parcels; none of `gone` is found, and the count awaits them. */
async function unfound(gone: Record<string, number>, state: 'pending' | 'booked') {
  const sku = await lotted();
  const [a, b] = [`A-${newId()}`, `B-${newId()}`];
  await deliver(shop.db, [
    { sku, quantity: 5, lot: lot(a, 10) },
    { sku, quantity: 5, lot: lot(b, 20) },
  ]);
  const orders: string[] = [];
  for (let n = 0; n < 10; n++) orders.push(await paid(sku, 1));
  if (state === 'booked') for (const orderId of orders) await book(orderId);
  const sheet = await sheetOf([sku]);
  const lots = [
    { code: a, counted: 5 - (gone['A'] ?? 0) },
    { code: b, counted: 5 - (gone['B'] ?? 0) },
  ];
  await countAll(sheet, [{ sku, lots }]);
  await submit(sheet);
  expect((await resolve(sheet)).lines[0]).toMatchObject({ status: 'resolving' });
  return { sku, a, b, orders, sheet };
}

async function settleAll({ sku, orders, sheet }: { sku: string; orders: string[]; sheet: SheetView }) {
  for (let round = 0; round < 3; round++) {
    await settle(sku);
    for (const orderId of orders) await carryOutStops(shop.db, orderId);
  }
  await settleSheet(sheet);
}

async function cutOf(orders: readonly string[]): Promise<number> {
  const views = await Promise.all(orders.map((orderId) => viewOf(shop.db, orderId)));
  return views.reduce((sum, { items }) => sum + (items[0]?.cancelledQuantity ?? 0), 0);
}

test.each([
  ['is recalled', 'pending', recall],
  ['is recalled', 'booked', recall],
  [
    'expires',
    'pending',
    async (_: string, code: string) => {
      await expire(code);
      await holdBlockedLots(shop.db);
    },
  ],
] as const)(
  'a lot that %s while a count awaits all of it, %s parcels: its units are cut once',
  async (_, state, block) => {
    const counted = await unfound({ A: 5 }, state);
    const { sku, a, b, orders, sheet } = counted;
    await twice<unknown>(shop.db, () => block(sku, a));
    expect(await openHolds(sku)).toMatchObject([{ cause: 'count', open: 5, awaited: 5 }]);
    await settleAll(counted);
    expect(await readSheet(shop.db, sheet.id)).toMatchObject({
      status: 'closed',
      lines: [{ status: 'approved' }],
    });
    expect(await lotsOf(shop.db, sku)).toEqual([`${b}@AMS: 5`]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5] });
    expect(await cutOf(orders)).toBe(5);
    expect(await openHolds(sku)).toEqual([]);
  },
);

test('what is found of a recalled lot is awaited as well, and the rest of it only by the count', async () => {
  const counted = await unfound({ A: 3, B: 1 }, 'pending');
  const { sku, a, b, orders } = counted;
  await recall(sku, a);
  expect((await openHolds(sku)).map(({ cause, open }) => [cause, open])).toEqual([
    ['recalled', 2],
    ['count', 4],
  ]);
  await settleAll(counted);
  expect(await cutOf(orders)).toBe(6);
  expect(await lotsOf(shop.db, sku)).toEqual([`${a}@AMS: 2`, `${b}@AMS: 4`]);
  expect(await openHolds(sku)).toMatchObject([{ cause: 'recalled', open: 2, awaited: 0 }]);
});

test('a person puts no units on hold that a count did not find', async () => {
  const counted = await unfound({ A: 4 }, 'pending');
  const { sku, a, orders } = counted;
  await expect(hold(sku, a, 5)).rejects.toMatchObject({ code: 'OUT_OF_STOCK', details: { available: 1 } });
  await hold(sku, a, 1);
  await settleAll(counted);
  expect(await cutOf(orders)).toBe(5);
});

test('a recalled lot goes on hold as a whole once the count of it is rejected', async () => {
  const { sku, a, sheet } = await unfound({ A: 5 }, 'pending');
  await recall(sku, a);
  await rejectCount(withStock(shop.db), about(sheet));
  await twice(shop.db, () => holdBlockedLots(shop.db));
  expect(await openHolds(sku)).toMatchObject([{ cause: 'recalled', open: 5, awaited: 5 }]);
});

test('a serial number that a count did not find is not put on another hold', async () => {
  const [one, other] = [`S-${newId()}`, `S-${newId()}`];
  const sku = await withSerials(shop, one, other);
  const orders = [await paid(sku, 1), await paid(sku, 1)];
  const sheet = await sheetOf([sku]);
  await countAll(sheet, [{ sku, serials: [other] }]);
  await submit(sheet);
  await resolve(sheet);
  const put = (serial: string) =>
    putOnHold(shop.db, {
      holdId: newId(),
      sku,
      location: 'AMS',
      quantity: 1,
      serials: [serial],
      reason: 'damaged',
      actor: 'qa',
    });
  await expect(put(` ${one.toLowerCase()}`)).rejects.toMatchObject({ code: 'SERIAL_NOT_THERE' });
  await settleAll({ sku, orders, sheet });
  expect(await cutOf(orders)).toBe(1);
  expect((await readSheet(shop.db, sheet.id))?.status).toBe('closed');
});
