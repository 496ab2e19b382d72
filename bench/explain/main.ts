import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Pool } from 'pg';
import { stackOf } from '../../platform/errors';
import { openDatabase, type Database, type Queryable } from '../../platform/database/database';
import { startBenchPostgres } from '../servers';
import { asDocument, type Chapter, type Explained } from './document';
import { fillForExplain, type ExplainSize } from './fill';
import {
  CONSISTENCY_QUERIES,
  RESERVATION_QUERIES,
  ORDER_QUERIES,
  OTHER_QUERIES,
  STOCK_QUERIES,
  type ExplainedQuery,
  type Samples,
} from './queries';
import { recordStatements, type Recorded } from './recorder';

const CHAPTERS = [
  { title: 'Stock and its ledger', queries: STOCK_QUERIES },
  { title: 'Reservations', queries: RESERVATION_QUERIES },
  { title: 'Orders', queries: ORDER_QUERIES },
  { title: 'Alerts, upkeep, lists', queries: OTHER_QUERIES },
  { title: 'Consistency', queries: CONSISTENCY_QUERIES },
];

/**
 * `npm run explain [FILE]`: fills a database of its own and writes the plans of the major queries, to docs/queries.md unless told
 * otherwise. EXPLAIN_STOCK_ROWS and EXPLAIN_LEDGER_ROWS change the size.
 */
async function main(file: string): Promise<void> {
  const size = {
    stockRows: Number(process.env.EXPLAIN_STOCK_ROWS ?? 10_000_000),
    ledgerRows: Number(process.env.EXPLAIN_LEDGER_ROWS ?? 20_000_000),
  };
  const server = await startBenchPostgres();
  const pool = new Pool({ connectionString: server.url, max: 1 });
  const db = openDatabase({
    url: server.url,
    poolSize: 2,
    log: server.log,
    statementTimeoutMs: 600_000,
    lockTimeoutMs: 60_000,
  });
  try {
    await fillForExplain(pool, size, (what) => process.stderr.write(`filled: ${what}\n`));
    await writeFile(file, await explainAll(db, pool, size));
    process.stderr.write(`wrote ${file}\n`);
  } finally {
    await db.close();
    await pool.end();
    await server.stop();
  }
}

async function explainAll(db: Database, pool: Pool, size: ExplainSize): Promise<string> {
  const some = await findSamples(pool);
  const chapters: Chapter[] = [];
  for (const { title, queries } of CHAPTERS) {
    const explained: Chapter['queries'][number][] = [];
    for (const query of queries) explained.push({ query, statements: await explainQuery(db, query, some) });
    chapters.push({ title, queries: explained });
  }
  const [version] = (await pool.query<{ server_version: string }>('show server_version')).rows;
  return asDocument(size, `PostgreSQL ${version?.server_version ?? ''}`, chapters);
}

async function explainQuery(db: Database, query: ExplainedQuery, some: Samples): Promise<Explained[]> {
  const recorded = await recordStatements(db, (on) => query.run(on, some));
  const explained: Explained[] = [];
  for (const statement of recorded) {
    await explain(db, query, statement);
    explained.push(await explain(db, query, statement));
  }
  return explained;
}

/** What it writes is rolled back. */
async function explain(db: Database, query: ExplainedQuery, statement: Recorded): Promise<Explained> {
  const rolledBack = new Error('rolled back');
  let plan = '';
  await db
    .transaction(async (tx) => {
      await query.prepare?.(tx);
      plan = await planOf(tx, statement);
      throw rolledBack;
    })
    .catch((error: unknown) => {
      if (error !== rolledBack) throw error;
    });
  const milliseconds = Number(/Execution Time: ([\d.]+) ms/.exec(plan)?.[1] ?? Number.NaN);
  return { ...statement, plan, milliseconds };
}

async function planOf(on: Queryable, { name, text, values }: Recorded): Promise<string> {
  const { rows } = await on.query({
    name: `explain ${name} ${text.length}`.slice(0, 60),
    text: `explain (analyze, buffers, costs off) ${text}`,
    values,
  });
  return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
}

async function findSamples(pool: Pool): Promise<Samples> {
  const { rows } = await pool.query<Samples>(
    `select (select sku from products order by id limit 1) as "hotSku",
       (select sku from products order by id desc limit 1) as "coldSku",
       (select array_agg(sku) from (select sku from products order by hashtext(sku) limit 64) p) as skus,
       (select json_agg(json_build_object('productId', product_id, 'warehouseId', warehouse_id)) from (
          select product_id, warehouse_id from stock
          where product_id in (select id from products order by hashtext(sku) limit 300) and available > 5
          order by hashtext(product_id::text || warehouse_id) limit 100) s) as keys,
       (select id from orders where status = 'paid' limit 1) as "orderId",
       (select customer_id from orders limit 1) as "customerId",
       (select json_build_object('xid', xid::text::bigint, 'id', id) from inventory_transactions
        order by id desc offset 100000 limit 1) as recent`,
  );
  const [samples] = rows;
  if (!samples) throw new Error('the database is empty');
  return samples;
}

main(process.argv[2] ?? join(process.cwd(), 'docs', 'queries.md')).catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
