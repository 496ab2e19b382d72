import { readFile } from 'node:fs/promises';
import { nameParcelUnits, readParcelUnits } from '../../domain/fulfilment/parcel-units';
import { selectLots } from '../../domain/stock/tracking/view-queries';
import type { NamedUnits } from '../../domain/stock/tracking/types';
import { recallLot } from '../../domain/warehousing/quality/blocked-lots';
import { writeOffHold } from '../../domain/warehousing/quality/end-hold';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import { countingIn } from '../counting/support';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { carry, levelsOf, orderOf, twice, viewOf } from '../db/support';
import { importFeed } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { blockingLots, lot } from './blocking-lots';
import { deliver, lotsOf, serialsOf, withSerials } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { lotted, hold, paid, alertsOf, pickUp, book } = blockingLots(() => shop);
const { adjust, approve, countAll, now, sheetOf, submit } = countingIn(() => shop);

/** So many units of each lot in AMS; the first expires first. */
async function withLots(lots: Readonly<Record<string, number>>): Promise<string> {
  const sku = await lotted();
  const lines = Object.entries(lots).map(([code, quantity], n) => ({
    sku,
    quantity,
    lot: lot(code, 10 + n),
  }));
  await deliver(shop.db, lines);
  return sku;
}

/** A parcel of so many units that has left, with units that were chosen by rule. */
async function leftWith(sku: string, quantity: number) {
  const orderId = await paid(sku, quantity);
  const shipmentId = (await viewOf(shop.db, orderId)).shipments[0]!.id;
  await carry(shop.db, shipmentId, 'picked_up');
  return { orderId, shipmentId };
}

const name = (shipmentId: string, sku: string, named: NamedUnits) =>
  nameParcelUnits(withStock(shop.db), { shipmentId, items: [{ sku, ...named }], actor: 'packer' });
const nameLots = (shipmentId: string, sku: string, lots: Readonly<Record<string, number>>) =>
  name(shipmentId, sku, { lots: Object.entries(lots).map(([code, quantity]) => ({ code, quantity })) });
const unitsIn = async (shipmentId: string) => (await readParcelUnits(shop.db, shipmentId))?.items[0];
const onHand = async (sku: string) => (await levelsOf(shop.db, sku))['AMS']?.[0] ?? 0;

async function countLots(sku: string, lots: Readonly<Record<string, number>>, countedAt?: string) {
  const sheet = await sheetOf([sku]);
  const counts = Object.entries(lots).map(([code, counted]) => ({ code, counted }));
  await countAll(sheet, [{ sku, lots: counts, countedAt }]);
  await submit(sheet);
  await approve(sheet);
}

const setLots = async (sku: string, lots: Readonly<Record<string, number>>) => {
  const rows = Object.entries(lots).map(([code, quantity]) => `${sku},AMS,${code},${quantity}`);
  const result = await importFeed(shop.db, ['sku,location,lot,quantity', ...rows].join('\n'));
  expect(result).toMatchObject({ rejected: 0 });
};

describe('lots that are named after their parcel has left', () => {
  test.each([
    ['a count', countLots],
    ['a feed', setLots],
  ])('change no lot that %s has seen since', async (_, number) => {
    const sku = await withLots({ A: 10, B: 10 });
    const { shipmentId } = await leftWith(sku, 1);
    const before = await now();
    await number(sku, { A: 10, B: 9 });
    await twice(shop.db, () => nameLots(shipmentId, sku, { B: 1 }));
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 10', 'B@AMS: 9']);
    expect(await unitsIn(shipmentId)).toMatchObject({ lots: [{ code: 'B', quantity: 1 }] });
    expect(await onHand(sku)).toBe(19);
    // Which it was is known as of before the number too.
    await countLots(sku, { A: 10, B: 9 }, before);
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 10', 'B@AMS: 9']);
  });

  test('know counts of before lots noted them', async () => {
    const sku = await withLots({ A: 10, B: 10 });
    const { shipmentId } = await leftWith(sku, 1);
    await countLots(sku, { A: 10, B: 9 });
    await shop.db.pool.query('update lots set number_as_of = null');
    await shop.db.pool.query(await readFile('migrations/0053_exchanged_units_counted_lots.sql', 'utf8'));
    await nameLots(shipmentId, sku, { B: 1 });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 10', 'B@AMS: 9']);
  });

  test('need not be there any more where a number has seen them since', async () => {
    const sku = await withLots({ A: 10, B: 1 });
    const { shipmentId } = await leftWith(sku, 1);
    await countLots(sku, { A: 10, B: 0 });
    await nameLots(shipmentId, sku, { B: 1 });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 10']);
    expect(await unitsIn(shipmentId)).toMatchObject({ lots: [{ code: 'B', quantity: 1 }] });
  });

  test('change the lot that no number has seen, and with it what is on hand', async () => {
    const sku = await withLots({ A: 10, B: 10 });
    const { shipmentId } = await leftWith(sku, 1);
    await setLots(sku, { A: 10 });
    expect(await onHand(sku)).toBe(20);
    await nameLots(shipmentId, sku, { B: 1 });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 10', 'B@AMS: 9']);
    expect(await onHand(sku)).toBe(19);

    const other = await withLots({ A: 10, B: 10 });
    const parcel = await leftWith(other, 1);
    await setLots(other, { B: 9 });
    await nameLots(parcel.shipmentId, other, { B: 1 });
    expect(await lotsOf(shop.db, other)).toEqual(['A@AMS: 10', 'B@AMS: 9']);
    expect(await onHand(other)).toBe(19);
  });

  test('change nothing where all of them were counted and one has a newer number still', async () => {
    const sku = await withLots({ A: 10, B: 10 });
    const { shipmentId } = await leftWith(sku, 1);
    await countLots(sku, { A: 10, B: 9 });
    await setLots(sku, { A: 12 });
    await nameLots(shipmentId, sku, { B: 1 });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 12', 'B@AMS: 9']);
    expect(await onHand(sku)).toBe(21);
  });

  test('change what is on hand by the lot that a number newer than that of the place has not seen', async () => {
    const sku = await withLots({ A: 10, B: 10 });
    const { shipmentId } = await leftWith(sku, 1);
    await adjust(sku, { setTo: 19 });
    await setLots(sku, { A: 10 });
    await nameLots(shipmentId, sku, { B: 1 });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 10', 'B@AMS: 9']);
    expect(await onHand(sku)).toBe(19);
  });

  test('leave a newer number of the whole place as it is, which tells nothing of lots', async () => {
    const sku = await withLots({ A: 10, B: 10 });
    const { shipmentId } = await leftWith(sku, 1);
    await setLots(sku, { A: 10 });
    await adjust(sku, { setTo: 19 });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 9', 'B@AMS: 10']);
    await nameLots(shipmentId, sku, { B: 1 });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 10', 'B@AMS: 9']);
    expect(await onHand(sku)).toBe(19);
  });

  test('are exchanged where the number is as of before the parcel left', async () => {
    const sku = await withLots({ A: 10, B: 10 });
    const before = await now();
    const { shipmentId } = await leftWith(sku, 1);
    await countLots(sku, { A: 10, B: 10 }, before);
    await nameLots(shipmentId, sku, { B: 1 });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 10', 'B@AMS: 9']);
  });

  test('are refused where more are promised than their lot turns out to leave', async () => {
    const sku = await withLots({ A: 2, B: 2 });
    const { shipmentId } = await leftWith(sku, 1);
    await setLots(sku, { A: 2 });
    await shop.place(orderOf({ [sku]: 4 }));
    await expect(nameLots(shipmentId, sku, { B: 1 })).rejects.toMatchObject({ code: 'BELOW_RESERVED' });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 2', 'B@AMS: 2']);
  });

  test('put what comes back of a blocked lot on hold at once', async () => {
    const sku = await withLots({ BAD: 2, GOOD: 5 });
    const { shipmentId } = await leftWith(sku, 2);
    await recallLot(withStock(shop.db), { sku, lot: 'BAD', reason: 'glass', actor: 'qa', recalled: true });
    await nameLots(shipmentId, sku, { GOOD: 2 });
    expect(await selectLots(shop.db, sku, 'AMS')).toMatchObject([
      { code: 'BAD', quantity: 2, held: 2 },
      { code: 'GOOD', quantity: 3, held: 0 },
    ]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 2] });
  });

  test('are booked as gone also of a lot that is on hold, and told', async () => {
    const sku = await withLots({ GOOD: 5, BAD: 2 });
    const { orderId, shipmentId } = await leftWith(sku, 1);
    await hold(sku, 'BAD', 2);
    await twice(shop.db, () => nameLots(shipmentId, sku, { BAD: 1 }));
    expect(await lotsOf(shop.db, sku)).toEqual(['GOOD@AMS: 5', 'BAD@AMS: 1']);
    expect((await listQualityHolds(shop.db, { sku, limit: 2, offset: 0 })).items).toMatchObject([
      { open: 1, gone: 1, awaited: 0 },
    ]);
    expect(await alertsOf('attention', { orderId, reason: 'blocked_left' })).toMatchObject([
      { details: { items: [{ sku, lot: 'BAD', serial: null, quantity: 1 }] } },
    ]);
    // It was not in the parcel after all: it is on hold again, and nobody needs to look for it.
    await nameLots(shipmentId, sku, { GOOD: 1 });
    expect(await selectLots(shop.db, sku, 'AMS')).toMatchObject([
      { code: 'GOOD', quantity: 4, held: 0 },
      { code: 'BAD', quantity: 2, held: 2 },
    ]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 2] });
    const open = await alertsOf('attention', { status: 'open' });
    expect(open.filter((alert) => alert.orderId === orderId)).toEqual([]);
  });

  test('give those who wait what a hold does not keep any more', async () => {
    const sku = await withLots({ GOOD: 1, BAD: 1 });
    const { shipmentId } = await leftWith(sku, 1);
    await hold(sku, 'BAD', 1);
    const waiting = orderOf({ [sku]: 1 }, { fulfilment: 'backorder' });
    await shop.place(waiting);
    expect((await viewOf(shop.db, waiting.orderId)).items[0]).toMatchObject({ reservedQuantity: 0 });
    await nameLots(shipmentId, sku, { BAD: 1 });
    expect((await viewOf(shop.db, waiting.orderId)).items[0]).toMatchObject({ reservedQuantity: 1 });
  });
});

describe('serial numbers that are named after their parcel has left', () => {
  const holdSerial = (sku: string, serial: string) =>
    putOnHold(shop.db, {
      holdId: newId(),
      sku,
      location: 'AMS',
      quantity: 1,
      serials: [serial],
      reason: 'x',
      actor: 't',
    });
  const holdsOf = async (sku: string) =>
    (await listQualityHolds(shop.db, { sku, limit: 5, offset: 0 })).items;

  test.each([
    [['S2@AMS: in_stock', 'S1@AMS: shipped'], 1],
    [['S2@AMS: removed', 'S1@AMS: shipped'], 0],
  ])('may be one that a count did not find since: %j', async (after, counted) => {
    const sku = await withSerials(shop, 'S2', 'S1');
    const { shipmentId } = await leftWith(sku, 1);
    const sheet = await sheetOf([sku]);
    await countAll(sheet, [{ sku, counted, ...(counted > 0 ? { serials: [] } : {}) }]);
    await submit(sheet);
    await approve(sheet);
    expect(await serialsOf(shop.db, sku)).toEqual(['S2@AMS: shipped', 'S1@AMS: removed']);
    await twice(shop.db, () => name(shipmentId, sku, { serials: ['S1'] }));
    expect(await serialsOf(shop.db, sku)).toEqual(after);
    expect(await unitsIn(shipmentId)).toMatchObject({ serials: [{ serial: 'S1', named: true }] });
    expect(await onHand(sku)).toBe(counted);
  });

  test('leave their quality hold, and are told', async () => {
    const sku = await withSerials(shop, 'S2', 'S1');
    const { orderId, shipmentId } = await leftWith(sku, 1);
    const made = await holdSerial(sku, 'S1');
    await twice(shop.db, () => name(shipmentId, sku, { serials: ['S1'] }));
    expect(await serialsOf(shop.db, sku)).toEqual(['S2@AMS: in_stock', 'S1@AMS: shipped']);
    expect(await holdsOf(sku)).toMatchObject([{ id: made.id, open: 0, gone: 1, awaited: 0, serials: [] }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
    expect(await alertsOf('attention', { orderId, reason: 'blocked_left' })).toMatchObject([
      { details: { severity: 'critical', items: [{ sku, lot: null, serial: 'S1', quantity: 1 }] } },
    ]);
  });

  test('put one that is on hold back on hold where it was taken by rule', async () => {
    const sku = await withSerials(shop, 'S1', 'S2');
    const orderId = await paid(sku, 2);
    await holdSerial(sku, 'S1');
    await book(orderId);
    const shipmentId = (await viewOf(shop.db, orderId)).shipments[0]!.id;
    await pickUp(shipmentId);
    expect(await serialsOf(shop.db, sku)).toEqual(['S1@AMS: shipped', 'S2@AMS: shipped']);
    await deliver(shop.db, [{ sku, quantity: 1, serials: ['S3'] }]);
    await name(shipmentId, sku, { serials: ['S3', 'S2'] });
    expect(await serialsOf(shop.db, sku)).toEqual(['S1@AMS: in_stock', 'S2@AMS: shipped', 'S3@AMS: shipped']);
    const [again] = (await holdsOf(sku)).filter(({ open }) => open > 0);
    expect(again).toMatchObject({ open: 1, awaited: 0, reason: 'x', serials: ['S1'] });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1] });
    await writeOffHold(withStock(shop.db), { holdId: again!.id, actor: 't', effectId: newId() });
    expect(await serialsOf(shop.db, sku)).toContain('S1@AMS: written_off');
    const open = await alertsOf('attention', { status: 'open' });
    expect(open.filter((alert) => alert.orderId === orderId)).toEqual([]);
  });

  test('take what is told of them along to the parcel they were really in', async () => {
    const sku = await withSerials(shop, 'S1', 'S2');
    const [one, two] = [await paid(sku, 1), await paid(sku, 1)];
    const parcelOf = async (orderId: string) => (await viewOf(shop.db, orderId)).shipments[0]!.id;
    await holdSerial(sku, 'S1');
    await book(one);
    await book(two);
    await pickUp(await parcelOf(one));
    await pickUp(await parcelOf(two));
    expect(await unitsIn(await parcelOf(two))).toMatchObject({ serials: [{ serial: 'S1' }] });
    await name(await parcelOf(one), sku, { serials: ['S1'] });
    const told = (await alertsOf('attention', { status: 'open' })).map(({ orderId }) => orderId);
    expect(told.filter((id) => id === one || id === two)).toEqual([one]);
  });
});
