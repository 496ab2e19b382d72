import { claimShipments } from '../../domain/fulfilment/book';
import { nameParcelUnits } from '../../domain/fulfilment/parcel-units';
import { settleAllPromised } from '../../domain/ordering/promised/settle-promised';
import { receiveTransfer } from '../../domain/stock/transfers/receive';
import { startTransfer } from '../../domain/stock/transfers/start';
import { correctLotExpiry, holdBlockedLots } from '../../domain/warehousing/quality/blocked-lots';
import { tellOfNearExpiry } from '../../domain/warehousing/quality/near-expiry';
import { releaseFromHold } from '../../domain/warehousing/quality/end-hold';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect, shippedOrder } from '../returns/support';
import { carryOutStops } from '../db/carry-out-stops';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { CARRIER, levelsOf, orderOf, twice, viewOf } from '../db/support';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { blockingLots, lot } from './blocking-lots';
import { deliver, inDays } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { lotted, expire, hold, paid, parcelsOf, alertsOf } = blockingLots(() => shop);

describe('a lot that has expired', () => {
  test('on arrival is received and never on sale, also where somebody waits for it', async () => {
    const sku = await lotted();
    const waits = orderOf({ [sku]: 2 }, { fulfilment: 'backorder' });
    await shop.place(waits);
    await deliver(shop.db, [{ sku, quantity: 5, lot: lot('OLD', -1) }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5] });
    expect((await viewOf(shop.db, waits.orderId)).items[0]).toMatchObject({ backorderedQuantity: 2 });
    expect(await shop.place(orderOf({ [sku]: 1 }))).toMatchObject({ outcome: 'rejected' });
    const holds = await listQualityHolds(shop.db, { sku, limit: 10, offset: 0 });
    expect(holds.items).toMatchObject([
      { lot: 'OLD', open: 5, awaited: 0, cause: 'expired', actor: 'system' },
    ]);
    await deliver(shop.db, [{ sku, quantity: 3, lot: lot('TODAY', 0) }]);
    expect((await viewOf(shop.db, waits.orderId)).items[0]).toMatchObject({ reservedQuantity: 2 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [8, 7] });
  });

  test('on the shelf goes off sale, and what is promised of it comes from elsewhere, or is cut', async () => {
    const sku = await lotted();
    const code = newId();
    await deliver(shop.db, [{ sku, quantity: 4, lot: lot(code, 1) }]);
    await deliver(shop.db, [{ sku, quantity: 1, lot: lot('FRESH', 90) }], 'BER');
    const order = orderOf({ [sku]: 3 });
    await shop.place(order);
    await expire(code);
    expect(await twice(shop.db, () => holdBlockedLots(shop.db))).toEqual([1, 0]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4], BER: [1, 0] });
    await settleAllPromised(shop.db);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4], BER: [1, 1] });
    expect((await viewOf(shop.db, order.orderId)).items[0]).toMatchObject({
      reservedQuantity: 1,
      cancelledQuantity: 2,
    });
    expect(await eventTypes(shop.db, order.orderId)).toContain('units_blocked');
    expect(await alertsOf('recall', { sku })).toMatchObject([
      {
        location: 'AMS',
        details: {
          affected: [
            { orderId: order.orderId, outcome: 'moved', units: 1 },
            { outcome: 'cut', units: 2 },
          ],
        },
      },
    ]);
    expect(await alertsOf('attention', { orderId: order.orderId })).toMatchObject([
      { details: { reason: 'units_blocked', units: 2 } },
    ]);
  });

  test('that comes with a return or a transfer is not on sale', async () => {
    const sku = await lotted();
    const code = newId();
    await deliver(shop.db, [{ sku, quantity: 6, lot: lot(code, 1) }]);
    const orderId = await shippedOrder(shop, { [sku]: 2 });
    const transferId = newId();
    await startTransfer(withStock(shop.db), {
      transferId,
      sku,
      from: 'AMS',
      to: 'BER',
      quantity: 4,
      mode: 'in_transit',
      actor: 'test',
      transitSeconds: 60,
    });
    await expire(code);
    await receiveTransfer(withStock(shop.db), { transferId, receiptId: newId(), actor: 'test' });
    expect((await levelsOf(shop.db, sku))['BER']).toEqual([4, 4]);
    const { id } = await authorise(shop.db, orderId, { [sku]: 2 });
    await comesIn(shop.db, id, { [sku]: 2 });
    await inspect(shop.db, id, [{ sku, restock: 2, writeOff: 0 }]);
    expect((await levelsOf(shop.db, sku))['AMS']).toEqual([2, 2]);
  });

  test('by a mistyped date is corrected, and on sale again; once more and it is not', async () => {
    const sku = await lotted();
    await deliver(shop.db, [{ sku, quantity: 5, lot: lot('L-7', -1) }]);
    const change = { sku, lot: 'l-7', reason: 'mistyped', actor: 'clerk' };
    const corrected = await correctLotExpiry(withStock(shop.db), { ...change, expiresOn: inDays(365) });
    expect(corrected).toMatchObject({ code: 'L-7', expired: false, quantity: 5, held: 0 });
    expect(corrected.changes).toMatchObject([
      { change: 'expiry', before: inDays(-1), after: inDays(365), reason: 'mistyped', actor: 'clerk' },
    ]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 0] });
    await correctLotExpiry(withStock(shop.db), { ...change, expiresOn: inDays(-2) });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5] });
    const [held] = (await listQualityHolds(shop.db, { sku, status: 'open', limit: 1, offset: 0 })).items;
    await expect(
      releaseFromHold(withStock(shop.db), { holdId: held!.id, actor: 't', effectId: newId() }),
    ).rejects.toMatchObject({ code: 'LOT_BLOCKED' });
  });

  test('in a packed parcel keeps it from being booked, and the parcel is made anew', async () => {
    const sku = await lotted();
    const code = newId();
    await deliver(shop.db, [
      { sku, quantity: 2, lot: lot(code, 1) },
      { sku, quantity: 2, lot: lot('FRESH', 90) },
    ]);
    const orderId = await paid(sku, 2);
    const [parcel] = (await viewOf(shop.db, orderId)).shipments;
    const items = [{ sku, lots: [{ code, quantity: 2 }] }];
    await nameParcelUnits(withStock(shop.db), { actor: 'packer', shipmentId: parcel!.id, items });
    await expire(code);
    const claimed = async () =>
      (await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 9 }))
        .filter((one) => one.orderId === orderId)
        .map(({ shipmentId }) => shipmentId);
    expect(await claimed()).toEqual([]);
    await holdBlockedLots(shop.db);
    await settleAllPromised(shop.db);
    await carryOutStops(shop.db, orderId);
    expect(await parcelsOf(orderId)).toEqual(['AMS pending 2']);
    expect(await claimed()).not.toContain(parcel!.id);
    expect((await viewOf(shop.db, orderId)).items[0]).toMatchObject({ cancelledQuantity: 0 });
  });

  test('soon raises an alert while it is on sale, and only then', async () => {
    const sku = await lotted();
    const code = newId();
    await deliver(shop.db, [{ sku, quantity: 5, lot: lot(code, 3) }]);
    await twice(shop.db, () => tellOfNearExpiry(shop.db, { days: 14 }));
    expect(await alertsOf('expiry_near', { sku })).toMatchObject([
      { status: 'open', details: { lots: [{ lot: code, expiresOn: inDays(3), quantity: 5 }] } },
    ]);
    await hold(sku, code, 5);
    await tellOfNearExpiry(shop.db, { days: 14 });
    expect(await alertsOf('expiry_near', { sku, status: 'open' })).toEqual([]);
  });
});
