import { beginJob, readJob } from '../../domain/jobs/jobs';
import { finishFeed } from '../../domain/stock/feeds/finish';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import { readUpload } from '../../domain/uploads/uploads';
import { stageFeed } from '../../domain/stock/feeds/stage';
import { addToUpload, dropUpload, removeOrphanedUploads } from '../../domain/uploads/receiving';
import { forgetting } from '../../activities/upload-kinds';
import { newId } from '../../platform/ids';
import { openOrderShop, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterAll(() => shop.close());
afterEach(async () => {
  await shop.db.pool.query('truncate feed_rows');
  await expectInvariants(shop.db);
});

const HEADER = 'sku,location,quantity\n';
/** More than one chunk. */
const MANY = 120_000;

async function* bytes(...parts: (string | (() => Promise<void>))[]): AsyncGenerator<Buffer> {
  for (const part of parts) {
    if (typeof part === 'string') yield Buffer.from(part);
    else await part();
  }
}

function stage(source: AsyncIterable<Buffer>, jobId = newId()) {
  return stageFeed(shop.db, { jobId, actor: 'test', mode: 'set', format: 'csv', location: null, source });
}

async function count(text: string): Promise<number> {
  const found = await shop.db.pool.query<{ count: number }>(`select count(*)::int as count ${text}`);
  return found.rows[0]?.count ?? 0;
}

const stagedRows = () => count('from feed_rows');
const uploads = () => count('from feeds where job_id is null');

test('while a client is waited for, no transaction is open, and what came is stored', async () => {
  const rows = Array.from({ length: MANY }, (_, n) => `SLOWLY-${n},WAREHOUSE,${n}\n`).join('');
  let open: number | undefined;
  const { job } = await stage(
    bytes(HEADER, rows, async () => {
      await waitFor(async () => (await stagedRows()) > 0);
      // What was still being written when the first rows were seen ends without the client.
      await waitFor(async () => {
        open = await count(
          `from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
           and pid <> pg_backend_pid() and xact_start is not null`,
        );
        return open === 0;
      });
    }),
  );
  expect(open).toBe(0);
  expect((await readUpload(shop.db, job.jobId)).lines).toBe(MANY);
  expect(await stagedRows()).toBe(MANY);
});

test('rows with and without a note, and rejects among them, are stored as they were read, over several chunks', async () => {
  const given = (n: number) => (n % 1_000 === 0 ? '1.000' : String(n));
  const rows = Array.from(
    { length: MANY },
    (_, n) => `S-${n},AMS,${given(n)},${n % 3 === 0 ? `note ${n}` : ''}\n`,
  );
  await stage(bytes('sku,location,quantity,note\n', rows.join('')));
  const wrong = await count(
    `from feed_rows cross join lateral (select line - 2 as n) l
     where (sku, location, quantity, reason, code, given) is distinct from
       ('S-' || n, 'AMS', case when n % 1000 <> 0 then n end, case when n % 3 = 0 then 'note ' || n end,
        case when n % 1000 = 0 then 'QUANTITY_AMBIGUOUS' end, case when n % 1000 = 0 then '1.000' end)`,
  );
  expect([await stagedRows(), wrong]).toEqual([MANY, 0]);
});

test('an upload that breaks off, or that turns out to be useless, leaves nothing', async () => {
  const rows = `A,AMS,1\n`.repeat(MANY * 2);
  const jobId = newId();
  const brokenOff = bytes(HEADER, rows, () => Promise.reject(new Error('the client left')));
  await expect(stage(brokenOff, jobId)).rejects.toThrow('the client left');
  const useless = bytes(HEADER, rows);
  async function* withBadBytes() {
    yield* useless;
    yield Buffer.from([0xff]);
  }
  await expect(stage(withBadBytes(), jobId)).rejects.toMatchObject({ code: 'FEED_ENCODING_INVALID' });
  expect([await stagedRows(), await uploads(), await readJob(shop.db, jobId)]).toEqual([0, 0, null]);
  expect(await stage(bytes(HEADER, 'A,AMS,1\n'), jobId)).toMatchObject({ isNew: true });
});

test('of two uploads for one job the second is told to wait, and the first goes on', async () => {
  const jobId = newId();
  const feed = [HEADER, 'A,AMS,1\n'];
  const first = stage(
    bytes(...feed, async () => {
      await expect(stage(bytes(...feed), jobId)).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_FLIGHT' });
    }),
    jobId,
  );
  expect(await first).toMatchObject({ isNew: true });
  expect(await stage(bytes(...feed), jobId)).toMatchObject({ isNew: false });
  expect(await stagedRows()).toBe(1);
});

/** What a process leaves that dies while it takes an upload, so many seconds ago. */
async function leftBehind(jobId: string, secondsAgo: number): Promise<number> {
  const found = await shop.db.pool.query<{ id: number }>(
    `insert into feeds (mode, uploading_for, touched_at)
     values ('set', $1, clock_timestamp() - make_interval(secs => $2)) returning id`,
    [jobId, secondsAgo],
  );
  const id = found.rows[0]!.id;
  await shop.db.pool.query(
    `insert into feed_rows (feed_id, line, sku, location, quantity) select $1, n, 'A', 'AMS', 1 from generate_series(1, 5) n`,
    [id],
  );
  return id;
}

test('what a process left that died is removed, and what is being uploaded stays', async () => {
  await leftBehind(newId(), 600);
  const going = await leftBehind(newId(), 10);
  expect(await removeOrphanedUploads(shop.db, forgetting)).toBe(1);
  expect([await stagedRows(), await uploads()]).toEqual([5, 1]);
  await dropUpload(shop.db, going, forgetting('set'));
  expect(await removeOrphanedUploads(shop.db, forgetting)).toBe(0);
});

test('the feed of a process that died can be sent again at once, and that process adds nothing to it any more', async () => {
  const jobId = newId();
  const dead = await leftBehind(jobId, 600);
  const { job } = await stage(bytes(HEADER, 'B,AMS,2\n'), jobId);
  await expect(addToUpload(shop.db, dead, () => Promise.resolve())).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
  });
  expect((await readUpload(shop.db, job.jobId)).lines).toBe(1);
  expect(await removeOrphanedUploads(shop.db, forgetting)).toBe(1);
  expect(await stagedRows()).toBe(1);
});

test('an upload that has become a job is not dropped', async () => {
  const { job } = await stage(bytes(HEADER, 'B,AMS,2\n'));
  await dropUpload(shop.db, (await readUpload(shop.db, job.jobId)).id, forgetting('set'));
  expect(await stagedRows()).toBe(1);
  expect(await readUpload(shop.db, job.jobId)).toMatchObject({ lines: 1 });
});

test('a job that fails before its rows were looked up has its rejects, and no staged rows', async () => {
  const { job } = await stage(bytes(HEADER, 'B,AMS,1.000\nC,AMS,2\n'));
  await beginJob(shop.db, job.jobId);
  const end = { as: 'failed', error: { code: 'INVALID_DATA', detail: 'for a test' } } as const;
  const result = await finishFeed(shop.db, job.jobId, end);
  expect(result).toMatchObject({ applied: 0, rejected: 1, left: 1 });
  expect(await finishFeed(shop.db, job.jobId, end)).toEqual(result);
  let file = '';
  for await (const part of feedRejectsCsv(shop.db, job.jobId)) file += part;
  expect(file).toContain('\n2,B,AMS,1.000,QUANTITY_AMBIGUOUS,');
  expect(await readJob(shop.db, job.jobId)).toMatchObject({ status: 'failed', rejected: 1, file: 'csv' });
  expect((await readUpload(shop.db, job.jobId)).rejected).toBe(1);
  expect(await stagedRows()).toBe(0);
});
