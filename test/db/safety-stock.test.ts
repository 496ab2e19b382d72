import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { checkAvailability, readStock, readStockByState } from '../../domain/stock/availability/availability';
import { createStockReader } from '../../domain/stock/availability/stock-reader';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { closeWarehouse } from '../../domain/stock/places/close';
import { openWarehouse } from '../../domain/stock/places/open';
import { confirmReservation, releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { shipReservation } from '../../domain/stock/reservations/ship-reservation';
import { readSafetyStock, setSafetyStock } from '../../domain/stock/safety-stock/safety-stock';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import { readAlerts } from '../alerts/alert-rows';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { openReservationShop, reservationOf, type ReservationShop } from './reservation-shop';
import { levelsOf, orderOf, receive, viewOf } from './support';
import { transferSteps } from './transfer-steps';

let shop: ReservationShop;

beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

function keep(sku: string, units: number | 'inherit', location: string | null = 'AMS'): Promise<void> {
  return setSafetyStock(withStock(shop.db), { actor: 'test', sku, location, units });
}

async function available(sku: string): Promise<number> {
  const shown = await readStock(shop.db, sku);
  const reader = createStockReader({ db: shop.db, warehouses: createWarehouseDirectory(shop.db) });
  // Whoever shows it shows the same.
  expect(JSON.parse((await reader.readJson(sku)) ?? '')).toMatchObject({ available: shown!.available });
  expect(await readStockByState(shop.db, sku)).toMatchObject({ available: shown!.available });
  return shown!.available;
}

const reserve = async (sku: string, quantity: number, warehouse: string | null = null) =>
  (await shop.standalone.submit(reservationOf({ [sku]: quantity }, { warehouse }))).outcome;
const backorderOf = (sku: string, quantity: number) =>
  orderOf({ [sku]: quantity }, { fulfilment: 'backorder' });
const waiting = async (orderId: string) =>
  (await viewOf(shop.db, orderId)).items[0]?.backorderedQuantity ?? 0;
const setTo = (sku: string, count: number) =>
  adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { setTo: count },
    reason: 'counted',
    actor: 'test',
    effectId: newId(),
  });

test('what is kept back is promised to nobody, and what is shown as available can be ordered to the last unit', async () => {
  const sku = await shop.product({ AMS: 10 });
  await keep(sku, 4);
  expect(await available(sku)).toBe(6);
  const [wanted] = [{ sku, quantity: 7 }];
  expect((await checkAvailability(shop.db, [wanted])).shortages).toMatchObject([{ available: 6 }]);
  expect(await shop.place(orderOf({ [sku]: 7 }))).toMatchObject({
    outcome: 'rejected',
    shortages: [{ requested: 7, available: 6 }],
  });
  expect(await reserve(sku, 7, 'AMS')).toBe('short');
  expect((await shop.place(orderOf({ [sku]: 5 }))).outcome).toBe('reserved');
  expect(await reserve(sku, 1)).toBe('reserved');
  expect(await available(sku)).toBe(0);
  expect(await reserve(sku, 1)).toBe('short');
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 6] });
});

test('what is promised stays promised when more is kept back, and ships', async () => {
  const sku = await shop.product({ AMS: 5 });
  const id = await shop.reserve({ [sku]: 4 });
  await keep(sku, 100);
  expect(await available(sku)).toBe(0);
  await confirmReservation({ db: shop.db, actor: 'test' }, id);
  await shipReservation(withStock(shop.db), id);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  await setTo(sku, 100);
  expect(await available(sku)).toBe(0);
  await setTo(sku, 103);
  expect(await available(sku)).toBe(3);
});

test('who waits gets only what comes in beyond it, and the rest at once when less is kept back', async () => {
  const sku = await shop.product({ AMS: 0 });
  await keep(sku, 5);
  const [first, second] = [backorderOf(sku, 4), backorderOf(sku, 2)];
  await shop.place(first);
  await shop.place(second);
  await receive(shop.db, sku, 'AMS', 4);
  expect(await waiting(first.orderId)).toBe(4);
  await receive(shop.db, sku, 'AMS', 3);
  expect(await waiting(first.orderId)).toBe(2);
  await keep(sku, 5);
  expect(await waiting(first.orderId)).toBe(2);
  await keep(sku, 2);
  expect([await waiting(first.orderId), await waiting(second.orderId)]).toEqual([0, 1]);
  await keep(sku, 'inherit');
  expect(await waiting(second.orderId)).toBe(0);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [7, 6] });
});

test('a release below it serves nobody', async () => {
  const sku = await shop.product({ AMS: 3 });
  const id = await shop.reserve({ [sku]: 3 });
  const order = backorderOf(sku, 1);
  await shop.place(order);
  await keep(sku, 3);
  await releaseReservation(withStock(shop.db), id);
  expect(await waiting(order.orderId)).toBe(1);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
});

test('a warehouse that opens serves the queue with what is beyond it', async () => {
  const sku = await shop.product({ AMS: 0 });
  await keep(sku, 2);
  const change = { code: 'AMS', actor: 'test', reason: null, withinMs: 20_000 };
  await closeWarehouse(shop.db, change);
  const order = backorderOf(sku, 5);
  await shop.place(order);
  await receive(shop.db, sku, 'AMS', 6);
  expect(await readStockByState(shop.db, sku)).toMatchObject({
    available: 0,
    unavailable: 6,
    unavailableBy: { qualityHold: 0, safetyStock: 2, closed: 4 },
  });
  await openWarehouse(withStock(shop.db), change);
  expect(await waiting(order.orderId)).toBe(1);
});

test('the warehouse itself may use it: quality holds, transfers, counts', async () => {
  const sku = await shop.product({ AMS: 10 });
  await keep(sku, 8);
  const transfers = transferSteps(shop);
  await transfers.receive(await transfers.start(sku, 5));
  const hold = { holdId: newId(), sku, location: 'AMS', quantity: 4, reason: 'damaged', actor: 'test' };
  await putOnHold(shop.db, hold);
  expect(await readStockByState(shop.db, sku)).toMatchObject({
    onHand: 10,
    available: 5,
    committed: 0,
    unpaid: 0,
    unavailable: 5,
    unavailableBy: { qualityHold: 4, safetyStock: 1, closed: 0 },
  });
  await expect(putOnHold(shop.db, { ...hold, holdId: newId(), quantity: 2 })).rejects.toMatchObject({
    details: { available: 1 },
  });
  await setTo(sku, 4);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4], BER: [5, 0] });
});

test("a product's holds where none is set, also where stock comes later; one that is set at a location stays", async () => {
  const sku = await shop.product({ AMS: 5 });
  await keep(sku, 1);
  await keep(sku, 3, null);
  await receive(shop.db, sku, 'BER', 4);
  expect(await readSafetyStock(shop.db, sku)).toEqual({
    sku,
    default: 3,
    locations: [
      { warehouse: 'AMS', units: 1, own: true },
      { warehouse: 'BER', units: 3, own: false },
    ],
  });
  expect(await available(sku)).toBe(5);
  await keep(sku, 'inherit');
  expect(await available(sku)).toBe(3);
  await keep(sku, 'inherit', null);
  expect(await readSafetyStock(shop.db, sku)).toMatchObject({
    default: null,
    locations: [{ units: 0 }, { units: 0 }],
  });
  expect(await available(sku)).toBe(9);
  await expect(keep('NO-SUCH', 1)).rejects.toMatchObject({ code: 'UNKNOWN_SKU' });
  await expect(keep(sku, 1, 'NOPE')).rejects.toMatchObject({ code: 'UNKNOWN_LOCATION' });
});

test('alerts go by what can be ordered', async () => {
  const sku = await shop.product({ AMS: 10 });
  await keep(sku, 10);
  expect(await readAlerts(shop.db, sku)).toEqual(['out_of_stock open']);
  await keep(sku, 9);
  expect(await readAlerts(shop.db, sku)).toEqual(['out_of_stock resolved']);
});

test('many who order, release, receive and set it at once never promise more than is beyond it', async () => {
  const sku = await shop.product({ AMS: 30, BER: 10 });
  await keep(sku, 10, null);
  const outcomes = await Promise.all([
    ...Array.from({ length: 40 }, () => reserve(sku, 1)),
    keep(sku, 10, 'BER'),
    keep(sku, 10, null),
  ]);
  expect(outcomes.filter((outcome) => outcome === 'reserved')).toHaveLength(20);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [30, 20], BER: [10, 0] });
});
