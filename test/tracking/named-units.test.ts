import { confirmReservation } from '../../domain/stock/reservations/change-reservation';
import { shipReservation, type NamedItem } from '../../domain/stock/reservations/ship-reservation';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { writeOffHold } from '../../domain/warehousing/quality/end-hold';
import type { NamedUnits } from '../../domain/stock/tracking/types';
import { startTransfer } from '../../domain/stock/transfers/start';
import { newId } from '../../platform/ids';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { twice } from '../db/support';
import { authorise, comesIn, inspect, shippedOrder } from '../returns/support';
import { expectInvariants } from '../support/invariants';
import { deliver, inDays, lotsOf, serialsOf, trackedProduct, withSerials } from './support';
import { withStock } from '../support/stock';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

function adjust(sku: string, delta: number, named: NamedUnits, effectId = newId()) {
  const change = { delta };
  return adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change,
    reason: 'test',
    actor: 'test',
    effectId,
    named,
  });
}

async function confirmedHold(sku: string, quantity: number): Promise<string> {
  const id = await shop.reserve({ [sku]: quantity });
  await confirmReservation({ db: shop.db, actor: 'test' }, id);
  return id;
}

describe('a reservation that is shipped', () => {
  test('takes the numbers that were read off, once', async () => {
    const sku = await withSerials(shop, 'A', 'B', 'C');
    const id = await confirmedHold(sku, 2);
    await twice(shop.db, () => shipReservation(withStock(shop.db), id, [{ sku, serials: ['C'] }]));
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: shipped', 'B@AMS: in_stock', 'C@AMS: shipped']);
  });

  test('takes the lots that were read off', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    await deliver(shop.db, [
      { sku, quantity: 4, lot: { code: 'SOON', expiresOn: inDays(3) } },
      { sku, quantity: 4, lot: { code: 'LATE', expiresOn: inDays(9) } },
    ]);
    const id = await confirmedHold(sku, 3);
    await shipReservation(withStock(shop.db), id, [
      { sku, location: 'AMS', lots: [{ code: 'LATE', quantity: 2 }] },
    ]);
    expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 3', 'LATE@AMS: 2']);
  });

  test('is refused as a whole when a name is wrong', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    await deliver(shop.db, [{ sku, quantity: 1, serials: ['ELSEWHERE'] }], 'BER');
    const id = await confirmedHold(sku, 1);
    const refused = (item: Partial<NamedItem>, code: string) =>
      expect(shipReservation(withStock(shop.db), id, [{ sku, ...item }])).rejects.toMatchObject({ code });
    await refused({ serials: ['ELSEWHERE'] }, 'SERIAL_NOT_THERE');
    await refused({ serials: ['A', 'B'] }, 'TOO_MANY_UNITS_NAMED');
    await refused({ location: 'BER' }, 'NOT_IN_PARCEL');
    await refused({ sku: 'NO-SUCH' }, 'NOT_IN_PARCEL');
    await refused({ lots: [{ code: 'L', quantity: 1 }] }, 'NOT_TRACKED');
    await shipReservation(withStock(shop.db), id, [{ sku, serials: ['B'] }]);
    expect((await serialsOf(shop.db, sku)).slice(0, 2)).toEqual(['A@AMS: in_stock', 'B@AMS: shipped']);
  });

  test('must say from where when the reservation takes a product from several places', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    await deliver(shop.db, [{ sku, quantity: 2, serials: ['C', 'D'] }], 'BER');
    const id = await confirmedHold(sku, 4);
    await expect(shipReservation(withStock(shop.db), id, [{ sku, serials: ['A'] }])).rejects.toMatchObject({
      code: 'NOT_IN_PARCEL',
    });
    await shipReservation(withStock(shop.db), id, [
      { sku, location: 'AMS', serials: ['A'] },
      { sku, location: 'BER', serials: ['D', 'C'] },
    ]);
    expect(new Set((await serialsOf(shop.db, sku)).map((text) => text.split(': ')[1]))).toEqual(
      new Set(['shipped']),
    );
  });
});

test('a transfer takes the numbers and lots that were read off', async () => {
  const sku = await trackedProduct(shop, { lots: true, serials: true });
  await deliver(shop.db, [
    { sku, quantity: 2, lot: { code: 'SOON', expiresOn: inDays(3) }, serials: ['A', 'B'] },
    { sku, quantity: 2, lot: { code: 'LATE', expiresOn: inDays(9) }, serials: ['C', 'D'] },
  ]);
  await startTransfer(withStock(shop.db), {
    transferId: newId(),
    sku,
    from: 'AMS',
    to: 'BER',
    quantity: 2,
    mode: 'immediate',
    actor: 'test',
    transitSeconds: 60,
    named: { serials: ['D'], lots: [{ code: 'LATE', quantity: 1 }] },
  });
  expect(await serialsOf(shop.db, sku)).toEqual([
    'A@BER: in_stock',
    'B@AMS: in_stock',
    'C@AMS: in_stock',
    'D@BER: in_stock',
  ]);
  expect((await lotsOf(shop.db, sku)).sort()).toEqual([
    'LATE@AMS: 1',
    'LATE@BER: 1',
    'SOON@AMS: 1',
    'SOON@BER: 1',
  ]);
});

describe('a correction', () => {
  test('downwards takes the numbers that are missing, once', async () => {
    const sku = await withSerials(shop, 'A', 'B', 'C');
    const effectId = newId();
    await twice(shop.db, () => adjust(sku, -1, { serials: ['B'] }, effectId));
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: in_stock', 'B@AMS: removed', 'C@AMS: in_stock']);
    await expect(adjust(sku, -1, { serials: ['B'] })).rejects.toMatchObject({ code: 'SERIAL_NOT_THERE' });
  });

  test('upwards brings back what was given up, and new numbers', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    await adjust(sku, -1, { serials: ['A'] });
    const effectId = newId();
    await twice(shop.db, () => adjust(sku, 2, { serials: ['A', 'NEW'] }, effectId));
    expect(await serialsOf(shop.db, sku)).toEqual([
      'A@AMS: in_stock',
      'B@AMS: in_stock',
      'NEW@AMS: in_stock',
    ]);
    await expect(adjust(sku, 1, { serials: ['B'] })).rejects.toMatchObject({
      code: 'DUPLICATE_SERIAL',
      details: { serials: ['B'] },
    });
    await expect(adjust(sku, 1, { serials: ['X', 'Y'] })).rejects.toMatchObject({
      code: 'TOO_MANY_UNITS_NAMED',
    });
  });

  test('names lots in both directions', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    await deliver(shop.db, [
      { sku, quantity: 2, lot: { code: 'SOON', expiresOn: inDays(3) } },
      { sku, quantity: 2, lot: { code: 'LATE', expiresOn: inDays(9) } },
    ]);
    await adjust(sku, -1, { lots: [{ code: 'LATE', quantity: 1 }] });
    await adjust(sku, 3, {
      lots: [
        { code: 'LATE', quantity: 1 },
        { code: 'FOUND', quantity: 2, expiresOn: inDays(20) },
      ],
    });
    expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 2', 'LATE@AMS: 2', 'FOUND@AMS: 2']);
    await expect(adjust(sku, -3, { lots: [{ code: 'LATE', quantity: 3 }] })).rejects.toMatchObject({
      code: 'LOT_SHORT',
    });
    await expect(
      adjust(sku, 1, { lots: [{ code: 'SOON', quantity: 1, expiresOn: inDays(4) }] }),
    ).rejects.toMatchObject({ code: 'LOT_EXPIRY_MISMATCH' });
  });
});

test('a return brings back the numbers that came, and gives up those that are broken', async () => {
  const sku = await withSerials(shop, 'A', 'B', 'C', 'D');
  const orderId = await shippedOrder(shop, { [sku]: 3 });
  const { id } = await authorise(shop.db, orderId, { [sku]: 3 });
  await comesIn(shop.db, id, { [sku]: 3 });
  const stepId = newId();
  const results = [{ sku, restock: 1, writeOff: 1, serials: ['A'], writeOffSerials: ['C'] }];
  await twice(shop.db, () => inspect(shop.db, id, results, stepId));
  expect(await serialsOf(shop.db, sku)).toEqual([
    'A@AMS: in_stock',
    'B@AMS: shipped',
    'C@AMS: written_off',
    'D@AMS: in_stock',
  ]);
  const unknown = [{ sku, restock: 1, writeOff: 0, serials: ['D'] }];
  await expect(inspect(shop.db, id, unknown)).rejects.toMatchObject({ code: 'SERIAL_NOT_THERE' });
});

test('a return that names what is restocked gives up another', async () => {
  const sku = await withSerials(shop, 'A', 'B');
  const orderId = await shippedOrder(shop, { [sku]: 2 });
  const { id } = await authorise(shop.db, orderId, { [sku]: 2 });
  await comesIn(shop.db, id, { [sku]: 2 });
  await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 1, serials: ['A'] }]);
  expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: in_stock', 'B@AMS: written_off']);
});

test('units on quality hold are written off by number', async () => {
  const sku = await withSerials(shop, 'A', 'B', 'C');
  const holdId = newId();
  await putOnHold(shop.db, { holdId, sku, location: 'AMS', quantity: 2, reason: 'dented', actor: 'test' });
  const effectId = newId();
  await twice(shop.db, () =>
    writeOffHold(withStock(shop.db), { holdId, quantity: 1, serials: ['B'], actor: 'test', effectId }),
  );
  expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: in_stock', 'B@AMS: written_off', 'C@AMS: in_stock']);
});
