import { raiseTransferOverdue, resolveTransferOverdue } from '../../domain/stock/alerts/alerts';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openOrderShop, type OrderShop } from '../db/support';
import { readAlerts } from './alert-rows';

let shop: OrderShop;
let sku: string;
let key: { productId: number; warehouseId: number };

beforeAll(async () => {
  shop = await openOrderShop();
});
beforeEach(async () => {
  sku = await shop.product({ AMS: 1 });
  const found = await shop.db.pool.query<typeof key>(
    'select product_id as "productId", warehouse_id as "warehouseId" from stock order by product_id desc limit 1',
  );
  key = found.rows[0]!;
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const overdue = (transferId: string) =>
  shop.db.transaction((tx) => raiseTransferOverdue(tx, { ...key, transferId }));
const arrived = (transferId: string) =>
  shop.db.transaction((tx) => resolveTransferOverdue(tx, { ...key, transferId }));

async function listed(): Promise<string[]> {
  const found = await shop.db.pool.query<{ ids: string[] }>(
    `select details -> 'transferIds' as ids from alerts where product_id = $1 order by id desc limit 1`,
    [key.productId],
  );
  return found.rows[0]?.ids ?? [];
}

test('transfers into the same location share an alert, which is resolved when the last has arrived', async () => {
  const [first, second] = [newId(), newId()];
  await overdue(first);
  await overdue(first);
  await overdue(second);
  expect(await listed()).toEqual([first, second]);
  await arrived(first);
  await arrived(first);
  expect(await listed()).toEqual([second]);
  expect(await readAlerts(shop.db, sku)).toEqual(['transfer_overdue open']);
  await arrived(second);
  expect(await readAlerts(shop.db, sku)).toEqual(['transfer_overdue resolved']);
  expect(await listed()).toEqual([second]);
});

test('one more transfer opens an acknowledged alert again', async () => {
  const [first, second] = [newId(), newId()];
  await overdue(first);
  await shop.db.pool.query(
    `update alerts set status = 'acknowledged', acknowledged_at = now() where status = 'open'`,
  );
  await overdue(first);
  expect(await readAlerts(shop.db, sku)).toEqual(['transfer_overdue acknowledged']);
  await overdue(second);
  expect(await readAlerts(shop.db, sku)).toEqual(['transfer_overdue open']);
});

test('transfers that fall due and arrive at the same moment lose none', async () => {
  const ids = Array.from({ length: 8 }, () => newId());
  await Promise.all(ids.map(overdue));
  expect((await listed()).sort()).toEqual([...ids].sort());
  await Promise.all(ids.map(arrived));
  expect(await readAlerts(shop.db, sku)).toEqual(['transfer_overdue resolved']);
});
