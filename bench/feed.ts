import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { readJob } from '../domain/jobs/jobs';
import { jobHasEnded } from '../domain/jobs/rules';
import type { BulkTransaction, Database } from '../platform/database/database';
import { BENCH_HEADERS } from './access-key';
import { cpuMs } from './process-tree';
import { startBenchProcesses, type BenchProcesses } from './processes';
import { report, rounded } from './windows';

const ROWS = Number(process.env.BENCH_FEED_ROWS ?? 1_000_000);
const LOCATIONS = 10;
const ROUNDS = 2;
const POLL_MS = 20;

/**
 * Rows a second from the first byte of the upload to the job's end, over HTTP and Temporal, with ledger, rejects and
 * progress; beside what PostgreSQL does at best with the same file on the same stock: a bare COPY and one UPDATE … FROM. A second
 * variant has a feed as of a time after which every row has moved. Every row changes its counter. `floor` is the bare import that also
 * writes the ledger's entries, in one statement and one session: what the product cannot leave out. Turns alternate. API and worker are
 * processes of their own, whose peaks of memory are reported, and the CPU that each part takes for a row.
 */
export async function benchFeed(): Promise<void> {
  const product = await startBenchProcesses();
  const file = join(tmpdir(), `holdfast-feed-${process.pid}.csv`);
  try {
    await stockUpFeed(product.db);
    const atRest = await product.peakRssMb();
    for (const variant of ['still', 'moved'] as const) {
      const turns = await runTurns(product, file, variant);
      const peak = await product.peakRssMb();
      const { feed, bare, floor } = turns;
      const rows = ROWS * ROUNDS;
      report({
        bench: 'feed',
        variant,
        rows: ROWS,
        rowsPerSecond: Math.round(rows / feed.seconds),
        barePerSecond: Math.round(rows / bare.seconds),
        floorPerSecond: Math.round(rows / floor.seconds),
        ratio: rounded(bare.seconds / feed.seconds),
        ratioToFloor: rounded(floor.seconds / feed.seconds),
        cpuUsPerRow: cpuUsPerRow(feed),
        bareCpuUsPerRow: cpuUsPerRow(bare).postgres,
        floorCpuUsPerRow: cpuUsPerRow(floor).postgres,
        apiRssMbAtRest: atRest.api,
        apiRssMbPeak: peak.api,
        workerRssMbAtRest: atRest.worker,
        workerRssMbPeak: peak.worker,
      });
    }
  } finally {
    await rm(file, { force: true });
    await product.stop();
  }
}

type Variant = 'still' | 'moved';
type Part = 'api' | 'worker' | 'postgres';

/** What all turns of one kind took. */
interface Taken {
  seconds: number;
  cpuMs: Record<Part, number>;
}

const nothing = (): Taken => ({ seconds: 0, cpuMs: { api: 0, worker: 0, postgres: 0 } });

async function runTurns(product: BenchProcesses, file: string, variant: Variant) {
  const turns = { bare: nothing(), floor: nothing(), feed: nothing() };
  for (let round = 1; round <= ROUNDS; round++) {
    // Each file has other quantities than the one before.
    const seed = (variant === 'moved' ? 100 : 0) + round * 10;
    await timed(product, turns.bare, { file, seed }, () => importBare(product.db, file));
    await timed(product, turns.floor, { file, seed: seed + 1 }, () => importBareWithLedger(product.db, file));
    const asOf = variant === 'moved' ? await moveEverything(product.db) : undefined;
    await timed(product, turns.feed, { file, seed: seed + 2 }, () => importFeed(product, file, asOf));
  }
  return turns;
}

function cpuUsPerRow({ cpuMs }: Taken): Record<Part, number> {
  const each = (ms: number) => rounded((ms * 1_000) / (ROWS * ROUNDS), 1);
  return { api: each(cpuMs.api), worker: each(cpuMs.worker), postgres: each(cpuMs.postgres) };
}

/** A movement of every stock row, with its entry in the ledger; returns a time before them, RFC 3339. */
async function moveEverything(db: Database): Promise<string> {
  const asOf = new Date(Date.now() - 1_000).toISOString();
  await db.bulk((tx) =>
    tx.query({
      name: 'bench.feed_moved',
      text: `with moved as (update stock set on_hand = on_hand + 1 returning product_id, warehouse_id)
             insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
             select product_id, warehouse_id, 'adjust', 1, 0, $1::uuid from moved`,
      values: [randomUUID()],
    }),
  );
  return asOf;
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

/** Adds what `work` takes on a file of new quantities, from a database at rest. */
async function timed(
  { db, pids }: BenchProcesses,
  taken: Taken,
  { file, seed }: { file: string; seed: number },
  work: () => Promise<void>,
): Promise<void> {
  await writeFile(file, Readable.from(lines(seed)));
  const client = await db.pool.connect();
  try {
    await client.query('set statement_timeout = 0');
    await client.query('vacuum analyze');
    await client.query('checkpoint');
  } finally {
    client.release(true);
  }
  const cpuOf = async (part: Part) => cpuMs(pids[part]);
  const before = {
    api: await cpuOf('api'),
    worker: await cpuOf('worker'),
    postgres: await cpuOf('postgres'),
  };
  const begun = performance.now();
  await work();
  taken.seconds += (performance.now() - begun) / 1_000;
  for (const part of ['api', 'worker', 'postgres'] as const)
    taken.cpuMs[part] += (await cpuOf(part)) - before[part];
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

/** The stock rows of a file that was copied to `bare`. */
const BARE_UPDATE = `update stock s set on_hand = b.quantity
             from bare b join products p on p.sku = b.sku join warehouses w on w.code = b.location
             where s.product_id = p.id and s.warehouse_id = w.id`;

async function importBare(db: Database, file: string): Promise<void> {
  await db.bulk(async (tx) => {
    await copyBare(tx, file);
    expectAll(await tx.query({ name: 'bench.bare_update', text: BARE_UPDATE }));
  });
}

async function importBareWithLedger(db: Database, file: string): Promise<void> {
  await db.bulk(async (tx) => {
    await copyBare(tx, file);
    expectAll(
      await tx.query({
        name: 'bench.bare_ledger',
        text: `with counted as (${BARE_UPDATE}
                 returning s.product_id, s.warehouse_id, new.on_hand - old.on_hand as delta, new.on_hand)
               insert into inventory_transactions
                 (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reference, actor, as_of, number)
               select product_id, warehouse_id, 'feed', delta, 0, $1::uuid, $1::text, 'bench', now(), on_hand
               from counted`,
        values: [randomUUID()],
      }),
    );
  });
}

async function copyBare(tx: BulkTransaction, file: string): Promise<void> {
  await tx.query({
    name: 'bench.bare_table',
    text: 'create temporary table bare (sku text, location text, quantity int) on commit drop',
  });
  await tx.copyIn(
    'copy bare from stdin (format csv, header)',
    createReadStream(file, { highWaterMark: 262_144 }) as AsyncIterable<Buffer>,
  );
  await tx.query({ name: 'bench.bare_analyze', text: 'analyze bare' });
}

function expectAll({ rowCount }: { rowCount: number | null }): void {
  if (rowCount !== ROWS) throw new Error(`${String(rowCount)} rows were changed, not ${ROWS}`);
}

async function importFeed({ db, url }: BenchProcesses, file: string, asOf?: string): Promise<void> {
  // `duplex` is what fetch asks for where a body is a stream; its types do not know it.
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { ...BENCH_HEADERS, 'content-type': 'text/csv' },
    body: Readable.toWeb(createReadStream(file, { highWaterMark: 262_144 })) as ReadableStream,
    duplex: 'half',
  };
  const query = asOf === undefined ? '' : `?asOf=${encodeURIComponent(asOf)}`;
  const response = await fetch(`${url}/api/v1/jobs/feed${query}`, init);
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
