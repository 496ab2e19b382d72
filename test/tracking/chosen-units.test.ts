import { settlePromised } from '../../domain/ordering/promised/settle-promised';
import { confirmReservation } from '../../domain/stock/reservations/change-reservation';
import { shipPart, shipReservation } from '../../domain/stock/reservations/ship-reservation';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { receiveTransfer } from '../../domain/stock/transfers/receive';
import { startTransfer } from '../../domain/stock/transfers/start';
import { selectLots } from '../../domain/stock/tracking/view-queries';
import type { NamedUnits } from '../../domain/stock/tracking/types';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import { openReservationShop, viewOfReservation, type ReservationShop } from '../db/reservation-shop';
import { levelsOf, receive, twice, viewOf } from '../db/support';
import { authorise, comesIn, inspect, shippedOrder } from '../returns/support';
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

const { lotted, paid, book, pickUp, alertsOf } = blockingLots(() => shop);

describe('a write-off that comes with units that arrive', () => {
  async function underWay(sku: string, quantity: number): Promise<string> {
    const transferId = newId();
    await startTransfer(withStock(shop.db), {
      transferId,
      sku,
      from: 'AMS',
      to: 'BER',
      quantity,
      mode: 'in_transit',
      actor: 'test',
      transitSeconds: 60,
    });
    return transferId;
  }
  const arrives = (
    transferId: string,
    rest: { quantity: number; lost: number; named?: NamedUnits; namedLost?: NamedUnits },
  ) => {
    const receiptId = newId();
    return twice(shop.db, () =>
      receiveTransfer(withStock(shop.db), { transferId, receiptId, actor: 'dock', ...rest }),
    );
  };

  test('of a transfer takes none of the units that arrived whole by name', async () => {
    const sku = await lotted();
    await deliver(shop.db, [
      { sku, quantity: 5, lot: lot('A', 5) },
      { sku, quantity: 5, lot: lot('B', 9) },
    ]);
    const id = await underWay(sku, 10);
    await arrives(id, { quantity: 5, lost: 5, named: { lots: [{ code: 'A', quantity: 5 }] } });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@BER: 5']);
  });

  test('of a transfer takes as many of each lot as came without a name, not of what is there', async () => {
    const sku = await lotted();
    await deliver(shop.db, [
      { sku, quantity: 5, lot: lot('A', 5) },
      { sku, quantity: 5, lot: lot('B', 9) },
    ]);
    await deliver(shop.db, [{ sku, quantity: 4, lot: lot('A', 5) }], 'BER');
    const id = await underWay(sku, 10);
    await arrives(id, { quantity: 3, lost: 6, named: { lots: [{ code: 'A', quantity: 3 }] } });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@BER: 7']);
  });

  test('of a return takes none of the units that are restocked by name', async () => {
    const sku = await lotted();
    await deliver(shop.db, [
      { sku, quantity: 1, lot: lot('A', 5) },
      { sku, quantity: 1, lot: lot('B', 9) },
    ]);
    const { id } = await authorise(shop.db, await shippedOrder(shop, { [sku]: 2 }), { [sku]: 2 });
    await comesIn(shop.db, id, { [sku]: 2 });
    await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 1, lots: [{ code: 'A', quantity: 1 }] }]);
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 1']);
  });

  test('takes no serial number for a unit that has none', async () => {
    const sku = await withSerials(shop, 'S1');
    await deliver(shop.db, [{ sku, quantity: 1, serials: ['HERE'] }], 'BER');
    // One that was found, and has no number.
    await receive(shop.db, sku, 'AMS', 1);
    const id = await underWay(sku, 2);
    await arrives(id, { quantity: 1, lost: 1, named: { serials: ['S1'] } });
    expect(await serialsOf(shop.db, sku)).toEqual(['S1@BER: in_stock', 'HERE@BER: in_stock']);
    expect(await levelsOf(shop.db, sku)).toMatchObject({ BER: [2, 0] });
  });
});

describe('units of a recalled lot that are not on hold yet', () => {
  /** As if the process had died between marking the recall and putting the units on hold. */
  const markRecalled = (code: string) =>
    shop.db.pool.query(
      `update product_lots set recalled_at = clock_timestamp(), recall_reason = 'x', recalled_by = 't' where code = $1`,
      [code],
    );

  test('leave last with a parcel, and are told', async () => {
    const sku = await lotted();
    await deliver(shop.db, [
      { sku, quantity: 2, lot: lot('EARLY-BAD', 5) },
      { sku, quantity: 2, lot: lot('FINE', 9) },
    ]);
    const orderId = await paid(sku, 3);
    await book(orderId);
    await markRecalled('EARLY-BAD');
    await pickUp((await viewOf(shop.db, orderId)).shipments[0]!.id);
    expect(await lotsOf(shop.db, sku)).toEqual(['EARLY-BAD@AMS: 1']);
    expect(await alertsOf('attention', { orderId, reason: 'blocked_left' })).toMatchObject([
      { details: { items: [{ sku, lot: 'EARLY-BAD', serial: null, quantity: 1 }] } },
    ]);
  });

  test('do not leave by hand, neither by rule nor by name', async () => {
    const sku = await lotted();
    await deliver(shop.db, [{ sku, quantity: 2, lot: lot('ALL-BAD', 5) }]);
    const id = await shop.reserve({ [sku]: 2 });
    await confirmReservation({ db: shop.db, actor: 'test' }, id);
    await markRecalled('ALL-BAD');
    const blocked = { code: 'LOT_BLOCKED' };
    await expect(shipReservation(withStock(shop.db), id)).rejects.toMatchObject(blocked);
    const items = [{ sku, lots: [{ code: 'ALL-BAD', quantity: 2 }] }];
    await expect(shipReservation(withStock(shop.db), id, items)).rejects.toMatchObject(blocked);
    expect(await selectLots(shop.db, sku, 'AMS')).toMatchObject([{ quantity: 2 }]);
  });
});

describe('a serial number that is on hold and awaited', () => {
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
  const openHold = async (sku: string) =>
    (await listQualityHolds(shop.db, { sku, limit: 1, offset: 0 })).items[0];

  test('is not shipped by hand', async () => {
    const sku = await withSerials(shop, 'S1');
    const id = await shop.reserve({ [sku]: 1 });
    await confirmReservation({ db: shop.db, actor: 'test' }, id);
    expect(await holdSerial(sku, 'S1')).toMatchObject({ open: 1, awaited: 1 });
    const blocked = { code: 'SERIAL_BLOCKED' };
    await expect(shipReservation(withStock(shop.db), id)).rejects.toMatchObject(blocked);
    await expect(
      shipPart(withStock(shop.db), id, { partId: newId(), items: [{ sku, quantity: 1 }] }),
    ).rejects.toMatchObject(blocked);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1] });
    await settlePromised(shop.db, await findStockKey(shop.db, { sku, location: 'AMS' }));
    expect(await openHold(sku)).toMatchObject({ open: 1, awaited: 0 });
    expect((await viewOfReservation(shop.db, id)).items).toMatchObject([{ openQuantity: 0 }]);
  });

  test('stays while as many others leave by hand as there are', async () => {
    const sku = await withSerials(shop, 'S1', 'S2', 'S3');
    const id = await shop.reserve({ [sku]: 3 });
    await confirmReservation({ db: shop.db, actor: 'test' }, id);
    await holdSerial(sku, 'S1');
    const part = (quantity: number) =>
      shipPart(withStock(shop.db), id, { partId: newId(), items: [{ sku, quantity }] });
    await expect(part(3)).rejects.toMatchObject({ code: 'SERIAL_BLOCKED' });
    await part(2);
    expect(await serialsOf(shop.db, sku)).toEqual(['S1@AMS: in_stock', 'S2@AMS: shipped', 'S3@AMS: shipped']);
  });
});
