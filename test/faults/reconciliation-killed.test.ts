import { Client } from 'pg';
import {
  expectedOf,
  FEE,
  fillPayments,
  FROM,
  gatewayFile,
  planOf,
  rowsOf,
  TO,
} from '../../bench/reconciliation-data';
import { newId } from '../../platform/ids';
import { differencesOf, namesOf } from '../reconciliation/support';
import { randomOf } from '../support/random';
import { waitFor } from '../support/wait';
import { untilCompleted, untilIdle } from './assertions';
import { openBarriers, type Barrier, type Barriers, type Write } from './barrier';
import { openProduct, type Product } from './product';

const PAYMENTS = 2_000;

let product: Product;
let barriers: Barriers;
beforeAll(async () => {
  product = await openProduct();
  barriers = openBarriers(product.databaseUrl);
  const owner = new Client({ connectionString: product.databaseUrl });
  await owner.connect();
  await fillPayments(owner, PAYMENTS).finally(() => owner.end());
}, 240_000);
afterAll(async () => {
  await barriers.releaseAll();
  await product.close();
});

/** Where the work on an upload stands when the worker dies. */
const STEPS: Readonly<Record<string, (feedId: number, jobId: string) => Write>> = {
  'what the ledger has is being written down': (feedId) => ({
    on: 'insert on reconciliation_entries',
    when: `new.feed_id = ${feedId}`,
    at: 'once',
  }),
  'pairs are found': (feedId) => ({
    on: 'insert on reconciliation_pairs',
    when: `new.feed_id = ${feedId}`,
    at: 'once',
  }),
  'what is left is found': (feedId) => ({
    on: 'insert on reconciliation_left',
    when: `new.feed_id = ${feedId}`,
    at: 'once',
  }),
  'what is left is paired': (feedId) => ({
    on: 'delete on reconciliation_left',
    when: `old.feed_id = ${feedId}`,
    at: 'once',
  }),
  'differences are written': (_feedId, jobId) => ({
    on: 'insert on reconciliation_differences',
    when: `new.job_id = '${jobId}'`,
    at: 'once',
  }),
  'it is about to be completed': (_feedId, jobId) => ({
    on: 'update on jobs',
    when: `new.id = '${jobId}' and new.status = 'completed'`,
    at: 'once',
  }),
  // The transaction is committed all the same, and nobody hears of it.
  'it is completed': (_feedId, jobId) => ({
    on: 'update on jobs',
    when: `new.id = '${jobId}' and new.status = 'completed'`,
    at: 'commit',
  }),
  'rows are forgotten': (feedId) => ({
    on: 'delete on reconciliation_rows',
    when: `old.feed_id = ${feedId}`,
    at: 'once',
  }),
};
/** Comes last: the statistics of what it has staged are made, and others wait for that. */
const WRITTEN_DOWN: Write = {
  on: 'update on feeds',
  when: `new.mode = 'gateway' and new.stage = 'resolved' and old.stage = 'staged'`,
  at: 'commit',
};

interface Job {
  jobId: string;
  feedId: number;
}

async function upload(raw: string): Promise<Job> {
  const query = new URLSearchParams({
    report: 'gateway',
    from: FROM,
    to: TO,
    feeBasisPoints: String(FEE.rateBasisPoints),
    feeFixedMinor: String(FEE.fixedMinor),
  });
  const headers = { 'content-type': 'text/csv', 'idempotency-key': newId() };
  const { status, body } = await product.call('POST', `/jobs/reconciliation?${query.toString()}`, {
    raw,
    headers,
  });
  expect(status).toBe(202);
  // What an upload answers is a job.
  const { jobId } = body as unknown as { jobId: string };
  const { rows } = await product.db.pool.query<{ id: string }>('select id from feeds where job_id = $1', [
    jobId,
  ]);
  return { jobId, feedId: Number(rows[0]?.id) };
}

async function isForgotten(): Promise<boolean> {
  const { rowCount } = await product.db.pool.query(
    `select from reconciliation_rows where kind is distinct from 'payout' union all select from reconciliation_entries
     union all select from reconciliation_pairs union all select from reconciliation_left limit 1`,
  );
  return rowCount === 0;
}

test.each([31, 32])(
  'a worker that is killed at every step of comparisons finds what is planted, and nothing else (seed %i)',
  async (seed) => {
    const random = randomOf(seed);
    const rows = rowsOf(PAYMENTS);
    const jobs: Job[] = [];
    const expected: string[][] = [];
    const standing: Barrier[] = [];
    const begin = async () => {
      const plan = planOf(rows, 6, () => random.fraction());
      const job = await upload([...gatewayFile(rows, plan)].join(''));
      jobs.push(job);
      expected.push(expectedOf(rows, plan));
      return job;
    };
    for (const step of Object.values(STEPS)) {
      const { feedId, jobId } = await begin();
      standing.push(await barriers.blockWrites(step(feedId, jobId)));
    }
    const worker = await product.startWorker();
    for (const barrier of standing) await barrier.reached();
    const last = await barriers.blockWrites(WRITTEN_DOWN);
    await begin();
    await last.reached();
    standing.push(last);
    await worker.kill();
    for (const barrier of standing) await barrier.release();
    await untilIdle(product);

    const next = await product.startWorker();
    for (const { jobId } of jobs) await untilCompleted(product, jobId, 120_000);
    for (const [index, job] of jobs.entries())
      expect(namesOf(await differencesOf(product.db, job.jobId))).toEqual(expected[index]);
    await waitFor(isForgotten, 60_000);
    await next.kill();
  },
  600_000,
);
