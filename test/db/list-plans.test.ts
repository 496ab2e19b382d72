import { fillForExplain } from '../../bench/explain/fill';
import { LISTS, type ReadCase } from '../../bench/explain/lists';
import { readsOf, added, NOTHING_READ, type JsonPlan, type Reads } from '../../bench/explain/reads';
import { recordStatements } from '../../bench/explain/recorder';
import { findSamples } from '../../bench/explain/samples';
import type { Samples } from '../../bench/explain/queries';
import { UPKEEP } from '../../bench/explain/upkeep';
import { openTestShop, type TestShop } from '../support/fixtures';

const ORDERS = 12_000;
/** A page with what it looks up, the names of 100 warehouses a few times included. */
const PAGE_READS = 5_500;

let shop: TestShop;
let some: Samples;
beforeAll(async () => {
  shop = await openTestShop();
  const { Pool } = await import('pg');
  const pool = new Pool({ connectionString: shop.url, max: 1 });
  await fillForExplain(pool, { stockRows: 20_000, ledgerRows: 40_000, orders: ORDERS }, () => undefined);
  some = await findSamples(pool, shop.db, 1_000);
  await pool.end();
}, 300_000);
afterAll(() => shop.close());

/** What a call reads. Of so few rows PostgreSQL would rather read some tables: `byIndex` keeps it from that. */
async function readsOfCase({ run }: ReadCase, byIndex = true): Promise<Reads> {
  const recorded = await recordStatements(shop.db, (on) => run(on, some));
  const over = new Error('rolled back');
  let reads = NOTHING_READ;
  await shop.db
    .transaction(async (tx) => {
      if (byIndex)
        await tx.query({ name: 'no_scans', text: `select set_config('enable_seqscan', 'off', true)` });
      for (const { text, values } of recorded) {
        const explained = `explain (analyze, buffers, format json) ${text}`;
        const { rows } = await tx.query({
          name: '',
          text: explained,
          values,
        });
        reads = added(reads, readsOf((rows[0]?.['QUERY PLAN'] as [JsonPlan])[0]));
      }
      throw over;
    })
    .catch((error: unknown) => {
      if (error !== over) throw error;
    });
  return reads;
}

const bounded = LISTS.filter(({ readsOn }) => readsOn === undefined);

test.each(bounded.map((one) => [one.what, one] as const))(
  '%s reads a page, not its history',
  async (_, one) => {
    expect((await readsOfCase(one)).rows).toBeLessThan(PAGE_READS);
  },
);

const work = UPKEEP.filter(
  ({ what, readsOn }) => readsOn === undefined && !what.startsWith('verify-consistency'),
);

test.each(work.map((one) => [one.what, one] as const))('%s reads a part, not everything', async (_, one) => {
  expect((await readsOfCase(one, !one.what.startsWith('retention'))).rows).toBeLessThan(PAGE_READS);
});

test('a page far down the list looks up what it shows, not what it skips', async () => {
  const far = LISTS.filter(({ what }) => what.startsWith('`/orders?offset'));
  expect(far).toHaveLength(1);
  for (const one of far) {
    // The ids that are skipped, and hardly anything for each of them.
    expect((await readsOfCase(one)).rows).toBeLessThan(1.5 * ORDERS);
  }
});

test('what refers to rows that the retention deletes is found by an index', async () => {
  const { rows } = await shop.db.pool.query<{ name: string }>(
    `select f.conname as name from pg_constraint f
     where f.contype = 'f' and f.confrelid = any (array['reservations', 'jobs', 'alerts', 'feeds']::regclass[]) and not exists (
       select from pg_index i where i.indrelid = f.conrelid and i.indkey[0] = f.conkey[1]
         and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) like '%IS NOT NULL)'))`,
  );
  expect(rows).toEqual([]);
});

test('a lot is found by its code without comparing it with others of its product, also before there are statistics', async () => {
  // One whose table was never looked at.
  const fresh = await openTestShop();
  await fresh.db.pool.query(
    `insert into product_lots (product_id, code, code_key) select 1, 'NEW ' || n, 'new ' || n from generate_series(1, 3000) n`,
  );
  await fresh.db.transaction(async (tx) => {
    const found = await tx.query({
      name: 'found',
      text: `select find_lot(1, ' new  77 ') is not null as looks, find_lot(1, 'NEW 78') is not null as is`,
    });
    expect(found.rows).toEqual([{ looks: true, is: true }]);
    const { rows } = await tx.query({
      name: 'fetched',
      text: `select idx_tup_fetch + seq_tup_read as fetched from pg_stat_xact_user_tables where relname = 'product_lots'`,
    });
    expect(Number(rows[0]?.['fetched'])).toBeLessThan(10);
  });
  await fresh.close();
});
