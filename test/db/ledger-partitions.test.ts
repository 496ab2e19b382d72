import type { PoolClient } from 'pg';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { readStock, readStockAsOf } from '../../domain/stock/availability/availability';
import { keepBalances } from '../../domain/stock/availability/balances';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import {
  ensurePartitions,
  foldOldPartitions,
  foldOverdueSeconds,
} from '../../domain/stock/partitions/partitions';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';
import { openOrderShop, twice, type OrderShop } from './support';
import { withStock } from '../support/stock';

let shop: OrderShop;
let sku: string;

beforeEach(async () => {
  shop = await openOrderShop();
  sku = await shop.product({});
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

/** The first of the month so many months ago, UTC. */
function monthsAgo(months: number): Date {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months));
}

function nameOf(month: Date): string {
  return `inventory_transactions_${month.toISOString().slice(0, 7).replace('-', '_')}`;
}

/** A partition of the past with `delta` units that came to AMS on its second day. */
async function receivedInThePast(months: number, delta: number): Promise<void> {
  const lower = monthsAgo(months);
  const partition = nameOf(lower);
  await shop.db.pool.query(
    `create table ${partition} partition of inventory_transactions
     for values from ('${lower.toISOString()}') to ('${monthsAgo(months - 1).toISOString()}')`,
  );
  await shop.db.pool.query(
    `with target as (
       select p.id as product_id, w.id as warehouse_id from products p, warehouses w where p.sku = $1 and w.code = 'AMS'
     ), counted as (
       insert into stock as s (product_id, warehouse_id, on_hand) select product_id, warehouse_id, greatest($2::int, 0) from target
       on conflict (product_id, warehouse_id) do update set on_hand = s.on_hand + $2::int
     )
     insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select $3::timestamptz + interval '1 day', product_id, warehouse_id, 'receipt', $2::int, 0, gen_random_uuid() from target`,
    [sku, delta, lower],
  );
}

/** Transactions that run meanwhile, also those of other tests in other databases, keep what is younger from being sealed. */
async function sealEverything(): Promise<void> {
  await waitFor(async () => {
    await sealLedger(shop.db);
    const found = await shop.db.pool.query<{ done: boolean }>(
      `select ledger_sealed_until() = 'infinity' as done`,
    );
    return found.rows[0]?.done === true;
  });
}

async function partitions(): Promise<string[]> {
  const found = await shop.db.pool.query<{ partition: string }>(
    'select partition::text from ledger_partitions order by lower_bound',
  );
  return found.rows.map((row) => row.partition);
}

function receive(delta: number, effectId = newId()) {
  return adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { delta },
    reason: 'receipt',
    actor: 'test',
    effectId,
  });
}

/** Stock as it was so many months ago, at the 20th. */
async function onHandThen(months: number): Promise<number | undefined> {
  const at = new Date(monthsAgo(months).getTime() + 19 * 86_400_000);
  return (await readStockAsOf(shop.db, sku, at.toISOString()))?.onHand;
}

test('months that are old enough become opening balances, and every result stays the same', async () => {
  await receivedInThePast(6, 10);
  await receivedInThePast(5, 20);
  await receivedInThePast(4, -5);
  await receivedInThePast(3, 100);
  await receive(7);
  await sealEverything();
  const now = await readStock(shop.db, sku);
  expect(await Promise.all([6, 5, 4, 3].map(onHandThen))).toEqual([10, 30, 25, 125]);

  expect((await foldOldPartitions(shop.db, { months: 3 })).folded).toEqual(
    [6, 5, 4].map((months) => nameOf(monthsAgo(months))),
  );

  expect(await partitions()).not.toContain(nameOf(monthsAgo(4)));
  expect(await partitions()).toContain(nameOf(monthsAgo(3)));
  expect({ ...(await readStock(shop.db, sku)), asOf: '' }).toEqual({ ...now, asOf: '' });
  expect(await onHandThen(3)).toBe(125);
  expect((await readStockAsOf(shop.db, sku, monthsAgo(3).toISOString()))?.onHand).toBe(25);
  const opening = await shop.db.pool.query('select on_hand, reserved from ledger_opening');
  expect(opening.rows).toEqual([{ on_hand: 25, reserved: 0 }]);
  const folds = await shop.db.pool.query('select partition, entries from ledger_folds order by lower_bound');
  expect(folds.rows.map((row: { entries: number }) => row.entries)).toEqual([1, 1, 1]);
});

test('a time before the horizon is refused with its code and the horizon', async () => {
  await receivedInThePast(4, 5);
  await sealEverything();
  await foldOldPartitions(shop.db, { months: 2 });
  await expect(onHandThen(4)).rejects.toMatchObject({
    code: 'ASOF_BEFORE_RETENTION',
    details: { horizon: monthsAgo(3).toISOString() },
  });
});

test('a month is overdue from when it is past its retention until it is summed up', async () => {
  const overdue = (months: number) => foldOverdueSeconds(shop.db, months);
  expect(await overdue(1)).toBe(0);
  await receivedInThePast(5, 10);
  await receivedInThePast(4, 10);
  // It ended four months ago, and is kept for two more.
  const since = (Date.now() - monthsAgo(2).getTime()) / 1_000;
  expect(Math.abs((await overdue(2)) - since)).toBeLessThan(600);
  expect(await overdue(5)).toBe(0);
  expect(await overdue(0)).toBe(0);
  await sealEverything();
  await foldOldPartitions(shop.db, { months: 2 });
  expect(await overdue(2)).toBe(0);
});

test('what is not sealed stays, and so does what came after it', async () => {
  await receivedInThePast(5, 10);
  await receivedInThePast(4, 10);
  expect(await foldOldPartitions(shop.db, { months: 2 })).toEqual({ folded: [], left: 'unsealed' });
  await sealEverything();
  expect(await foldOldPartitions(shop.db, { months: 2 })).toMatchObject({
    folded: [expect.anything(), expect.anything()],
    left: null,
  });
});

test('again it does nothing, and the months to come are still made', async () => {
  await receivedInThePast(4, 10);
  await sealEverything();
  expect((await foldOldPartitions(shop.db, { months: 2 })).folded).toHaveLength(1);
  const [second] = await twice(shop.db, () => foldOldPartitions(shop.db, { months: 2 }));
  expect(second).toEqual({ folded: [], left: null });
  expect(await ensurePartitions(shop.db, 13)).toBe(1);
});

test('several at once fold each month once', async () => {
  for (const months of [6, 5, 4]) await receivedInThePast(months, 10);
  await sealEverything();
  const folded = await Promise.all([1, 2, 3].map(() => foldOldPartitions(shop.db, { months: 2 })));
  expect(folded.flatMap((run) => run.folded).sort()).toEqual(
    [6, 5, 4].map((months) => nameOf(monthsAgo(months))).sort(),
  );
});

describe('while somebody reads the ledger for long', () => {
  let reader: PoolClient;
  beforeEach(async () => {
    for (const months of [6, 5, 4]) await receivedInThePast(months, 10);
    await sealEverything();
    reader = await openTransaction(shop.db);
    await reader.query(`select pg_advisory_xact_lock_shared(hashtext('fold_ledger_partition'))`);
  });
  afterEach(async () => {
    await reader.query('rollback');
    reader.release();
  });

  test('a run that ends says that it was busy, and folds nothing', async () => {
    expect(await foldOldPartitions(shop.db, { months: 2, withinMs: 100, waitMs: 50 })).toEqual({
      folded: [],
      left: 'busy',
    });
  });

  test('it waits, and then folds every month that is due', async () => {
    // The reader ends once the first wait was in vain.
    const folding = foldOldPartitions(shop.db, { months: 2, waitMs: 50 });
    await waitFor(async () => {
      const { rows } = await reader.query(
        `select from pg_locks where locktype = 'advisory' and not granted and mode = 'ExclusiveLock'
           and database = (select oid from pg_database where datname = current_database())`,
      );
      return rows.length === 1;
    });
    await reader.query('rollback; begin');
    expect(await folding).toEqual({
      folded: [6, 5, 4].map((months) => nameOf(monthsAgo(months))),
      left: null,
    });
  });

  test('balances of stock rows are left to the next run where a month is summed up meanwhile', async () => {
    await reader.query(`select pg_advisory_xact_lock(hashtext('fold_ledger_partition'))`);
    expect(await keepBalances(shop.db)).toBe(0);
  });
});

test('a run that is over leaves the other months, and says so', async () => {
  for (const months of [5, 4]) await receivedInThePast(months, 10);
  await sealEverything();
  const ended = new AbortController();
  const run = { months: 2, signal: ended.signal, told: () => ended.abort() };
  expect(await foldOldPartitions(shop.db, run)).toEqual({ folded: [nameOf(monthsAgo(5))], left: 'time' });
});

test('an effect of a dropped month is still applied once', async () => {
  await receivedInThePast(4, 10);
  const effectId = newId();
  await receive(1, effectId);
  await sealEverything();
  await foldOldPartitions(shop.db, { months: 2 });
  await receive(1, effectId);
  expect((await readStock(shop.db, sku))?.onHand).toBe(11);
  const keys = await shop.db.pool.query(
    `select count(*)::int as keys from ledger_keys where key like 'receipt:%'`,
  );
  expect(keys.rows).toEqual([{ keys: 1 }]);
});

test('while stock is changed, and its ledger summed, no entry is missed or counted twice', async () => {
  for (const months of [8, 7, 6, 5, 4]) await receivedInThePast(months, 10);
  await sealEverything();
  const folding = new AbortController();
  const seen: (number | undefined)[] = [];
  const readers = Array.from({ length: 3 }, async () => {
    while (!folding.signal.aborted)
      seen.push((await readStockAsOf(shop.db, sku, new Date().toISOString()))?.onHand);
  });
  const writer = (async () => {
    for (let n = 0; !folding.signal.aborted || n < 20; n++) await receive(n % 2 === 0 ? 1 : -1);
  })();
  await foldOldPartitions(shop.db, { months: 2 });
  folding.abort();
  await Promise.all([...readers, writer]);
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.filter((onHand) => onHand !== 50 && onHand !== 51)).toEqual([]);
});
