import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkFiles } from '../../cli/doctor-files';
import { probeStore } from '../../domain/files/probe';
import { createDiskStore } from '../../integrations/file-store/disk';
import { AppError } from '../../platform/errors';
import { readSettings } from '../../platform/config';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-doctor-'));
});
afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true, force: true });
});

const check = (settings: Record<string, string>) => checkFiles(readSettings(settings));

test('a folder that takes, gives and removes files is well, and nothing is left in it', async () => {
  const path = join(folder, 'files');
  const [finding] = await check({ FILE_STORE: pathToFileURL(path).href });
  expect(finding).toMatchObject({ name: 'Files', ok: true });
  expect(await readdir(path)).toEqual([]);
});

test('a folder that cannot be written to is wrong, with what to do', async () => {
  // A file in its place: also root cannot write below it.
  await writeFile(join(folder, 'taken'), '');
  const [finding] = await check({ FILE_STORE: pathToFileURL(join(folder, 'taken')).href });
  expect(finding).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^a file could not be written: file:.*E(NOTDIR|EXIST)/) as unknown,
    advice: expect.stringContaining('writable') as unknown,
  });
});

test('without a store, and with one that the first file makes, nothing is wrong', async () => {
  expect(await check({ DATABASE_URL: 'postgres://127.0.0.1/x' })).toMatchObject([{ ok: true }]);
  const home = join(folder, 'home');
  expect(await check({ HOLDFAST_HOME: home })).toMatchObject([{ ok: true }]);
  expect(await readdir(folder)).toEqual([]);
  await mkdir(home);
  expect(await check({ HOLDFAST_HOME: home })).toMatchObject([
    { ok: true, detail: expect.stringContaining('can be written') as unknown },
  ]);
});

test('a bucket that is not there is wrong, and the advice names the right that is needed', async () => {
  const s3 = { S3_ENDPOINT: 'http://127.0.0.1:9', S3_ACCESS_KEY_ID: 'k', S3_SECRET_ACCESS_KEY: 's' };
  expect(await check({ FILE_STORE: 's3://nowhere', ...s3 })).toMatchObject([
    { ok: false, advice: expect.stringContaining('s3:PutObject') as unknown },
  ]);
});

test.each(['open', 'remove'] as const)('what a store cannot do is told: %s', async (call) => {
  const store = createDiskStore(folder);
  const failing = {
    ...store,
    [call]: () => Promise.reject(new AppError('FILE_STORE_UNAVAILABLE', 'refused')),
  };
  expect(await probeStore(failing)).toEqual({ step: call === 'open' ? 'read' : 'remove', reason: 'refused' });
});

test('a store that gives other bytes than it took is told', async () => {
  const store = createDiskStore(folder);
  const other = async () => {
    await Promise.resolve();
    return (async function* () {
      yield await Promise.resolve(Buffer.from('other'));
    })();
  };
  expect(await probeStore({ ...store, open: other })).toMatchObject({ step: 'read' });
  expect(await readdir(folder)).toEqual([]);
});
