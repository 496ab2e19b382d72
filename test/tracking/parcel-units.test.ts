import { nameParcelUnits, readParcelUnits } from '../../domain/fulfilment/parcel-units';
import { beginStops } from '../../domain/fulfilment/stop';
import { startTransfer } from '../../domain/stock/transfers/start';
import { selectSerial } from '../../domain/stock/tracking/view-queries';
import type { NamedUnits } from '../../domain/stock/tracking/types';
import { newId } from '../../platform/ids';
import {
  capture,
  carry,
  openOrderShop,
  orderOf,
  PAYMENT,
  twice,
  viewOf,
  type OrderShop,
} from '../db/support';
import { expectInvariants } from '../support/invariants';
import { deliver, inDays, lotsOf, serialsOf, trackedProduct, withSerials } from './support';
import { withStock } from '../support/stock';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** A product with so many units of these lots in AMS; the first expires first. */
async function withLots(lots: Readonly<Record<string, number>>): Promise<string> {
  const sku = await trackedProduct(shop, { lots: true });
  const lines = Object.entries(lots).map(([code, quantity], index) => ({
    sku,
    quantity,
    lot: { code, expiresOn: inDays(index + 10) },
  }));
  await deliver(shop.db, lines);
  return sku;
}

/** The parcel of a paid order of so many units, which has not left. */
async function parcelOf(sku: string, quantity: number): Promise<{ orderId: string; shipmentId: string }> {
  const order = orderOf({ [sku]: quantity }, { payment: PAYMENT });
  await shop.place(order);
  await capture(shop.db, order.orderId);
  const [shipment] = (await viewOf(shop.db, order.orderId)).shipments;
  if (!shipment) throw new Error('no shipment was made');
  return { orderId: order.orderId, shipmentId: shipment.id };
}

const name = (shipmentId: string, sku: string, named: NamedUnits) =>
  nameParcelUnits(withStock(shop.db), { actor: 'packer', shipmentId, items: [{ sku, ...named }] });
const leaves = (shipmentId: string) => carry(shop.db, shipmentId, 'picked_up');
const serialsIn = async (shipmentId: string) =>
  (await readParcelUnits(shop.db, shipmentId))?.items[0]?.serials;
const lotsIn = async (shipmentId: string) => (await readParcelUnits(shop.db, shipmentId))?.items[0]?.lots;

describe('serial numbers that were packed', () => {
  test('leave with their parcel, and the rest of it is the oldest', async () => {
    const sku = await withSerials(shop, 'A', 'B', 'C', 'D');
    const { orderId, shipmentId } = await parcelOf(sku, 2);
    const [first, again] = await twice(shop.db, () => name(shipmentId, sku, { serials: ['C'] }));
    expect(again).toEqual(first);
    expect(first).toMatchObject({
      shipmentId,
      orderId,
      warehouse: 'AMS',
      items: [{ sku, quantity: 2, serials: [{ serial: 'C', named: true }], lots: [] }],
    });
    await leaves(shipmentId);
    expect(await serialsOf(shop.db, sku)).toEqual([
      'A@AMS: shipped',
      'B@AMS: in_stock',
      'C@AMS: shipped',
      'D@AMS: in_stock',
    ]);
    expect(await serialsIn(shipmentId)).toEqual([
      { serial: 'A', named: false },
      { serial: 'C', named: true },
    ]);
    const left = await shop.db.pool.query('select from packed_units where shipment_id = $1', [shipmentId]);
    expect(left.rowCount).toBe(0);
  });

  test('are kept from other parcels while there are others, and may be named anew', async () => {
    const sku = await withSerials(shop, 'A', 'B', 'C');
    const mine = await parcelOf(sku, 1);
    const other = await parcelOf(sku, 1);
    await name(mine.shipmentId, sku, { serials: ['A'] });
    await expect(name(other.shipmentId, sku, { serials: ['A'] })).rejects.toMatchObject({
      code: 'SERIAL_PACKED',
      details: { sku, serials: ['A'] },
    });
    await leaves(other.shipmentId);
    expect(await serialsIn(other.shipmentId)).toEqual([{ serial: 'B', named: false }]);
    await name(mine.shipmentId, sku, { serials: ['C'] });
    await leaves(mine.shipmentId);
    expect(await serialsIn(mine.shipmentId)).toEqual([{ serial: 'C', named: true }]);
    expect((await serialsOf(shop.db, sku))[0]).toBe('A@AMS: in_stock');
  });

  test('go where they must when nothing else is there', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    const mine = await parcelOf(sku, 1);
    await name(mine.shipmentId, sku, { serials: ['B'] });
    await startTransfer(withStock(shop.db), {
      transferId: newId(),
      sku,
      from: 'AMS',
      to: 'BER',
      quantity: 1,
      mode: 'immediate',
      actor: 'test',
      transitSeconds: 60,
    });
    expect(await serialsOf(shop.db, sku)).toEqual(['A@BER: in_stock', 'B@AMS: in_stock']);
    await leaves(mine.shipmentId);
    expect(await serialsIn(mine.shipmentId)).toEqual([{ serial: 'B', named: true }]);
  });

  test('are free again when the parcel is stopped, and it takes no more names', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    const { orderId, shipmentId } = await parcelOf(sku, 1);
    await name(shipmentId, sku, { serials: ['A'] });
    await shop.db.transaction((tx) => beginStops(tx, orderId));
    await expect(name(shipmentId, sku, { serials: ['A'] })).rejects.toMatchObject({ code: 'PARCEL_STOPPED' });
    const other = await parcelOf(sku, 1);
    await name(other.shipmentId, sku, { serials: ['A'] });
    await leaves(other.shipmentId);
    expect(await serialsIn(other.shipmentId)).toEqual([{ serial: 'A', named: true }]);
  });

  test('that are named while the parcel leaves are in it, before or after', async () => {
    const sku = await withSerials(shop, ...Array.from({ length: 16 }, (_, n) => `N${n}`));
    const parcels = await Promise.all(Array.from({ length: 8 }, () => parcelOf(sku, 1)));
    await Promise.all(
      parcels.flatMap(({ shipmentId }, index) => [
        leaves(shipmentId),
        name(shipmentId, sku, { serials: [`N${index + 8}`] }),
      ]),
    );
    for (const [index, { shipmentId }] of parcels.entries())
      expect(await serialsIn(shipmentId)).toEqual([{ serial: `N${index + 8}`, named: true }]);
    const inStock = (await serialsOf(shop.db, sku)).filter((text) => text.endsWith('in_stock'));
    expect(inStock).toHaveLength(8);
  });
});

describe('serial numbers that are named after the parcel has left', () => {
  test('take the place of those that nobody named', async () => {
    const sku = await withSerials(shop, 'A', 'B', 'C', 'D');
    const { orderId, shipmentId } = await parcelOf(sku, 2);
    await leaves(shipmentId);
    await twice(shop.db, () => name(shipmentId, sku, { serials: ['D', 'B'] }));
    expect(await serialsOf(shop.db, sku)).toEqual([
      'A@AMS: in_stock',
      'B@AMS: shipped',
      'C@AMS: in_stock',
      'D@AMS: shipped',
    ]);
    expect(await serialsIn(shipmentId)).toEqual(
      expect.arrayContaining([
        { serial: 'B', named: true },
        { serial: 'D', named: true },
      ]),
    );
    const movementsOf = async (serial: string) =>
      (await selectSerial(shop.db, serial)).find((unit) => unit.sku === sku)?.movements;
    expect(await movementsOf('A')).toMatchObject([
      { kind: 'receipt' },
      { kind: 'ship', orderId },
      { kind: 'exchange', orderId: null },
    ]);
    expect(await movementsOf('D')).toMatchObject([{ kind: 'receipt' }, { kind: 'ship', orderId }]);
  });

  test('are exchanged between two parcels when each was taken for the other', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    const [one, two] = [await parcelOf(sku, 1), await parcelOf(sku, 1)];
    await leaves(one.shipmentId);
    await leaves(two.shipmentId);
    expect(await serialsIn(one.shipmentId)).toEqual([{ serial: 'A', named: false }]);
    await name(one.shipmentId, sku, { serials: ['B'] });
    expect(await serialsIn(one.shipmentId)).toEqual([{ serial: 'B', named: true }]);
    expect(await serialsIn(two.shipmentId)).toEqual([{ serial: 'A', named: false }]);
    // What somebody has named is not taken away by somebody else.
    await expect(name(two.shipmentId, sku, { serials: ['B'] })).rejects.toMatchObject({
      code: 'SERIAL_NOT_THERE',
    });
  });

  test('may be of a unit that had none when it left', async () => {
    const sku = await withSerials(shop, 'A');
    const { shipmentId } = await parcelOf(sku, 1);
    await leaves(shipmentId);
    await deliver(shop.db, [{ sku, quantity: 1, serials: ['B'] }]);
    await shop.db.pool.query(
      `update serials set status = 'removed', order_id = null where serial = 'A' and product_id =
      (select id from products where sku = $1)`,
      [sku],
    );
    await name(shipmentId, sku, { serials: ['B'] });
    expect(await serialsIn(shipmentId)).toEqual([{ serial: 'B', named: true }]);
  });
});

describe('lots that were packed', () => {
  test('leave with their parcel in the place of those that expire first', async () => {
    const sku = await withLots({ SOON: 5, LATE: 5 });
    const { shipmentId } = await parcelOf(sku, 3);
    await twice(shop.db, () => name(shipmentId, sku, { lots: [{ code: 'LATE', quantity: 2 }] }));
    expect(await lotsIn(shipmentId)).toEqual([{ code: 'LATE', quantity: 2 }]);
    await leaves(shipmentId);
    expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 4', 'LATE@AMS: 3']);
    expect(await lotsIn(shipmentId)).toEqual([
      { code: 'SOON', quantity: 1 },
      { code: 'LATE', quantity: 2 },
    ]);
  });

  test('are kept from other parcels while there are others', async () => {
    const sku = await withLots({ SOON: 3, LATE: 2 });
    const mine = await parcelOf(sku, 2);
    const other = await parcelOf(sku, 3);
    await name(mine.shipmentId, sku, { lots: [{ code: 'SOON', quantity: 2 }] });
    await expect(
      name(other.shipmentId, sku, { lots: [{ code: 'SOON', quantity: 2 }] }),
    ).rejects.toMatchObject({
      code: 'LOT_SHORT',
      details: { lot: 'SOON', free: 1 },
    });
    await leaves(other.shipmentId);
    expect(await lotsIn(other.shipmentId)).toEqual([
      { code: 'SOON', quantity: 1 },
      { code: 'LATE', quantity: 2 },
    ]);
    await leaves(mine.shipmentId);
    expect(await lotsIn(mine.shipmentId)).toEqual([{ code: 'SOON', quantity: 2 }]);
  });

  test('are exchanged when they are named after the parcel has left', async () => {
    const sku = await withLots({ SOON: 5, LATE: 5 });
    const { shipmentId } = await parcelOf(sku, 3);
    await leaves(shipmentId);
    await twice(shop.db, () => name(shipmentId, sku, { lots: [{ code: 'LATE', quantity: 2 }] }));
    expect(await lotsIn(shipmentId)).toEqual([
      { code: 'SOON', quantity: 1 },
      { code: 'LATE', quantity: 2 },
    ]);
    expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 4', 'LATE@AMS: 3']);
    await expect(name(shipmentId, sku, { lots: [{ code: 'GONE', quantity: 1 }] })).rejects.toMatchObject({
      code: 'UNKNOWN_LOT',
    });
  });
});

test('what is not in a parcel, not there or not kept cannot be named', async () => {
  const sku = await withSerials(shop, 'A', 'B');
  const plain = await shop.product({ AMS: 5 });
  const { shipmentId } = await parcelOf(sku, 1);
  const refused = async (named: NamedUnits, code: string, of = sku) => {
    await expect(name(shipmentId, of, named)).rejects.toMatchObject({ code });
  };
  await refused({ serials: ['NO-SUCH'] }, 'SERIAL_NOT_THERE');
  await refused({ serials: ['A', 'B'] }, 'TOO_MANY_UNITS_NAMED');
  await refused({ lots: [{ code: 'L', quantity: 1 }] }, 'NOT_TRACKED');
  await refused({}, 'NOT_IN_PARCEL', plain);
  const other = await parcelOf(plain, 1);
  await expect(name(other.shipmentId, plain, { serials: ['A'] })).rejects.toMatchObject({
    code: 'NOT_TRACKED',
  });
  await expect(name(newId(), sku, {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await readParcelUnits(shop.db, newId())).toBeNull();
  // Of all that nothing stayed.
  expect(await serialsIn(shipmentId)).toEqual([]);
});
