import { cutUnits } from '../../domain/ordering/cuts/cut';
import { requestCut } from '../../domain/ordering/cuts/request';
import { readProgress } from '../../domain/ordering/progress';
import { recallLot } from '../../domain/warehousing/quality/blocked-lots';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { newId } from '../../platform/ids';
import { carryOutStops } from '../db/carry-out-stops';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { capture, levelsOf, orderOf, PAYMENT, twice, viewOf } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { blockingLots, lot } from './blocking-lots';
import { deliver } from './support';

/** What an order gives up of a parcel is cut out of that parcel, whatever else of the product the order has. */

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { lotted, settle, paid, parcelsOf } = blockingLots(() => shop);

const recall = (sku: string, code: string) =>
  recallLot(withStock(shop.db), { sku, lot: code, recalled: true, reason: 'glass', actor: 'qa' });
const holdsOf = async (sku: string) =>
  (await listQualityHolds(shop.db, { sku, limit: 5, offset: 0 })).items.map(
    ({ location, open, awaited }) => `${location} ${open} ${awaited}`,
  );

/** An order of `units` of which six are in a paid parcel, with a recall of these six that has stopped it; the rest waits for stock. */
async function recalledParcel(units: number, others: Record<string, number> = {}) {
  const [sku, code] = [await lotted(), `BAD-${newId()}`];
  await deliver(shop.db, [{ sku, quantity: 6, lot: lot(code, 10) }]);
  const order = orderOf({ [sku]: units, ...others }, { fulfilment: 'backorder', payment: PAYMENT });
  const { orderId } = order;
  await shop.place(order);
  await capture(shop.db, orderId);
  expect((await viewOf(shop.db, orderId)).items.find((item) => item.sku === sku)).toMatchObject({
    reservedQuantity: 6,
    backorderedQuantity: units - 6,
  });
  await recall(sku, code);
  return {
    sku,
    orderId,
    itemOf: async () => (await viewOf(shop.db, orderId)).items.find((item) => item.sku === sku),
  };
}

test('a recall does not take what waits for stock, also where the order cuts units just then', async () => {
  const other = await shop.product({ AMS: 1 });
  const { sku, orderId, itemOf } = await recalledParcel(10, { [other]: 1 });
  await requestCut(shop.db, {
    orderId,
    requestId: newId(),
    items: [{ sku: other, quantity: 1 }],
    reason: null,
  });
  await settle(sku);
  // The saga had read that there is something to cut before the recall came.
  await twice(shop.db, () => cutUnits(shop.db, orderId));
  for (let round = 0; round < 2; round++) {
    await carryOutStops(shop.db, orderId);
    await settle(sku);
  }
  expect(await holdsOf(sku)).toEqual(['AMS 6 0']);
  expect(await itemOf()).toMatchObject({ reservedQuantity: 0, backorderedQuantity: 4, cancelledQuantity: 6 });
  expect((await readProgress(shop.db, orderId))?.mayCut).toBe(false);
});

test('what is cut for a client is not taken for what the recalled parcel gives up, nor the other way round', async () => {
  const { sku, orderId, itemOf } = await recalledParcel(10);
  await requestCut(shop.db, { orderId, requestId: newId(), items: [{ sku, quantity: 3 }], reason: null });
  await settle(sku);
  for (let round = 0; round < 2; round++) {
    await carryOutStops(shop.db, orderId);
    await settle(sku);
  }
  expect(await holdsOf(sku)).toEqual(['AMS 6 0']);
  expect(await itemOf()).toMatchObject({ reservedQuantity: 0, backorderedQuantity: 1, cancelledQuantity: 9 });
});

test('units that are moved into an own parcel of the order leave the cut to the recalled one', async () => {
  const [sku, bad] = [await lotted(), `BAD-${newId()}`];
  await deliver(shop.db, [{ sku, quantity: 3, lot: lot('GOOD', 30) }]);
  await deliver(
    shop.db,
    [
      { sku, quantity: 4, lot: lot(bad, 10) },
      { sku, quantity: 2, lot: lot('FINE', 20) },
    ],
    'BER',
  );
  const orderId = await paid(sku, 9);
  expect(await parcelsOf(orderId)).toEqual(['AMS pending 3', 'BER pending 6']);
  await deliver(shop.db, [{ sku, quantity: 2, lot: lot('MORE', 30) }]);
  await recall(sku, bad);
  await twice(shop.db, () => settle(sku, 'BER'));
  await carryOutStops(shop.db, orderId);
  expect(await parcelsOf(orderId)).toEqual(['AMS pending 5', 'BER pending 2']);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5], BER: [6, 6] });
  expect(await holdsOf(sku)).toEqual(['BER 4 0']);
  const view = await viewOf(shop.db, orderId);
  expect(view.items[0]).toMatchObject({ reservedQuantity: 7, cancelledQuantity: 2 });
  expect(view.refunds.map(({ amountMinor }) => amountMinor)).toEqual([
    2 * (view.items[0]?.unitPriceMinor ?? 0),
  ]);
});
