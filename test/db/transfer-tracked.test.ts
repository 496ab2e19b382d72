import { receiveGoods } from '../../domain/warehousing/receiving/receive';
import type { ReceiptInput } from '../../domain/warehousing/receiving/types';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { levelsOf, openOrderShop, type OrderShop } from './support';
import { transferSteps, type TransferSteps } from './transfer-steps';
import { withStock } from '../support/stock';

let shop: OrderShop;
let start: TransferSteps['start'];
let receive: TransferSteps['receive'];
let cancel: TransferSteps['cancel'];

beforeAll(async () => {
  shop = await openOrderShop();
  ({ start, receive, cancel } = transferSteps(shop));
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

describe('units with a lot or a serial number', () => {
  const LOTS = `select w.code as place, l.code as lot, l.quantity from lots l join warehouses w on w.id = l.warehouse_id
    join products p on p.id = l.product_id where p.sku = $1 and l.quantity > 0 order by 1, 2`;
  const SERIALS = `select s.serial, s.status, w.code as place from serials s join warehouses w on w.id = s.warehouse_id
    join products p on p.id = s.product_id where p.sku = $1 order by 1`;
  const rowsOf = async (text: string, sku: string) => (await shop.db.pool.query<object>(text, [sku])).rows;

  async function tracked(
    flag: 'lot_tracked' | 'serialised',
    lines: Omit<ReceiptInput['lines'][number], 'sku'>[],
  ) {
    const sku = await shop.product({});
    await shop.db.pool.query(`update products set ${flag} = true where sku = $1`, [sku]);
    await receiveGoods(withStock(shop.db), {
      receiptId: newId(),
      location: 'AMS',
      supplierReference: newId(),
      lines: lines.map((line) => ({ sku, ...line })),
      actor: 'tester',
    });
    return sku;
  }

  test('keep their lot on the way, where they arrive and when they come back', async () => {
    const sku = await tracked('lot_tracked', [
      { quantity: 3, lot: { code: 'OLD', expiresOn: '2030-01-01' } },
      { quantity: 5, lot: { code: 'NEW', expiresOn: '2031-01-01' } },
    ]);
    const transfer = await start(sku, 5);
    expect(await rowsOf(LOTS, sku)).toEqual([{ place: 'AMS', lot: 'NEW', quantity: 3 }]);
    await receive(transfer, { quantity: 3, lost: 1 });
    await cancel(transfer);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 0], BER: [3, 0] });
    expect(await rowsOf(LOTS, sku)).toEqual([
      { place: 'AMS', lot: 'NEW', quantity: 4 },
      { place: 'BER', lot: 'NEW', quantity: 1 },
      { place: 'BER', lot: 'OLD', quantity: 2 },
    ]);
  });

  test('keep their number, and one that is lost is written off', async () => {
    const sku = await tracked('serialised', [{ quantity: 4, serials: ['S1', 'S2', 'S3', 'S4'] }]);
    const transfer = await start(sku, 3);
    expect(await rowsOf(SERIALS, sku)).toMatchObject([
      { serial: 'S1', status: 'in_transit' },
      { serial: 'S2', status: 'in_transit' },
      { serial: 'S3', status: 'in_transit' },
      { serial: 'S4', status: 'in_stock', place: 'AMS' },
    ]);
    await receive(transfer, { quantity: 1 });
    await receive(transfer, { lost: 1 });
    await cancel(transfer);
    const found = (await rowsOf(SERIALS, sku)) as { status: string; place: string }[];
    expect(found.map(({ status, place }) => `${status} ${place}`).sort()).toEqual([
      'in_stock AMS',
      'in_stock AMS',
      'in_stock BER',
      'written_off BER',
    ]);
  });
});
