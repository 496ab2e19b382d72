import { keepBlockRanges } from '../../domain/assurance/seals/block-ranges';
import { openTestShop, type TestShop } from '../support/fixtures';
import { seededRandom } from '../support/random';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';

let shop: TestShop;
let index: string;
beforeAll(async () => {
  shop = await openTestShop();
  // 40,000 entries of as many transactions, so that their ranges differ; in some hundred pages.
  await shop.db.pool.query(
    `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, xid)
     select 1, 1, 'adjust', 1, 0, gen_random_uuid(), n::text::xid8 from generate_series(1, 40000) n`,
  );
  await shop.db.pool.query('vacuum analyze inventory_transactions');
  const { rows } = await shop.db.pool.query<{ index: string }>(
    `select i.inhrelid::regclass::text as index from pg_inherits i join pg_index x on x.indexrelid = i.inhrelid
     where i.inhparent = 'inventory_transactions_by_xid'::regclass and pg_relation_size(x.indrelid) > 0`,
  );
  index = rows[0]!.index;
});
afterAll(() => shop.close());

/** Pages that are read to find one transaction. */
async function pagesOf(xid: number): Promise<number> {
  const client = await shop.db.pool.connect();
  try {
    await client.query('set enable_seqscan = off');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, costs off) select count(*) from inventory_transactions where xid::text::bigint = ${xid}`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    return Number(/Heap Blocks:.* lossy=(\d+)/.exec(plan)?.[1] ?? 0);
  } finally {
    client.release(true);
  }
}

const FORGET = () => `select brin_desummarize_range('${index}', page) from generate_series(0, 2000, 32) page`;
const SUMMARISE = () => `select brin_summarize_new_values('${index}')`;

/** Cancels PostgreSQL while it summarises ranges, until a mark is left in one. */
async function leaveMark(): Promise<void> {
  const random = seededRandom();
  const client = await shop.db.pool.connect();
  try {
    await client.query(FORGET());
    const begun = performance.now();
    await client.query(SUMMARISE());
    const took = performance.now() - begun;
    await waitFor(async () => {
      await client.query(FORGET());
      await client.query(`set statement_timeout = ${Math.max(1, Math.ceil(random.fraction() * took))}`);
      await client.query(SUMMARISE()).catch(() => undefined);
      await client.query('set statement_timeout = 0');
      await client.query(SUMMARISE());
      return (await pagesOf(-1)) > 0;
    }, 120_000);
  } finally {
    client.release(true);
  }
}

test('ranges that were summarised are left as they are, and new ones are summarised', async () => {
  await shop.db.pool.query(SUMMARISE());
  await shop.db.pool.query(`select brin_desummarize_range('${index}', 64)`);
  expect(await pagesOf(-1)).toBe(32);
  expect(await keepBlockRanges(shop.db, { slackPages: 0 })).toEqual([]);
  expect(await pagesOf(-1)).toBe(0);
  expect(await pagesOf(20_000)).toBe(32);
});

test('the mark of a cancelled summary, which spoils every search, is found and mended', async () => {
  await leaveMark();
  expect(await keepBlockRanges(shop.db, { slackPages: 0 })).toHaveLength(1);
  expect(await pagesOf(-1)).toBe(0);
  expect(await pagesOf(20_000)).toBe(32);
});

test('a partition that somebody vacuums is left for the next time', async () => {
  await leaveMark();
  const client = await openTransaction(shop.db);
  try {
    await client.query('lock table inventory_transactions in share update exclusive mode');
    expect(await keepBlockRanges(shop.db, { slackPages: 0 })).toEqual([]);
  } finally {
    client.release(true);
  }
  expect(await keepBlockRanges(shop.db, { slackPages: 0 })).toHaveLength(1);
});
