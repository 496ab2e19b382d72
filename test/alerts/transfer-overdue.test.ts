import { markOverdue } from '../../domain/stock/transfers/overdue';
import { openOrderShop, type OrderShop } from '../db/support';
import { transferSteps, type TransferSteps } from '../db/transfer-steps';
import { expectInvariants } from '../support/invariants';
import { readAlerts } from './alert-rows';

let shop: OrderShop;
let steps: TransferSteps;
let sku: string;

beforeAll(async () => {
  shop = await openOrderShop();
  steps = transferSteps(shop);
});
beforeEach(async () => {
  sku = await shop.product({ AMS: 50 });
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

async function late(): Promise<string> {
  const transfer = await steps.start(sku, 1);
  await steps.makeLate(transfer);
  return transfer.id;
}

const overdue = (id: string) => markOverdue(shop.db, id);

async function listed(): Promise<{ ids: string[]; total: number }> {
  const found = await shop.db.pool.query<{ ids: string[]; total: number }>(
    `select a.details -> 'transferIds' as ids, (a.details ->> 'total')::int as total
     from alerts a join products p on p.id = a.product_id where p.sku = $1 and a.kind = 'transfer_overdue' order by a.id desc limit 1`,
    [sku],
  );
  return found.rows[0] ?? { ids: [], total: 0 };
}

test('transfers into the same location share an alert, which is resolved when the last has arrived', async () => {
  const [first, second] = [await late(), await late()];
  await overdue(first);
  await overdue(first);
  await overdue(second);
  expect(await listed()).toEqual({ ids: [first, second], total: 2 });
  await steps.receive({ id: first });
  expect(await listed()).toEqual({ ids: [second], total: 1 });
  expect(await readAlerts(shop.db, sku)).toEqual(['transfer_overdue open']);
  await steps.receive({ id: second });
  expect(await readAlerts(shop.db, sku)).toEqual(['transfer_overdue resolved']);
  expect(await listed()).toEqual({ ids: [second], total: 1 });
});

test('one more transfer opens an acknowledged alert again', async () => {
  const [first, second] = [await late(), await late()];
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
  const ids: string[] = [];
  for (let n = 0; n < 8; n++) ids.push(await late());
  await Promise.all(ids.map(overdue));
  const { ids: told, total } = await listed();
  expect([...told].sort()).toEqual([...ids].sort());
  expect(total).toBe(8);
  await Promise.all(ids.map((id) => steps.receive({ id })));
  expect(await readAlerts(shop.db, sku)).toEqual(['transfer_overdue resolved']);
});

test('of many that are overdue the alert shows the first, and how many there are', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 23; n++) {
    const id = await late();
    await overdue(id);
    ids.push(id);
  }
  expect(await listed()).toEqual({ ids: ids.slice(0, 20), total: 23 });
  // What was beyond those shown takes their place.
  await steps.receive({ id: ids[22]! });
  await steps.receive({ id: ids[0]! });
  expect(await listed()).toEqual({ ids: ids.slice(1, 21), total: 21 });
});
