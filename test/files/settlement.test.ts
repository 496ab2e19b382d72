import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FileStore } from '../../domain/files/types';
import { removeUnwantedFiles, writeFile } from '../../domain/files/stored-files';
import { readJob } from '../../domain/jobs/jobs';
import { createDiskStore } from '../../integrations/file-store/disk';
import { AppError } from '../../platform/errors';
import { agingIn, all, KEPT, OLD } from '../db/aging';
import { ask, carryOut, enter, fileOf, finish, settle, sumAll } from '../settlement/support';
import { openTestShop, type TestShop } from '../support/fixtures';

let shop: TestShop;
let folder: string;
let store: FileStore;
beforeEach(async () => {
  shop = await openTestShop();
  folder = await mkdtemp(join(tmpdir(), 'holdfast-files-'));
  store = createDiskStore(folder);
  await enter(shop.db, { day: '2026-06-10', minor: 100 });
});
afterEach(async () => {
  await shop.close();
  await rm(folder, { recursive: true, force: true });
});

const { removeAgedRows, write, read } = agingIn(() => shop);
const LINE = 'house,2026-06-10,1.00,0.00,1.00,1';

const statuses = () => read('select status as is from stored_files');
const filesThere = async () =>
  (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.csv'));
const removeUnwanted = () => removeUnwantedFiles(shop.db, store, () => undefined);

/** A store of which calls fail. */
const broken = (calls: Partial<FileStore>): FileStore => ({ ...store, ...calls });
const away = () => Promise.reject(new AppError('FILE_STORE_UNAVAILABLE', 'it is away'));

test('a file is written where the settings say, is what the job says it is, and is read from there', async () => {
  const jobId = await ask(shop.db);
  const file = await carryOut(shop.db, jobId, { store });
  expect(file).toBe(`merchant_id,date,gross,fee,net,txn_count\n${LINE}\n`);
  const { result } = (await readJob(shop.db, jobId)) ?? {};
  expect(result).toMatchObject({ bytes: Buffer.byteLength(file) });
  expect(await readFile(fileURLToPath(String(result?.['location'])), 'utf8')).toBe(file);
  expect(await statuses()).toEqual(['stored']);
  // Not made of its lines.
  await write('update settlement_sums set txn_count = 7');
  expect(await fileOf(shop.db, jobId, store)).toBe(file);
  await expect(fileOf(shop.db, jobId)).rejects.toThrow('is not as it was written');
});

test('a file whose lines are removed while it is read is not given out as a whole', async () => {
  const jobId = await ask(shop.db);
  await carryOut(shop.db, jobId);
  await write(`update jobs set finished_at = ${OLD}`);
  expect(await removeAgedRows(all(KEPT))).toEqual({ settlementFiles: 1 });
  await expect(fileOf(shop.db, jobId)).rejects.toThrow('is not as it was written');
});

test('while the store takes no file the job has not ended, and nothing is settled or summed again', async () => {
  const jobId = await ask(shop.db);
  await sumAll(shop.db, jobId);
  for (let tries = 0; tries < 2; tries++)
    await expect(finish(shop.db, jobId, broken({ write: away }))).rejects.toMatchObject({
      code: 'FILE_STORE_UNAVAILABLE',
    });
  expect(await readJob(shop.db, jobId)).toMatchObject({ status: 'running', file: null });
  expect(await read('select day::text as is from settlement_days')).toEqual([]);
  const summed = await read('select ctid::text || xmin::text as is from settlement_sums');
  expect(await finish(shop.db, jobId, store)).toMatchObject({ status: 'completed' });
  expect(await read('select ctid::text || xmin::text as is from settlement_sums')).toEqual(summed);
  expect(await statuses()).toEqual(['stored', 'unwanted', 'unwanted']);
  expect(await removeUnwanted()).toBe(2);
  expect(await statuses()).toEqual(['stored']);
  expect(await filesThere()).toHaveLength(1);
});

test('of two that end a job at once one has written its file, and that of the other is removed', async () => {
  const jobId = await ask(shop.db);
  await sumAll(shop.db, jobId);
  const ends = await Promise.all([1, 2].map(() => finish(shop.db, jobId, store)));
  expect(ends[0]?.result).toEqual(ends[1]?.result);
  expect(await filesThere()).toHaveLength(2);
  await removeUnwanted();
  expect(await filesThere()).toHaveLength(1);
  expect(await fileOf(shop.db, jobId, store)).toContain(LINE);
});

test('what a writer has left that died is removed a day later, and not before', async () => {
  const jobId = await ask(shop.db);
  const written = { jobId, extension: 'csv', pieces: piecesOf('half') };
  // It died before it could tell anybody.
  await writeFile(shop.db, store, written);
  expect(await removeUnwanted()).toBe(0);
  await write(`update stored_files set created_at = now() - interval '25 hours'`);
  await expect(removeUnwantedFiles(shop.db, broken({ remove: away }), () => undefined)).rejects.toMatchObject(
    { code: 'FILE_STORE_UNAVAILABLE' },
  );
  expect(await filesThere()).toHaveLength(1);
  expect(await removeUnwanted()).toBe(1);
  expect([await filesThere(), await statuses()]).toEqual([[], []]);
});

async function* piecesOf(text: string): AsyncGenerator<Buffer> {
  yield await Promise.resolve(Buffer.from(text));
}

test('of a store that is away, or has lost the file, it is made of its lines, with the same bytes', async () => {
  const jobId = await ask(shop.db);
  const file = await carryOut(shop.db, jobId, { store });
  expect(await fileOf(shop.db, jobId, broken({ open: away }))).toBe(file);
  for (const name of await filesThere()) await rm(join(folder, name));
  expect(await fileOf(shop.db, jobId, store)).toBe(file);
  // Another store was set up since.
  expect(await fileOf(shop.db, jobId, broken({ url: 's3://another' }))).toBe(file);
});

test('a file that was changed is not given out to its end', async () => {
  const jobId = await ask(shop.db);
  await carryOut(shop.db, jobId, { store });
  for (const name of await filesThere()) await appendFile(join(folder, name), 'x,2026-06-11,9,0,9,1\n');
  await expect(fileOf(shop.db, jobId, store)).rejects.toThrow('is not as it was written');
});

test('retention removes a file from its store, with its lines, and what it settled stays settled', async () => {
  const old = await ask(shop.db);
  await carryOut(shop.db, old, { store });
  await write(`update jobs set finished_at = ${OLD}`);
  await enter(shop.db, { day: '2026-07-10', minor: 5 });
  const young = await ask(shop.db, { from: '2026-07-01', to: '2026-07-31' });
  await carryOut(shop.db, young, { store });
  // The store is away: the file stays for the next run.
  await expect(removeAgedRows(all(KEPT), broken({ remove: away }))).rejects.toMatchObject({
    code: 'FILE_STORE_UNAVAILABLE',
  });
  expect(await readJob(shop.db, old)).toMatchObject({ status: 'completed', file: null });
  expect(await filesThere()).toHaveLength(2);
  expect(await removeAgedRows(all(KEPT), store)).toEqual({});
  expect(await filesThere()).toHaveLength(1);
  expect(await read('select job_id::text as is from settlement_sums')).toEqual([young]);
  expect(await fileOf(shop.db, young, store)).toContain('2026-07-10');
  expect(await settle(shop.db, { supplement: true })).toEqual([]);
});
