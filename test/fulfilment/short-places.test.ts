import { readParcelUnits, nameParcelUnits } from '../../domain/fulfilment/parcel-units';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { applyUpdates } from '../../domain/stock/adjustments/batch';
import { countAsGone, lockStock } from '../../domain/stock/ledger/stock-ledger';
import { newId } from '../../platform/ids';
import {
  carry,
  compensate,
  levelsOf,
  openOrderShop,
  orderOf,
  receive,
  viewOf,
  type OrderShop,
} from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { deliver, inDays, lotsOf, serialsOf, trackedProduct, withSerials } from '../tracking/support';
import { stoppedParcelsOf } from './stopped-parcels';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { event, apply, tell, bookedParcel, cancelledParcel, voidParcel, takenByAnother, shortOf } =
  stoppedParcelsOf(() => shop);

describe('what a place is short of', () => {
  /** A place with nothing available that is short of so many units; the order that keeps as many. */
  async function shortPlace(units: number) {
    const sku = await shop.product({ AMS: units });
    const late = await cancelledParcel(sku, units);
    const other = await takenByAnother(sku, units);
    await tell(late.shipmentId, 'picked_up');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [units, units] });
    expect(await shortOf(sku)).toBe(units);
    return { sku, other };
  }

  test('comes before a backorder when stock arrives', async () => {
    const { sku } = await shortPlace(2);
    const waiting = orderOf({ [sku]: 3 }, { fulfilment: 'backorder' });
    await shop.place(waiting);
    const units = async () => (await viewOf(shop.db, waiting.orderId)).items[0];
    await receive(shop.db, sku, 'AMS', 1);
    expect(await units()).toMatchObject({ reservedQuantity: 0, backorderedQuantity: 3 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 2] });
    await receive(shop.db, sku, 'AMS', 3);
    expect(await units()).toMatchObject({ reservedQuantity: 2, backorderedQuantity: 1 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4] });
    expect(await shortOf(sku)).toBe(0);
  });

  test('is taken from units that come free, and from no other place', async () => {
    const { sku, other } = await shortPlace(2);
    await receive(shop.db, sku, 'BER', 5);
    expect(await shortOf(sku)).toBe(2);
    await compensate(shop.db, other.orderId, 'all');
    expect(await levelsOf(shop.db, sku)).toEqual({ BER: [5, 0] });
    expect(await shortOf(sku)).toBe(0);
  });

  test('is taken from what a batch brings, whose result says what is there then', async () => {
    const { sku } = await shortPlace(1);
    const { outcomes } = await applyUpdates(withStock(shop.db), {
      batchId: newId(),
      atomic: false,
      actor: 'tester',
      updates: [{ sku, location: 'AMS', delta: 3, reason: 'found' }],
    });
    expect(outcomes).toMatchObject([{ status: 'applied', location: { onHand: 3, reserved: 1 } }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 1] });
  });

  test('is taken in the order in which parcels left', async () => {
    const sku = await shop.product({ AMS: 3 });
    const first = await cancelledParcel(sku, 1);
    const second = await cancelledParcel(sku, 2);
    await takenByAnother(sku, 3);
    await apply([event(first.shipmentId, 'picked_up')]);
    await apply([event(second.shipmentId, 'picked_up')]);
    await receive(shop.db, sku, 'AMS', 2);
    const { rows } = await shop.db.pool.query(
      `select shipment_id, open from stock_shortfalls where shipment_id = any ($1::uuid[]) order by id`,
      [[first.shipmentId, second.shipmentId]],
    );
    expect(rows).toEqual([
      { shipment_id: first.shipmentId, open: 0 },
      { shipment_id: second.shipmentId, open: 1 },
    ]);
    await receive(shop.db, sku, 'AMS', 1);
    expect(await shortOf(sku)).toBe(0);
  });

  test('is never sold, when an arrival, a release and orders race', async () => {
    const { sku, other } = await shortPlace(3);
    const orders = Array.from({ length: 6 }, () => orderOf({ [sku]: 1 }));
    const [outcomes] = await Promise.all([
      Promise.all(orders.map((order) => shop.place(order))),
      receive(shop.db, sku, 'AMS', 4),
      voidParcel(other.orderId).then(async () => {
        await releaseStoppedShipments(shop.db, { orderId: other.orderId, endAs: 'cancelled' });
      }),
    ]);
    const reserved = outcomes.filter((each) => each.outcome === 'reserved').length;
    expect(reserved).toBeLessThanOrEqual(4);
    // 3 that were there and 4 that arrived, less 3 that left.
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, reserved] });
    expect(await shortOf(sku)).toBe(0);
  });

  test('counts nothing twice where the transaction that notes it is repeated', async () => {
    const { sku, other } = await shortPlace(1);
    const { rows } = await shop.db.pool.query<{ product_id: number; warehouse_id: number }>(
      `select s.product_id, s.warehouse_id from stock s join products p on p.id = s.product_id where p.sku = $1`,
      [sku],
    );
    const [{ product_id: productId, warehouse_id: warehouseId }] = rows as [(typeof rows)[number]];
    const { rows: shortfalls } = await shop.db.pool.query<{ shipment_id: string }>(
      'select shipment_id from stock_shortfalls where product_id = $1',
      [productId],
    );
    const gone = {
      productId,
      warehouseId,
      quantity: 1,
      orderId: other.orderId,
      shipmentId: shortfalls[0]!.shipment_id,
    };
    await expect(
      shop.db.transaction(async (tx) => {
        await lockStock(tx, [gone]);
        await countAsGone(tx, [gone], 'test');
      }),
    ).rejects.toMatchObject({ constraint: 'stock_shortfalls_one_per_parcel' });
  });
});

describe('units that are tracked', () => {
  test('a serial number that left is out with the order, and may be found again by a correction', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    const { orderId, shipmentId } = await cancelledParcel(sku, 1);
    await tell(shipmentId, 'picked_up');
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: shipped', 'B@AMS: in_stock']);
    expect((await readParcelUnits(shop.db, shipmentId))?.items).toMatchObject([
      { sku, serials: [{ serial: 'A', named: false }] },
    ]);
    await expect(
      nameParcelUnits(withStock(shop.db), { actor: 'packer', shipmentId, items: [{ sku, serials: ['B'] }] }),
    ).rejects.toMatchObject({ code: 'PARCEL_STOPPED' });
    const { rows } = await shop.db.pool.query(
      `select s.order_id from serials s join products p on p.id = s.product_id where p.sku = $1 and s.serial = 'A'`,
      [sku],
    );
    expect(rows).toEqual([{ order_id: orderId }]);
    await findAgain(sku, 'A');
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: in_stock', 'B@AMS: in_stock']);
    // One that a customer has bought is not found.
    const sold = await bookedParcel(sku, 1);
    await carry(shop.db, sold.shipmentId, 'picked_up');
    await expect(findAgain(sku, 'A')).rejects.toMatchObject({ code: 'DUPLICATE_SERIAL' });
  });

  function findAgain(sku: string, serial: string) {
    return adjustStock(withStock(shop.db), {
      sku,
      location: 'AMS',
      change: { delta: 1 },
      reason: 'the parcel came back',
      named: { serials: [serial] },
      actor: 'dock',
      effectId: newId(),
    });
  }

  test('lots go first expired first out, also those that arrive for what the place is short of', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    await deliver(shop.db, [
      { sku, quantity: 2, lot: { code: 'LATE', expiresOn: inDays(20) } },
      { sku, quantity: 1, lot: { code: 'SOON', expiresOn: inDays(10) } },
    ]);
    const { shipmentId } = await cancelledParcel(sku, 3);
    await takenByAnother(sku, 1);
    await tell(shipmentId, 'picked_up');
    expect(await lotsOf(shop.db, sku)).toEqual(['LATE@AMS: 1']);
    await deliver(shop.db, [{ sku, quantity: 2, lot: { code: 'NEW', expiresOn: inDays(30) } }]);
    expect(await shortOf(sku)).toBe(0);
    expect(await lotsOf(shop.db, sku)).toEqual(['NEW@AMS: 2']);
  });
});
