import { applyUpdates } from '../../domain/stock/adjustments/batch';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';
import { openOrderShop, orderOf, type OrderShop } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const COUNT = 16;

/** Whoever takes the locks of many stock rows. All of them must take them in the one order: (product, warehouse). */
const LOCKERS: Record<string, (skus: readonly string[]) => Promise<unknown>> = {
  'a batch of updates': (skus) =>
    applyUpdates(shop.db, {
      batchId: newId(),
      atomic: true,
      actor: 'tester',
      updates: skus.map((sku) => ({ sku, location: 'AMS', delta: 1, reason: 'test' })),
    }),
  'a reservation': (skus) => shop.place(orderOf(Object.fromEntries(skus.map((sku) => [sku, 1])))),
};

test.each(Object.entries(LOCKERS))(
  '%s locks its rows in the one order, whatever order they are named in',
  async (_, locker) => {
    const skus: string[] = [];
    for (let n = 0; n < COUNT; n++) skus.push(await shop.product({ AMS: 10 }));
    // Each row's newest version lies before that of the row that precedes it: no scan of the table meets them in the one order.
    for (const sku of [...skus].reverse()) await shop.db.pool.query(NEW_VERSION, [sku]);
    // Asked for the last first. Somebody holds the row in the middle, so that it stops there.
    const middle = skus[COUNT / 2]!;
    const holder = await openTransaction(shop.db);
    let locking: Promise<unknown>;
    try {
      const { rows } = await holder.query<{ pid: number }>(
        `select pg_backend_pid() as pid from stock ${OF_SKU}`,
        [middle],
      );
      locking = locker([...skus].reverse());
      locking.catch(() => undefined);
      await waitFor(async () => (await waitersFor(rows[0]!.pid)) === 1);
      expect(await freeOf(skus)).toEqual(skus.slice(COUNT / 2 + 1));
      await holder.query('commit');
    } finally {
      holder.release(true);
    }
    await locking;
  },
);

const NEW_VERSION =
  'update stock set on_hand = on_hand where product_id = (select id from products where sku = $1)';
const OF_SKU = `where product_id = (select id from products where sku = $1) for no key update`;

async function waitersFor(pid: number): Promise<number> {
  const { rows } = await shop.db.pool.query<{ count: number }>(
    'select count(*) from pg_stat_activity where $1 = any (pg_blocking_pids(pid))',
    [pid],
  );
  return rows[0]!.count;
}

/** Those of these products whose stock row nobody has locked, in order. */
async function freeOf(skus: readonly string[]): Promise<string[]> {
  const { rows } = await shop.db.pool.query<{ sku: string }>(
    `select p.sku from stock s join products p on p.id = s.product_id where p.sku = any ($1)
     for no key update of s skip locked`,
    [skus],
  );
  const free = new Set(rows.map((row) => row.sku));
  return skus.filter((sku) => free.has(sku));
}
