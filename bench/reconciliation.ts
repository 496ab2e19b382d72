import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Client } from 'pg';
import { readJob } from '../domain/jobs/jobs';
import { jobHasEnded } from '../domain/jobs/rules';
import { BENCH_HEADERS } from './access-key';
import { startBenchProcesses, type BenchProcesses } from './processes';
import { expectedOf, FEE, fillPayments, FROM, gatewayFile, planOf, rowsOf, TO } from './reconciliation-data';
import { report, rounded } from './windows';

/** Of ten payments eleven transactions, and some disputes. */
const PAYMENTS = Number(process.env.BENCH_RECONCILIATION_PAYMENTS ?? 900_000);
const PLANTED_OF_EACH = 200;
const POLL_MS = 50;

/**
 * Seconds from the first byte of the upload to the job's end, over HTTP and Temporal, of a gateway's file of about a million transactions with
 * 200 planted differences of each class. All of them must be found and named, and no others. API and worker are processes of their own, whose
 * peaks of memory are reported.
 */
export async function benchReconciliation(): Promise<void> {
  const product = await startBenchProcesses();
  const file = join(tmpdir(), `holdfast-reconciliation-${process.pid}.csv`);
  try {
    const owner = new Client({ connectionString: product.databaseUrl });
    await owner.connect();
    await fillPayments(owner, PAYMENTS).finally(() => owner.end());
    const rows = rowsOf(PAYMENTS);
    const plan = planOf(rows, PLANTED_OF_EACH, Math.random);
    await write(file, gatewayFile(rows, plan));
    const begun = performance.now();
    const { jobId, uploadSeconds } = await reconcile(product, file);
    const seconds = (performance.now() - begun) / 1_000;
    await expectFound(product, jobId, expectedOf(rows, plan));
    const peak = await product.peakRssMb();
    report({
      bench: 'reconciliation',
      rows: rows.length,
      planted: plan.size,
      seconds: rounded(seconds),
      uploadSeconds: rounded(uploadSeconds),
      rowsPerSecond: Math.round(rows.length / seconds),
      apiRssMbPeak: peak.api,
      workerRssMbPeak: peak.worker,
    });
  } finally {
    await rm(file, { force: true });
    await product.stop();
  }
}

async function write(file: string, pieces: Iterable<string>): Promise<void> {
  const out = createWriteStream(file);
  for (const piece of pieces) if (!out.write(piece)) await once(out, 'drain');
  out.end();
  await once(out, 'finish');
}

async function reconcile(
  { db, url }: BenchProcesses,
  file: string,
): Promise<{ jobId: string; uploadSeconds: number }> {
  // `duplex` is what fetch asks for where a body is a stream; its types do not know it.
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { ...BENCH_HEADERS, 'content-type': 'text/csv' },
    body: Readable.toWeb(createReadStream(file, { highWaterMark: 262_144 })) as ReadableStream,
    duplex: 'half',
  };
  const query = new URLSearchParams({
    report: 'gateway',
    from: FROM,
    to: TO,
    gateway: 'sandbox',
    feeBasisPoints: String(FEE.rateBasisPoints),
    feeFixedMinor: String(FEE.fixedMinor),
  });
  const begun = performance.now();
  const response = await fetch(`${url}/api/v1/jobs/reconciliation?${query.toString()}`, init);
  const uploadSeconds = (performance.now() - begun) / 1_000;
  const { jobId } = (await response.json()) as { jobId?: string };
  if (jobId === undefined) throw new Error(`the upload answered ${response.status}`);
  for (;;) {
    const job = await readJob(db, jobId);
    if (job?.status === 'completed') return { jobId, uploadSeconds };
    if (job && jobHasEnded(job.status)) throw new Error(`it came to ${JSON.stringify(job)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function expectFound(
  { db }: BenchProcesses,
  jobId: string,
  expected: readonly string[],
): Promise<void> {
  const { rows } = await db.pool.query<{ name: string }>(
    `select class || ' ' || coalesce(ref, '-') as name from reconciliation_differences where job_id = $1`,
    [jobId],
  );
  const found = rows.map(({ name }) => name).sort();
  if (JSON.stringify(found) === JSON.stringify(expected)) return;
  const [more, less] = [new Set(found), new Set(expected)];
  const odd = {
    found: found.filter((name) => !less.has(name)).slice(0, 10),
    notFound: expected.filter((name) => !more.has(name)).slice(0, 10),
  };
  throw new Error(`${found.length} were found, not ${expected.length}: ${JSON.stringify(odd)}`);
}
