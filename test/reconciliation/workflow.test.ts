import { addStock } from '../support/fixtures';
import { openBarriers } from '../faults/barrier';
import { openStackApi, type StackApi } from '../api/stack-api';
import { newId } from '../../platform/ids';
import { keepHistory } from '../replay/record';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';

let shop: StackApi;
beforeAll(async () => {
  shop = await openStackApi();
  await addStock(shop.stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => shop.stack.stop());

const today = () => new Date().toISOString().slice(0, 10);
const days = () => `from=${today()}&to=${today()}`;

interface Difference {
  n: number;
  class: string;
  ref: string;
  status: string;
  deltaMinor: number;
}

interface JobBody {
  jobId: string;
  status: string;
  rejected: number;
  result: { differences: number; byClass: Record<string, number>; rows: number } | null;
}

const upload = async (query: string, raw: string, key = newId()) => {
  const headers = { 'content-type': 'text/csv', 'idempotency-key': key };
  const reply = await shop.call('POST', `/jobs/reconciliation?${query}`, { raw, headers });
  return { ...reply, job: reply.body as unknown as JobBody };
};
const handleOf = (jobId: string) =>
  shop.stack.temporal.client.workflow.getHandle(shop.stack.names.jobWorkflowId(jobId));

async function ended(jobId: string): Promise<JobBody> {
  const read = async () => (await shop.call('GET', `/jobs/${jobId}`)).body as unknown as JobBody;
  await waitFor(async () => ['completed', 'cancelled', 'failed'].includes((await read()).status));
  await handleOf(jobId).result();
  return read();
}

const differencesOf = async (jobId: string, query = '') =>
  (await shop.call('GET', `/reconciliations/${jobId}/differences${query}`)).body
    .items as unknown as Difference[];

test('what was sold is reconciled with the file of the gateway, and a difference is booked', async () => {
  const payment = { method: 'card', token: 'tok_ok' };
  for (let n = 0; n < 3; n++) {
    const { status, body } = await shop.place({
      customerId: 'c-1',
      items: [{ sku: 'LAMP', quantity: 1 + n }],
      payment,
    });
    expect([status, body.code]).toEqual([201, undefined]);
    // Its money is taken after it was placed.
    await waitFor(async () => (await shop.status(body.id)) === 'fulfilled');
  }
  const report = await shop.call('GET', `/sandbox/balance-transactions.csv?${days()}`);
  expect(report.status).toBe(200);
  const lines = report.text.trimEnd().split('\n');
  expect(lines).toHaveLength(4);
  const clean = await upload(`report=gateway&${days()}`, report.text);
  expect(clean.status).toBe(202);
  expect(await ended(clean.job.jobId)).toMatchObject({
    status: 'completed',
    result: { rows: 3, differences: 0 },
  });
  await keepHistory(handleOf(clean.job.jobId), 'reconciliation-done');

  const key = newId();
  const broken = [
    ...lines.slice(0, 2),
    lines[2]?.replace('20.00', '21.00').replace('20.00', '21.00'),
    'nonsense',
  ].join('\n');
  const second = await upload(`report=gateway&${days()}`, broken, key);
  const job = await ended(second.job.jobId);
  expect(job).toMatchObject({
    status: 'completed',
    rejected: 1,
    result: { byClass: { amount: 1, missing_there: 1, unreadable: 1 } },
  });
  expect((await upload(`report=gateway&${days()}`, broken, key)).headers.get('idempotency-replayed')).toBe(
    'true',
  );
  const [amount] = await differencesOf(job.jobId, '?class=amount');
  expect(amount).toMatchObject({ n: 1, deltaMinor: 100, status: 'open' });
  const decide = (n: number, how: string, body: object) =>
    shop.call('POST', `/reconciliations/${job.jobId}/differences/${n}/${how}`, { body });
  expect(await decide(1, 'book', { reason: 'the gateway is right' })).toMatchObject({
    status: 200,
    body: { status: 'booked' },
  });
  expect(await decide(2, 'accept', { reason: 'comes tomorrow' })).toMatchObject({
    body: { status: 'accepted' },
  });
  expect(await decide(3, 'book', { reason: 'no amount' })).toMatchObject({
    status: 409,
    body: { code: 'DIFFERENCE_NOT_BOOKABLE' },
  });
  expect(await decide(4, 'accept', { reason: 'x' })).toMatchObject({ status: 404 });
  expect(await decide(1, 'book', { reason: 'the gateway is right', merchnt: 'x' })).toMatchObject({
    status: 422,
  });
  expect(await differencesOf(job.jobId, '?status=open')).toMatchObject([{ class: 'unreadable' }]);
  const file = await shop.call('GET', `/downloads/${job.jobId}.csv`);
  expect(file.text.split('\n')[1]).toContain('1,amount,capture,sandbox_ch_');
  await expectInvariants(shop.stack.db);

  const bank = await upload(
    `report=bank&${days()}&of=${clean.job.jobId}`,
    `reference,date,amount,currency\nRENT,${today()},-1.00,USD\n`,
  );
  expect(await ended(bank.job.jobId)).toMatchObject({ result: { byClass: { missing_here: 1 } } });
});

test('one that is cancelled has no differences, and forgets what was uploaded', async () => {
  await shop.stack.stopWorker();
  const { job } = await upload(
    `report=gateway&${days()}`,
    'type,source,currency,amount,created\ncharge,a,usd,1,2026-06-02\n',
  );
  expect((await shop.call('POST', `/jobs/${job.jobId}/cancel`, { body: {} })).status).toBe(202);
  await shop.stack.startWorker();
  expect(await ended(job.jobId)).toMatchObject({ status: 'cancelled', result: null });
  await keepHistory(handleOf(job.jobId), 'reconciliation-cancelled');
  expect(await differencesOf(job.jobId)).toEqual([]);
  const { rows } = await shop.stack.db.pool.query('select count(*)::int as rows from reconciliation_rows');
  expect(rows).toEqual([{ rows: 0 }]);
});

test('one that is forced to end while it compares is cancelled, and forgets what was uploaded', async () => {
  const barriers = openBarriers(shop.stack.databaseUrl);
  const barrier = await barriers.block('lock table reconciliation_differences in share mode');
  try {
    const { job } = await upload(
      `report=gateway&${days()}`,
      'type,source,currency,amount,created\ncharge,a,usd,1,2026-06-02\n',
    );
    await barrier.reached();
    const body = { force: true };
    expect((await shop.call('POST', `/jobs/${job.jobId}/cancel`, { body })).status).toBe(202);
    expect(await ended(job.jobId)).toMatchObject({ status: 'cancelled', result: null });
    expect(await differencesOf(job.jobId)).toEqual([]);
    const { rowCount } = await shop.stack.db.pool.query(
      'select from reconciliation_rows r join feeds f on f.id = r.feed_id where f.job_id = $1',
      [job.jobId],
    );
    expect(rowCount).toBe(0);
  } finally {
    await barrier.release();
  }
});

test.each([
  ['report=gateway&from=2026-06-02&to=2026-06-01', 422, 'VALIDATION_FAILED'],
  ['report=gateway&from=2020-01-01&to=2026-06-01', 422, 'VALIDATION_FAILED'],
  ['report=card&from=2026-06-01&to=2026-06-01', 422, 'VALIDATION_FAILED'],
  ['report=gateway&from=2026-06-01&to=2026-06-01&dry=true', 422, 'VALIDATION_FAILED'],
  [`report=gateway&from=2026-06-01&to=2026-06-01&of=${newId()}`, 422, 'VALIDATION_FAILED'],
  [`report=bank&from=2026-06-01&to=2026-06-01&of=${newId()}`, 422, 'VALIDATION_FAILED'],
  ['report=gateway&from=2026-06-01&to=2026-06-01', 422, 'FEED_COLUMN_MISSING'],
])('%s is %i %s', async (query, status, code) => {
  expect(await upload(query, 'a,b\n1,2\n')).toMatchObject({ status, body: { code } });
});
