import { createReadStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { readJob } from '../domain/jobs/jobs';
import { jobHasEnded } from '../domain/jobs/rules';
import type { Database } from '../platform/database/database';
import { BENCH_HEADERS } from './access-key';
import { startBenchProcesses, type BenchProcesses } from './processes';
import { report, rounded } from './windows';

const ROWS = Number(process.env.BENCH_FEED_ROWS ?? 1_000_000);
const LOCATIONS = 10;
const ROUNDS = 2;
const POLL_MS = 20;

/**
 * Rows a second from the first byte of the upload to the job's end, over HTTP and Temporal, with ledger, rejects and
 * progress; beside what PostgreSQL does at best with the same file on the same stock: a bare COPY and one UPDATE … FROM.
 * Turns alternate. Every row changes its counter. API and worker are processes of their own, whose peaks of memory are reported.
 */
export async function benchFeed(): Promise<void> {
  const product = await startBenchProcesses();
  const file = join(tmpdir(), `holdfast-feed-${process.pid}.csv`);
  try {
    await stockUpFeed(product.db);
    const atRest = await product.peakRssMb();
    let feed = 0;
    let bare = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      bare += await timed(product.db, file, round * 10, () => importBare(product.db, file));
      feed += await timed(product.db, file, round * 10 + 1, () => importFeed(product, file));
    }
    const rows = ROWS * ROUNDS;
    const peak = await product.peakRssMb();
    report({
      bench: 'feed',
      rows: ROWS,
      rowsPerSecond: Math.round(rows / feed),
      barePerSecond: Math.round(rows / bare),
      ratio: rounded(bare / feed),
      apiRssMbAtRest: atRest.api,
      apiRssMbPeak: peak.api,
      workerRssMbAtRest: atRest.worker,
      workerRssMbPeak: peak.worker,
    });
  } finally {
    await rm(file, { force: true });
    await product.stop();
  }
}

async function stockUpFeed(db: Database): Promise<void> {
  const products = Math.ceil(ROWS / LOCATIONS);
  await db.pool.query(
    `insert into products (sku, name, price_minor, currency)
     select 'FEED-' || n, 'Bench', 100, 'USD' from generate_series(0, $1::int - 1) n`,
    [products],
  );
  await db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region)
     select 'FEED-' || n, 'Bench', 0, 0, 'bench' from generate_series(0, $1::int - 1) n`,
    [LOCATIONS],
  );
  await db.bulk((tx) =>
    tx.query({
      name: 'bench.feed_stock',
      text: `insert into stock (product_id, warehouse_id) select p.id, w.id from products p, warehouses w
             where p.sku like 'FEED-%' and w.code like 'FEED-%' order by 1, 2`,
    }),
  );
}

/** Seconds that `work` takes on a file of new quantities, from a database at rest. */
async function timed(db: Database, file: string, seed: number, work: () => Promise<void>): Promise<number> {
  await writeFile(file, Readable.from(lines(seed)));
  const client = await db.pool.connect();
  try {
    await client.query('set statement_timeout = 0');
    await client.query('vacuum analyze');
    await client.query('checkpoint');
  } finally {
    client.release(true);
  }
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1_000;
}

/** In no order: a step through the rows that is prime to their number. */
function* lines(seed: number): Generator<string> {
  yield 'sku,location,quantity\n';
  let text = '';
  for (let n = 0; n < ROWS; n++) {
    const row = (n * 7_919) % ROWS;
    text += `FEED-${Math.floor(row / LOCATIONS)},FEED-${row % LOCATIONS},${1_000 + (row % 977) + seed}\n`;
    if (text.length > 65_536) {
      yield text;
      text = '';
    }
  }
  yield text;
}

async function importBare(db: Database, file: string): Promise<void> {
  await db.bulk(async (tx) => {
    await tx.query({
      name: 'bench.bare_table',
      text: 'create temporary table bare (sku text, location text, quantity int) on commit drop',
    });
    await tx.copyIn(
      'copy bare from stdin (format csv, header)',
      createReadStream(file, { highWaterMark: 262_144 }) as AsyncIterable<Buffer>,
    );
    await tx.query({ name: 'bench.bare_analyze', text: 'analyze bare' });
    const { rowCount } = await tx.query({
      name: 'bench.bare_update',
      text: `update stock s set on_hand = b.quantity
             from bare b join products p on p.sku = b.sku join warehouses w on w.code = b.location
             where s.product_id = p.id and s.warehouse_id = w.id`,
    });
    if (rowCount !== ROWS) throw new Error(`${String(rowCount)} rows were updated, not ${ROWS}`);
  });
}

async function importFeed({ db, url }: BenchProcesses, file: string): Promise<void> {
  // `duplex` is what fetch asks for where a body is a stream; its types do not know it.
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { ...BENCH_HEADERS, 'content-type': 'text/csv' },
    body: Readable.toWeb(createReadStream(file, { highWaterMark: 262_144 })) as ReadableStream,
    duplex: 'half',
  };
  const response = await fetch(`${url}/api/v1/jobs/feed`, init);
  const { jobId } = (await response.json()) as { jobId?: string };
  if (jobId === undefined) throw new Error(`the upload answered ${response.status}`);
  for (;;) {
    const job = await readJob(db, jobId);
    if (job && jobHasEnded(job.status)) {
      if (job.result?.['applied'] !== ROWS) throw new Error(`it came to ${JSON.stringify(job)}`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
