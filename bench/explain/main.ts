import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Pool } from 'pg';
import { stackOf } from '../../platform/errors';
import {
  openDatabase,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { startBenchPostgres } from '../servers';
import { asDocument, type Chapter, type Explained, type Table } from './document';
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
import { LISTS, type ReadCase } from './lists';
import { added, NOTHING_READ, readsOf, type JsonPlan, type Reads } from './reads';
import { recordStatements, type Recorded } from './recorder';
import { findSamples } from './samples';
import { UPKEEP } from './upkeep';

const TABLES = [
  { title: 'Lists, filter by filter', about: 'Of a page of 20, with what it looks up.', cases: LISTS },
  { title: 'What runs by itself', about: 'Of one run, or of one part of it.', cases: UPKEEP },
];

const CHAPTERS = [
  { title: 'Stock and its ledger', queries: STOCK_QUERIES },
  { title: 'Reservations', queries: RESERVATION_QUERIES },
  { title: 'Orders', queries: ORDER_QUERIES },
  { title: 'Alerts, upkeep, lists', queries: OTHER_QUERIES },
  { title: 'Consistency', queries: CONSISTENCY_QUERIES },
];

/**
 * `npm run explain [FILE]`: fills a database of its own and writes the plans of the major queries, to docs/queries.md unless told
 * otherwise. EXPLAIN_STOCK_ROWS, EXPLAIN_LEDGER_ROWS and EXPLAIN_ORDERS change the size.
 */
async function main(file: string): Promise<void> {
  const size = {
    stockRows: Number(process.env.EXPLAIN_STOCK_ROWS ?? 10_000_000),
    ledgerRows: Number(process.env.EXPLAIN_LEDGER_ROWS ?? 20_000_000),
    orders: Number(process.env.EXPLAIN_ORDERS ?? 400_000),
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
  const some = await findSamples(pool, db);
  const chapters: Chapter[] = [];
  for (const { title, queries } of CHAPTERS) {
    const explained: Chapter['queries'][number][] = [];
    for (const query of queries) explained.push({ query, statements: await explainQuery(db, query, some) });
    chapters.push({ title, queries: explained });
  }
  const tables: Table[] = [];
  for (const { title, about, cases } of TABLES) {
    const rows: Table['rows'][number][] = [];
    for (const one of cases) {
      const reads = await readsOfCase(db, one, some);
      process.stderr.write(
        `read: ${one.what}: ${reads.rows} rows, ${reads.milliseconds.toFixed(1)} ms, by ${reads.by}\n`,
      );
      rows.push({ what: one.what, readsOn: one.readsOn, reads });
    }
    tables.push({ title, about, rows });
  }
  const [version] = (await pool.query<{ server_version: string }>('show server_version')).rows;
  return asDocument({ size, server: `PostgreSQL ${version?.server_version ?? ''}`, chapters, tables });
}

/** The second time, with warm caches. */
async function readsOfCase(db: Database, { run }: ReadCase, some: Samples): Promise<Reads> {
  const recorded = await recordStatements(db, (on) => run(on, some));
  let reads = NOTHING_READ;
  for (let time = 1; time <= 2; time++) {
    await rolledBack(db, async (tx) => {
      reads = NOTHING_READ;
      for (const { text, values } of recorded) {
        const { rows } = await tx.query({
          name: '',
          text: `explain (analyze, buffers, format json) ${text}`,
          values,
        });
        const [plan] = rows[0]?.['QUERY PLAN'] as [JsonPlan];
        reads = added(reads, readsOf(plan));
      }
    });
  }
  return reads;
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
  let plan = '';
  await rolledBack(db, async (tx) => {
    await query.prepare?.(tx);
    plan = await planOf(tx, statement);
  });
  const milliseconds = Number(/Execution Time: ([\d.]+) ms/.exec(plan)?.[1] ?? Number.NaN);
  return { ...statement, plan, milliseconds };
}

async function rolledBack(db: Database, work: (tx: Transaction) => Promise<void>): Promise<void> {
  const end = new Error('rolled back');
  await db
    .transaction(async (tx) => {
      await work(tx);
      throw end;
    })
    .catch((error: unknown) => {
      if (error !== end) throw error;
    });
}

async function planOf(on: Queryable, { name, text, values }: Recorded): Promise<string> {
  const { rows } = await on.query({
    name: `explain ${name} ${text.length}`.slice(0, 60),
    text: `explain (analyze, buffers, costs off) ${text}`,
    values,
  });
  return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
}

main(process.argv[2] ?? join(process.cwd(), 'docs', 'queries.md')).catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
