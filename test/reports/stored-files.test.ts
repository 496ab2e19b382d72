import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { removeUnwantedFiles } from '../../domain/files/stored-files';
import type { FileStore } from '../../domain/files/types';
import { readJob, requestCancel } from '../../domain/jobs/jobs';
import { makeReport, reportFile, requestReport } from '../../domain/reports/files';
import { createDiskStore } from '../../integrations/file-store/disk';
import { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { agingIn, all, KEPT, OLD, YOUNG } from '../db/aging';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { dyingAfter, followAll } from './support';

let shop: TestShop;
let folder: string;
let store: FileStore;
beforeEach(async () => {
  shop = await openTestShop();
  folder = await mkdtemp(join(tmpdir(), 'holdfast-reports-'));
  store = createDiskStore(folder);
  await followAll(shop.db);
});
afterEach(async () => {
  await shop.close();
  await rm(folder, { recursive: true, force: true });
});

const { removeAgedRows, write, read } = agingIn(() => shop);

async function ask(): Promise<string> {
  const request = { report: 'daily', period: '2026-06-01', tz: 'UTC' } as const;
  return (await requestReport(shop.db, { jobId: newId(), request, actor: 'test' })).jobId;
}

const make = (jobId: string, to: FileStore | null = store) => makeReport({ db: shop.db, store: to }, jobId);

async function fileOf(jobId: string, from: FileStore | null = store): Promise<string> {
  const pieces: string[] = [];
  for await (const piece of reportFile({ on: shop.db, store: from, log: testLogger() }, jobId))
    pieces.push(piece.toString());
  return pieces.join('');
}

const statuses = () => read('select status as is from stored_files');
const kept = () => read('select job_id::text as is from report_files');
const filesThere = async () =>
  (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.csv'));
const removeUnwanted = () => removeUnwantedFiles(shop.db, store, () => undefined);
const broken = (calls: Partial<FileStore>): FileStore => ({ ...store, ...calls });
const away = () => Promise.reject(new AppError('FILE_STORE_UNAVAILABLE', 'it is away'));

test('a file is in the store, as the job tells it, and not in the database', async () => {
  const jobId = await ask();
  const { result } = await make(jobId);
  const file = await fileOf(jobId);
  expect(file).toMatch(/^by,key,currency,/);
  expect(result).toMatchObject({
    bytes: Buffer.byteLength(file),
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
  });
  expect(await readFile(fileURLToPath(String(result?.['location'])), 'utf8')).toBe(file);
  expect([await statuses(), await kept()]).toEqual([['stored'], []]);
  // Made again it stays as it was.
  expect((await make(jobId)).result).toEqual(result);
  expect(await filesThere()).toHaveLength(1);
});

test('without a store it is in the database, and stays readable when one is set up later', async () => {
  const jobId = await ask();
  await make(jobId, null);
  const file = await fileOf(jobId, null);
  expect(await kept()).toEqual([jobId]);
  expect(await fileOf(jobId)).toBe(file);
});

test('of a file in another store the download says where it is', async () => {
  const jobId = await ask();
  const { result } = await make(jobId);
  for (const other of [null, broken({ url: 's3://another' })])
    await expect(fileOf(jobId, other)).rejects.toMatchObject({
      code: 'FILE_STORE_UNAVAILABLE',
      message: expect.stringContaining(String(result?.['location'])) as unknown,
    });
});

test('while the store takes no file the job goes on and says why, and can be cancelled', async () => {
  const jobId = await ask();
  await expect(make(jobId, broken({ write: away }))).rejects.toMatchObject({
    code: 'FILE_STORE_UNAVAILABLE',
  });
  expect(await readJob(shop.db, jobId)).toMatchObject({
    status: 'running',
    details: { fileStore: 'it is away' },
  });
  const other = await ask();
  await expect(make(other, broken({ write: away }))).rejects.toMatchObject({
    code: 'FILE_STORE_UNAVAILABLE',
  });
  await requestCancel(shop.db, other, 'test');
  expect(await make(other, broken({ write: away }))).toMatchObject({ status: 'cancelled', file: null });
  expect(await make(jobId)).toMatchObject({ status: 'completed', details: { fileStore: null } });
  expect(await removeUnwanted()).toBe(2);
  expect(await statuses()).toEqual(['stored']);
});

test('a worker that dies at any statement leaves a job that another one ends, and no file for good', async () => {
  const jobs: string[] = [];
  for (let deadAfter = 0; ; deadAfter++) {
    const jobId = await ask();
    jobs.push(jobId);
    const outcome = await makeReport({ db: dyingAfter(shop.db, deadAfter), store }, jobId).then(
      () => 'done',
      () => 'killed',
    );
    if (outcome === 'done') break;
    expect((await make(jobId)).status).toBe('completed');
    expect(await fileOf(jobId)).toMatch(/^by,key,currency,/);
  }
  expect(jobs.length).toBeGreaterThan(5);
  await write(`update stored_files set created_at = now() - interval '25 hours' where status = 'writing'`);
  await removeUnwanted();
  expect(await statuses()).toEqual(jobs.map(() => 'stored'));
  expect(await filesThere()).toHaveLength(jobs.length);
});

test('old files are removed from the store and from the database; their jobs stay', async () => {
  const [stored, inDatabase, young] = [await ask(), await ask(), await ask()];
  await make(stored);
  await make(inDatabase, null);
  await make(young);
  await write(
    `update jobs set finished_at = ${OLD}`,
    `update jobs set finished_at = ${YOUNG} where id = '${young}'`,
  );
  expect(await removeAgedRows(all(KEPT), store)).toEqual({ reportFiles: 2 });
  expect(await kept()).toEqual([]);
  expect(await filesThere()).toEqual([expect.stringContaining(young)]);
  expect(await readJob(shop.db, stored)).toMatchObject({ status: 'completed', file: null });
});
