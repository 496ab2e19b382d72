import { claimShipments } from '../../domain/fulfilment/book';
import { nameParcelUnits } from '../../domain/fulfilment/parcel-units';
import { confirmReservation } from '../../domain/stock/reservations/change-reservation';
import { shipReservation } from '../../domain/stock/reservations/ship-reservation';
import { selectLots } from '../../domain/stock/tracking/view-queries';
import { recallLot, releaseUnblocked } from '../../domain/warehousing/quality/blocked-lots';
import { releaseFromHold } from '../../domain/warehousing/quality/end-hold';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect, shippedOrder } from '../returns/support';
import { carryOutStops } from '../db/carry-out-stops';
import { openReservationShop, viewOfReservation, type ReservationShop } from '../db/reservation-shop';
import { CARRIER, levelsOf, orderOf, twice, viewOf } from '../db/support';
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

const { lotted, hold, settle, paid, book, parcelsOf, alertsOf, pickUp } = blockingLots(() => shop);

describe('a recall of units that are promised', () => {
  /** Five units of each, BAD first out. */
  async function badAndGood(): Promise<string> {
    const sku = await lotted();
    await deliver(shop.db, [
      { sku, quantity: 5, lot: lot('BAD', 10) },
      { sku, quantity: 5, lot: lot('GOOD', 20) },
    ]);
    return sku;
  }

  test('cuts a reservation to what is good, which alone leaves', async () => {
    const sku = await badAndGood();
    const reservationId = await shop.reserve({ [sku]: 8 });
    await confirmReservation({ db: shop.db, actor: 'test' }, reservationId);
    expect(await hold(sku, 'BAD', 5)).toMatchObject({ quantity: 5, open: 5, awaited: 3 });
    // Nothing but good units may leave, also before it is settled who gives up.
    await expect(shipReservation(withStock(shop.db), reservationId)).rejects.toMatchObject({
      code: 'LOT_BLOCKED',
    });
    await twice(shop.db, () => settle(sku));
    expect((await viewOfReservation(shop.db, reservationId)).items).toMatchObject([{ openQuantity: 5 }]);
    expect((await listQualityHolds(shop.db, { sku, limit: 1, offset: 0 })).items).toMatchObject([
      { open: 5, awaited: 0 },
    ]);
    await shipReservation(withStock(shop.db), reservationId);
    expect(await lotsOf(shop.db, sku)).toEqual(['BAD@AMS: 5']);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5] });
    expect(await alertsOf('recall', { sku })).toMatchObject([
      { details: { why: 'recall BAD', affected: [{ reservationId, outcome: 'cut', units: 3 }] } },
    ]);
  });

  test('takes what is not paid for first, and the newest of that', async () => {
    const sku = await badAndGood();
    const [old, young] = [orderOf({ [sku]: 3 }), orderOf({ [sku]: 3 })];
    const paidOne = await paid(sku, 3);
    await shop.place(old);
    await shop.place(young);
    await hold(sku, 'BAD', 5);
    await settle(sku);
    const reserved = async (id: string) => (await viewOf(shop.db, id)).items[0]?.reservedQuantity;
    expect(await Promise.all([paidOne, old.orderId, young.orderId].map(reserved))).toEqual([3, 2, 0]);
    expect((await viewOf(shop.db, young.orderId)).status).toBe('cancelled');
  });

  test.each(['pending', 'booked'])(
    'makes a paid parcel that is %s anew: from another warehouse as far as it has any, and the rest is given back',
    async (status) => {
      const sku = await badAndGood();
      const orderId = await paid(sku, 8);
      await deliver(shop.db, [{ sku, quantity: 2, lot: lot('OTHER', 30) }], 'BER');
      if (status === 'booked') await book(orderId);
      await hold(sku, 'BAD', 5);
      const claimed = await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 9 });
      expect(claimed.filter((one) => one.orderId === orderId)).toEqual([]);
      // As the saga does: after each release it settles again.
      for (let round = 0; round < 4; round++) {
        await twice(shop.db, () => settle(sku));
        await carryOutStops(shop.db, orderId);
      }
      expect(await parcelsOf(orderId)).toEqual(['AMS pending 5', 'BER pending 2']);
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 10], BER: [2, 2] });
      const view = await viewOf(shop.db, orderId);
      expect(view.items[0]).toMatchObject({ reservedQuantity: 7, cancelledQuantity: 1 });
      expect(view.refunds.map(({ amountMinor }) => amountMinor)).toEqual([view.items[0]?.unitPriceMinor]);
    },
  );

  test('makes a parcel anew into which recalled units were packed, although there are good ones', async () => {
    const sku = await badAndGood();
    const orderId = await paid(sku, 2);
    const [parcel] = (await viewOf(shop.db, orderId)).shipments;
    await nameParcelUnits(withStock(shop.db), {
      actor: 'packer',
      shipmentId: parcel!.id,
      items: [{ sku, lots: [{ code: 'BAD', quantity: 2 }] }],
    });
    await book(orderId);
    await hold(sku, 'BAD', 5);
    await twice(shop.db, () => settle(sku));
    await carryOutStops(shop.db, orderId);
    expect(await parcelsOf(orderId)).toEqual(['AMS pending 2']);
    const view = await viewOf(shop.db, orderId);
    expect(view.items[0]).toMatchObject({ reservedQuantity: 2 });
    const again = view.shipments.find(({ status }) => status === 'pending')!.id;
    const pack = (code: string) =>
      nameParcelUnits(withStock(shop.db), {
        actor: 'packer',
        shipmentId: again,
        items: [{ sku, lots: [{ code, quantity: 2 }] }],
      });
    await expect(pack('BAD')).rejects.toMatchObject({ code: 'LOT_BLOCKED' });
    await pack('good');
  });

  test('of a lot puts everything of it on hold, and what comes back of it', async () => {
    const sku = await badAndGood();
    const orderId = await shippedOrder(shop, { [sku]: 1 });
    const change = { sku, lot: 'BAD', reason: 'glass', actor: 'qa' };
    const recalled = await recallLot(withStock(shop.db), { ...change, recalled: true });
    expect(recalled).toMatchObject({ recall: { reason: 'glass', by: 'qa' }, quantity: 4, held: 4 });
    const { id } = await authorise(shop.db, orderId, { [sku]: 1 });
    await comesIn(shop.db, id, { [sku]: 1 });
    await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 5] });
    await recallLot(withStock(shop.db), { ...change, recalled: false, reason: 'tested' });
    await releaseUnblocked(withStock(shop.db));
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 0] });
  });

  test('of named serial numbers is not packed, and is taken last', async () => {
    const sku = await withSerials(shop, 'A1', 'B2', 'C3');
    const orderId = await paid(sku, 2);
    const made = await putOnHold(shop.db, {
      holdId: newId(),
      sku,
      location: 'AMS',
      quantity: 1,
      serials: [' a1'],
      reason: 'x',
      actor: 't',
    });
    expect(made).toMatchObject({ serials: ['A1'], open: 1 });
    const [parcel] = (await viewOf(shop.db, orderId)).shipments;
    await expect(
      nameParcelUnits(withStock(shop.db), {
        actor: 'packer',
        shipmentId: parcel!.id,
        items: [{ sku, serials: ['A1'] }],
      }),
    ).rejects.toMatchObject({ code: 'SERIAL_BLOCKED' });
    await book(orderId);
    await pickUp(parcel!.id);
    expect(await serialsOf(shop.db, sku)).toEqual(['A1@AMS: in_stock', 'B2@AMS: shipped', 'C3@AMS: shipped']);
    await releaseFromHold(withStock(shop.db), { holdId: made.id, actor: 't', effectId: newId() });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  });
});

test.each([
  ['on hold', (sku: string) => hold(sku, 'BAD', 3)],
  [
    'recalled',
    (sku: string) => {
      const recall = { sku, lot: 'BAD', recalled: true, reason: 'recall BAD', actor: 'tester' };
      return recallLot(withStock(shop.db), recall);
    },
  ],
])(
  'a booked lot that is %s and picked up among a hundred updates is booked as they are, with one alert',
  async (_, block) => {
    const sku = await lotted();
    await deliver(shop.db, [{ sku, quantity: 3, lot: lot('BAD', 10) }]);
    const bad = await paid(sku, 2);
    const other = await shop.product({ AMS: 99 });
    const orders = [bad];
    for (let n = 0; n < 99; n++) orders.push(await paid(other, 1));
    const parcels: string[] = [];
    for (const orderId of orders) {
      await book(orderId);
      parcels.push((await viewOf(shop.db, orderId)).shipments[0]!.id);
    }
    await block(sku);
    await settle(sku);
    const before = (await alertsOf('attention', {})).length;
    const outcomes = await pickUp(...parcels);
    expect(outcomes.filter(({ result }) => result === 'applied')).toHaveLength(100);
    const alerts = await alertsOf('attention', {});
    expect(alerts).toHaveLength(before + 1);
    expect(alerts[0]).toMatchObject({
      orderId: bad,
      details: {
        reason: 'blocked_left',
        severity: 'critical',
        units: 2,
        items: [{ sku, lot: 'BAD', quantity: 2 }],
      },
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1] });
    expect(await selectLots(shop.db, sku, 'AMS')).toMatchObject([{ code: 'BAD', quantity: 1, held: 1 }]);
    expect((await listQualityHolds(shop.db, { sku, limit: 1, offset: 0 })).items).toMatchObject([
      { quantity: 3, open: 1, gone: 2, awaited: 0 },
    ]);
  },
);

test('holds, parcels, orders, deliveries and releases at once sell no blocked unit and lose none', async () => {
  for (let round = 0; round < 4; round++) {
    const sku = await lotted();
    await deliver(shop.db, [
      { sku, quantity: 12, lot: lot('BAD', 10) },
      { sku, quantity: 12, lot: lot('GOOD', 20) },
    ]);
    const orders = await Promise.all(Array.from({ length: 5 }, () => paid(sku, 3)));
    await Promise.all(orders.slice(0, 3).map(book));
    const parcels = await Promise.all(
      orders.map(async (id) => (await viewOf(shop.db, id)).shipments[0]?.id ?? ''),
    );
    const outcomes = await Promise.allSettled([
      recallLot(withStock(shop.db), { sku, lot: 'BAD', reason: 'x', actor: 't', recalled: true }),
      hold(sku, 'GOOD', 2),
      ...parcels.slice(0, 2).map((id) => pickUp(id)),
      settle(sku),
      ...Array.from({ length: 4 }, () => shop.place(orderOf({ [sku]: 2 }))),
      deliver(shop.db, [{ sku, quantity: 2, lot: lot('BAD', 10) }]),
      deliver(shop.db, [{ sku, quantity: 2, lot: lot('BAD', 10) }], 'BER'),
    ]);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
    for (let again = 0; again < 3; again++) {
      await settle(sku);
      for (const orderId of orders) await carryOutStops(shop.db, orderId);
    }
    const bad = (await selectLots(shop.db, sku, null)).filter(({ code }) => code === 'BAD');
    expect(bad.map(({ quantity, held }) => quantity - held)).toEqual(bad.map(() => 0));
    const holds = await listQualityHolds(shop.db, { sku, status: 'open', limit: 50, offset: 0 });
    expect(holds.items.map(({ awaited }) => awaited)).toEqual(holds.items.map(() => 0));
    await expectInvariants(shop.db);
  }
});
