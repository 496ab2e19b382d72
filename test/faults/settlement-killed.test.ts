import { many } from '../../platform/database/database';
import { derivedId, newId } from '../../platform/ids';
import { addMerchant } from '../money/support';
import { fileOf, linesOf } from '../settlement/support';
import { ADMIN_CALLER } from '../support/access-keys';
import { untilCompleted, untilIdle } from './assertions';
import { openBarriers, type Barrier, type Barriers, type Write } from './barrier';
import { openProduct, type Product } from './product';

let product: Product;
let barriers: Barriers;
beforeAll(async () => {
  product = await openProduct();
  barriers = openBarriers(product.databaseUrl);
  for (const merchant of MERCHANTS) await addMerchant(product.db, merchant);
  await product.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select d, d, (array['capture', 'refund', 'fee'])[1 + n % 3], 'gateway_clearing', 'merchant_payable', m.id, 1 + n % 97, 'USD',
       gen_random_uuid(), gen_random_uuid()
     from merchants m cross join generate_series(1, 600) n cross join lateral (select date '2026-06-01' + n * 7 % 61 as d) d
     where m.code = any ($1)`,
    [MERCHANTS],
  );
}, 240_000);
afterAll(async () => {
  await barriers.releaseAll();
  await product.close();
});

const MERCHANTS = ['acme', 'bolt', 'cord', 'dawn'] as const;

type StepOf = (jobId: string) => Write;

const SUMMED: StepOf = (jobId) => ({
  on: 'insert on settlement_sums',
  when: `new.job_id = '${jobId}'`,
  at: 'once',
});
const MOVED_ON: StepOf = (jobId) => ({
  on: 'update on settlement_parts',
  when: `new.job_id = '${jobId}' and new.done`,
  at: 'commit',
});
const COMPLETING: StepOf = (jobId) => ({
  on: 'update on jobs',
  when: `new.id = '${jobId}' and new.status = 'completed'`,
  at: 'once',
});
// The transaction is committed all the same, and nobody hears of it.
const COMPLETED: StepOf = (jobId) => ({ ...COMPLETING(jobId), at: 'commit' });
/** These keep others from beginning, so they come last. */
const CUT: StepOf = (jobId) => ({
  on: 'update on settlement_runs',
  when: `new.job_id = '${jobId}' and new.cut is not null`,
  at: 'once',
});
const BEGUN: StepOf = (jobId) => ({
  on: 'insert on settlement_parts',
  when: `new.job_id = '${jobId}'`,
  at: 'commit',
});

interface Days {
  from: string;
  to: string;
}

/** A job whose id is known before it is asked for. */
function jobOf(merchant: string, days: Days) {
  const key = newId();
  const jobId = derivedId('settlement', ADMIN_CALLER, key);
  return {
    merchant,
    jobId,
    async ask() {
      const request = { body: { ...days, merchant }, headers: { 'idempotency-key': key } };
      expect(await product.call('POST', '/jobs/settlement', request)).toMatchObject({
        status: 202,
        body: { jobId },
      });
    },
  };
}

/** The lines that a merchant's file is to have, of the ledger alone. */
async function expectedOf(merchant: string, { from, to }: Days): Promise<string[]> {
  const found = await many<{ line: string }>(
    product.db,
    'test.expected',
    `select m.code || ',' || day || ',' || to_char(g / 100.0, 'FM999990.00') || ',' || to_char(f / 100.0, 'FM999990.00') || ','
       || to_char((g - f) / 100.0, 'FM999990.00') || ',' || n as line
     from (select merchant_id, day, sum(case kind when 'capture' then amount_minor when 'refund' then -amount_minor else 0 end) as g,
             sum(case kind when 'fee' then amount_minor else 0 end) as f, count(*) filter (where kind <> 'fee') as n
           from money_ledger group by 1, 2) l join merchants m on m.id = l.merchant_id
     where m.code = $1 and day between $2::date and $3::date order by day`,
    [merchant, from, to],
  );
  return found.map(({ line }) => line);
}

test.each<[string, StepOf, StepOf, Days]>([
  ['fixes a cut', COMPLETING, CUT, { from: '2026-06-01', to: '2026-06-30' }],
  ['has begun', COMPLETED, BEGUN, { from: '2026-07-01', to: '2026-07-31' }],
])(
  'a worker that is killed as it %s, sums and completes leaves files that have each row once',
  async (_at, end, beginning, days) => {
    const jobs = MERCHANTS.map((merchant) => jobOf(merchant, days));
    const standing: Barrier[] = [];
    // Before anybody is at work: nobody can be held up any more in a table that somebody is writing.
    for (const [index, step] of [SUMMED, MOVED_ON, end, beginning].entries())
      standing.push(await barriers.blockWrites(step(jobs[index]?.jobId ?? '')));
    for (const job of jobs.slice(0, -1)) await job.ask();
    const env = { JOB_WORKERS: '2', JOB_BATCH_SIZE: '20' };
    const worker = await product.startWorker({ env });
    for (const barrier of standing.slice(0, -1)) await barrier.reached();
    await jobs.at(-1)?.ask();
    await standing.at(-1)?.reached();
    await worker.kill();
    for (const barrier of standing) await barrier.release();
    await untilIdle(product);

    const next = await product.startWorker({ env });
    for (const { jobId } of jobs) await untilCompleted(product, jobId, 180_000);
    for (const { jobId, merchant } of jobs)
      expect(linesOf(await fileOf(product.db, jobId))).toEqual(await expectedOf(merchant, days));
    await next.kill();
  },
  600_000,
);
