import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import type { FileStore } from '../../domain/files/types';
import { createDiskStore } from '../../integrations/file-store/disk';
import { openFileStore } from '../../integrations/file-store/open';
import { createS3Store, type S3Options } from '../../integrations/file-store/s3';
import { readSettings } from '../../platform/config';
import { openS3Server, type S3Server } from '../support/s3-server';
import { describeWithGo } from '../support/with-go';

const PART = 5 * 1024 * 1024;
const UNAVAILABLE = { code: 'FILE_STORE_UNAVAILABLE' };

async function* inPieces(...pieces: readonly (Buffer | Error)[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    if (piece instanceof Error) throw piece;
    yield await Promise.resolve(piece);
  }
}

async function read(store: FileStore, key: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of await store.open(key)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What holds for every store. */
function keepsFiles(store: () => FileStore): void {
  test.each([
    ['an empty one', []],
    ['a short one', [Buffer.from('a,b\n'), Buffer.from('1,ü\n')]],
    ['one of exactly a part', [randomBytes(PART)]],
    ['one of many parts', [randomBytes(PART - 1), randomBytes(2), randomBytes(2 * PART), randomBytes(17)]],
  ])('%s is read as it was written', async (_name, pieces) => {
    await store().write('job/a.csv', inPieces(...pieces));
    expect((await read(store(), 'job/a.csv')).equals(Buffer.concat(pieces))).toBe(true);
  });

  test('one that is written again is the new one, and one that is removed is gone, also a second time', async () => {
    await store().write('job/b.csv', inPieces(Buffer.from('old')));
    await store().write('job/b.csv', inPieces(Buffer.from('new')));
    expect(String(await read(store(), 'job/b.csv'))).toBe('new');
    await store().remove('job/b.csv');
    await store().remove('job/b.csv');
    await expect(store().open('job/b.csv')).rejects.toMatchObject(UNAVAILABLE);
  });

  test.each([
    ['before its first part', [randomBytes(100)]],
    ['after a part', [randomBytes(PART + 100)]],
  ])('nothing is there of one whose source fails %s', async (_name, pieces) => {
    const failure = new Error('the database is gone');
    await expect(store().write('job/c.csv', inPieces(...pieces, failure))).rejects.toBe(failure);
    await expect(store().open('job/c.csv')).rejects.toMatchObject(UNAVAILABLE);
  });
}

describe('on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-files-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  keepsFiles(() => createDiskStore(join(folder, 'files')));

  test('files are their owner’s only, and nothing else is left in the folder', async () => {
    const store = createDiskStore(join(folder, 'files'));
    await store.write('job/a.csv', inPieces(Buffer.from('x')));
    await store.write('job/b.csv', inPieces(new Error('gone'))).catch(() => undefined);
    expect(await readdir(join(folder, 'files/job'))).toEqual(['a.csv']);
    expect((await stat(join(folder, 'files/job/a.csv'))).mode & 0o777).toBe(0o600);
    await store.remove('job/a.csv');
    expect(await readdir(join(folder, 'files'))).toEqual([]);
  });

  test('a folder that cannot be made is told of', async () => {
    const store = createDiskStore('/dev/null/files');
    await expect(store.write('job/a.csv', inPieces())).rejects.toMatchObject(UNAVAILABLE);
  });
});

describeWithGo('in S3', () => {
  let server: S3Server;
  let store: FileStore;
  const open = (options: Partial<S3Options> = {}) => {
    const { endpoint, bucket, accessKeyId, secretAccessKey } = server;
    const credentials = { accessKeyId, secretAccessKey };
    return createS3Store({
      bucket,
      prefix: 'a/prefix',
      region: 'us-east-1',
      endpoint,
      credentials,
      partBytes: PART,
      ...options,
    });
  };
  beforeAll(async () => {
    server = await openS3Server();
    store = open();
  }, 600_000);
  afterAll(async () => {
    await store.close();
    await server.drop();
  });

  keepsFiles(() => store);

  test('an upload whose source fails is given up, with its parts', async () => {
    const source = inPieces(randomBytes(2 * PART), new Error('gone'));
    await store.write('job/d.csv', source).catch(() => undefined);
    expect(await uploads()).toEqual([]);
  });

  const asOwner = async <T>(work: (client: S3Client) => Promise<T>): Promise<T> => {
    const { endpoint, accessKeyId, secretAccessKey } = server;
    const credentials = { accessKeyId, secretAccessKey };
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
    try {
      return await work(client);
    } finally {
      client.destroy();
    }
  };
  const uploads = () =>
    asOwner(async (client) => {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: server.bucket }));
      return Uploads;
    });

  test('the rights that the documents name are enough, and each of them is needed', async () => {
    const credentials = await server.addUser('least');
    const page = await readFile(join(__dirname, '../../docs/money.md'), 'utf8');
    const [, told = ''] = /```json\n(\{\s+"Version".*?)```/s.exec(page) ?? [];
    const actions = /"Action": \[(.*?)\]/s.exec(told)?.[1]?.match(/s3:\w+/g) ?? [];
    expect(actions).toHaveLength(4);
    const least = open({ credentials });
    const allow = (allowed: readonly string[]) =>
      asOwner((client) =>
        client.send(
          new PutBucketPolicyCommand({
            Bucket: server.bucket,
            Policy: told
              .replace(
                /"Action": \[.*?\]/s,
                `"Action": ${JSON.stringify(allowed)}, "Principal": {"AWS": ["least"]}`,
              )
              .replace('BUCKET', server.bucket)
              .replace('PREFIX', 'a/prefix'),
          }),
        ),
      );
    const useAll = async () => {
      await least.write('job/g.csv', inPieces(randomBytes(PART + 1)));
      await least
        .write('job/g.csv', inPieces(randomBytes(2 * PART), new Error('gone')))
        .catch(() => undefined);
      expect(await uploads()).toEqual([]);
      await read(least, 'job/g.csv');
      await least.remove('job/g.csv');
    };
    await allow(actions);
    await useAll();
    for (const action of actions) {
      await allow(actions.filter((one) => one !== action));
      await expect(useAll()).rejects.toThrow();
      await allow(actions);
    }
    await least.close();
  });

  test('a file of any length takes the memory of some parts', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const sent = createHash('sha256');
    let most = 0;
    async function* long(): AsyncGenerator<Buffer> {
      for (let n = 0; n < 400; n++) {
        const piece = randomBytes(1024 * 1024);
        sent.update(piece);
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        yield await Promise.resolve(piece);
      }
    }
    await store.write('job/long.csv', long());
    const got = createHash('sha256');
    for await (const piece of await store.open('job/long.csv')) got.update(piece);
    expect(got.digest('hex')).toBe(sent.digest('hex'));
    expect(most).toBeLessThan(150 * 1024 * 1024);
    await store.remove('job/long.csv');
  });

  test.each<[string, Partial<S3Options>]>([
    ['refuses the key', { credentials: { accessKeyId: 'holdfast', secretAccessKey: 'another' } }],
    ['has no such bucket', { bucket: 'nobodys-bucket' }],
    ['is away', { endpoint: 'http://127.0.0.1:9' }],
  ])('a store that %s is told of', async (_name, options) => {
    const refusing = open(options);
    await expect(refusing.write('job/e.csv', inPieces(Buffer.from('x')))).rejects.toMatchObject(UNAVAILABLE);
    await expect(refusing.write('job/e.csv', inPieces(randomBytes(PART)))).rejects.toMatchObject(UNAVAILABLE);
    await expect(refusing.open('job/e.csv')).rejects.toMatchObject(UNAVAILABLE);
    await expect(refusing.remove('job/e.csv')).rejects.toMatchObject(UNAVAILABLE);
    await refusing.close();
  });

  test('the settings name it, and what was written is where they say', async () => {
    const opened = openFileStore(
      readSettings({
        DATABASE_URL: 'postgres://localhost/x',
        FILE_STORE: `s3://${server.bucket}/a/prefix/`,
        S3_ENDPOINT: server.endpoint,
        S3_ACCESS_KEY_ID: server.accessKeyId,
        S3_SECRET_ACCESS_KEY: server.secretAccessKey,
      }),
    );
    expect(opened?.url).toBe(`s3://${server.bucket}/a/prefix`);
    await opened?.write('job/f.csv', inPieces(Buffer.from('x')));
    await opened?.close();
    expect(String(await read(store, 'job/f.csv'))).toBe('x');
  });
});

test('without a setting files are kept in the home beside its own database, and nowhere beside another', () => {
  expect(openFileStore(readSettings({ HOLDFAST_HOME: '/home/x' }))?.url).toBe('file:///home/x/files');
  expect(openFileStore(readSettings({ DATABASE_URL: 'postgres://localhost/x' }))).toBeNull();
  const folder = { DATABASE_URL: 'postgres://localhost/x', FILE_STORE: 'file:///srv/files' };
  expect(openFileStore(readSettings(folder))?.url).toBe('file:///srv/files');
});

test.each([
  { FILE_STORE: 'files' },
  { FILE_STORE: 's3://B' },
  { FILE_STORE: 'file://host/files' },
  { FILE_STORE: 'https://bucket' },
  { S3_ACCESS_KEY_ID: 'x' },
  { S3_SECRET_ACCESS_KEY: 'x' },
])('%j is refused', (env) => {
  expect(() => readSettings(env)).toThrow(/FILE_STORE|S3_SECRET_ACCESS_KEY/);
});
