import { createHash } from 'node:crypto';
import { explainJob } from '../../domain/administration/why/job';
import { newId } from '../../platform/ids';
import { jobsOf } from '../api/stack-jobs';
import { enter } from '../settlement/support';
import { openS3Server, type S3Server } from '../support/s3-server';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { describeWithGo } from '../support/with-go';

let s3: S3Server;
let stack: Stack;

interface JobBody {
  jobId: string;
  status: string;
  downloadUrl: string | null;
  details: { fileStore?: string | null };
  result: { sha256: string; location: string } | null;
}

const { call, jobOf, ended } = jobsOf<JobBody>(() => stack);
const start = async (body: object) =>
  (await call('POST', '/jobs/settlement', { body, headers: { 'idempotency-key': newId() } })).job.jobId;

describeWithGo('settlement files in S3', () => {
  beforeAll(async () => {
    s3 = await openS3Server();
    stack = await startStack({
      api: true,
      settings: {
        FILE_STORE: `s3://${s3.bucket}/settlement`,
        S3_ENDPOINT: s3.endpoint,
        S3_ACCESS_KEY_ID: s3.accessKeyId,
        S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
      },
    });
    await enter(stack.db, { day: '2026-06-10', minor: 100 });
    await enter(stack.db, { day: '2026-07-10', minor: 200 });
  }, 600_000);
  afterAll(async () => {
    await stack.stop();
    await s3.drop();
  });

  test('a job waits for S3 that is away and says so, may be cancelled, and goes on when S3 is back', async () => {
    await s3.stop();
    const unwanted = await start({ from: '2026-06-01', to: '2026-06-30' });
    await waitFor(async () => (await jobOf(unwanted)).details.fileStore?.includes(`s3://${s3.bucket}`));
    expect((await call('POST', `/jobs/${unwanted}/cancel`, { body: {} })).status).toBe(202);
    expect(await ended(unwanted)).toMatchObject({ status: 'cancelled', downloadUrl: null });

    const wanted = await start({ from: '2026-07-01', to: '2026-07-31' });
    await waitFor(async () => (await jobOf(wanted)).details.fileStore);
    const why = await explainJob(stack.db, wanted);
    expect(why?.because.join('\n')).toContain('Its file could not be written, and is tried again: s3://');
    await s3.start();
    const job = await ended(wanted);
    expect(job).toMatchObject({ status: 'completed', details: { fileStore: null } });
    expect(job.result?.location).toMatch(`s3://${s3.bucket}/settlement/${wanted}/`);

    const file = await call('GET', `/downloads/${wanted}.csv`);
    expect(createHash('sha256').update(file.text).digest('hex')).toBe(job.result?.sha256);
    expect(file.text).toBe('merchant_id,date,gross,fee,net,txn_count\nhouse,2026-07-10,2.00,0.00,2.00,1\n');
    // From S3, and not of the lines: until S3 is away.
    await stack.db.pool.query('update settlement_sums set txn_count = 7');
    expect((await call('GET', `/downloads/${wanted}.csv`)).text).toBe(file.text);
    await s3.stop();
    // Lines that are not those of the file break it off before its end.
    await expect(call('GET', `/downloads/${wanted}.csv`)).rejects.toThrow('terminated');
    await stack.db.pool.query('update settlement_sums set txn_count = 1');
    expect((await call('GET', `/downloads/${wanted}.csv`)).text).toBe(file.text);
    await s3.start();
  });
});
