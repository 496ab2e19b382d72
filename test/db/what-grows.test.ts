import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTestShop, type TestShop } from '../support/fixtures';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());

const page = readFileSync(join(__dirname, '..', '..', 'docs', 'operations.md'), 'utf8');
const chapter = /^## What grows\n(.*?)^## /ms.exec(page)?.[1] ?? '';

/** What stands in backquotes in a text. */
const namesIn = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name ?? '');

/** Tables, a partitioned one once, as `table`, or `schema.table` in another schema than the product's. */
async function tables(): Promise<string[]> {
  const { rows } = await shop.db.pool.query<{ name: string }>(
    `select case when n.nspname = current_schema() then c.relname else n.nspname || '.' || c.relname end as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     order by 1`,
  );
  return rows.map(({ name }) => name);
}

test('how every table grows, and what ends it, is told', async () => {
  const told = new Set(namesIn(chapter));
  const all = await tables();
  expect(all.length).toBeGreaterThan(70);
  const isTold = (name: string) => told.has(name) || told.has(name.split('.')[0] ?? '');
  expect(all.filter((name) => !isTold(name))).toEqual([]);
});

test('each table that is told of is there', async () => {
  const known = new Set((await tables()).flatMap((name) => [name, name.split('.')[0] ?? '']));
  const rows = chapter.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| table '));
  const told = rows.flatMap((row) => namesIn(row.split('|')[1] ?? ''));
  expect(told.length).toBeGreaterThan(50);
  expect(told.filter((name) => !known.has(name))).toEqual([]);
});
