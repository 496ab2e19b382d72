import { readStock, readStockByState } from '../../domain/stock/availability/availability';
import { closeWarehouse } from '../../domain/stock/places/close';
import { openWarehouse } from '../../domain/stock/places/open';
import { confirmReservation } from '../../domain/stock/reservations/change-reservation';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { openReservationShop, type ReservationShop } from './reservation-shop';
import { keepForBackorders, orderOf, pay } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

test('every unit on hand is in one state, at each place and in total', async () => {
  const sku = await shop.product({ AMS: 20, BER: 5 });
  await confirmReservation({ db: shop.db, actor: 'test' }, await shop.reserve({ [sku]: 1 }));
  await shop.reserve({ [sku]: 2 });
  const [unpaid, charged] = [orderOf({ [sku]: 3 }), orderOf({ [sku]: 4 })];
  await shop.place(unpaid);
  await shop.place(charged);
  // Its charge is under way: it does not fall due.
  await pay(shop.db, charged.orderId);
  await putOnHold(shop.db, {
    holdId: newId(),
    sku,
    location: 'AMS',
    quantity: 5,
    reason: 'damaged',
    actor: 'test',
  });
  await keepForBackorders(shop.db, [sku], 'BER');
  await closeWarehouse(shop.db, { code: 'BER', actor: 'test', reason: null, withinMs: 20_000 });

  const shown = await readStockByState(shop.db, sku);
  expect(shown?.locations).toMatchObject([
    { warehouse: 'AMS', onHand: 20, reserved: 15, available: 5, committed: 5, unpaid: 5, unavailable: 5 },
    { warehouse: 'BER', onHand: 6, reserved: 1, available: 0, committed: 1, unpaid: 0, unavailable: 5 },
  ]);
  expect(shown).toMatchObject({
    onHand: 26,
    reserved: 16,
    available: 5,
    committed: 6,
    unpaid: 5,
    unavailable: 10,
  });
  for (const { onHand, available, committed, unpaid: waiting, unavailable } of [shown!, ...shown!.locations])
    expect(available + committed + waiting + unavailable).toBe(onHand);
  const usual = await readStock(shop.db, sku);
  expect(shown).toMatchObject({ ...usual, asOf: shown?.asOf });
  await openWarehouse(withStock(shop.db), { code: 'BER', actor: 'test', reason: null, withinMs: 20_000 });
  expect(await readStockByState(shop.db, sku)).toMatchObject({ available: 10, unavailable: 5 });
  expect(await readStockByState(shop.db, 'NOPE')).toBeNull();
});
