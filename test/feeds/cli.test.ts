import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runFeedImport, type FeedImportOptions } from '../../cli/feed';
import { cancelJob, listJobs } from '../../cli/jobs';
import { createOutput } from '../../cli/output';
import { ADMIN_KEY } from '../support/access-keys';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { scratchFolder } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { openUploads } from './uploads';

let stack: Stack;
let folder: string;
beforeAll(async () => {
  stack = await startStack({ api: true });
  folder = await scratchFolder('feeds');
  await addStock(stack.db, 'LAMP', 'AMS', 1);
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

const settings = () => ({ ...stack.settings, HOLDFAST_API_KEY: ADMIN_KEY });

function recorder() {
  let text = '';
  const stream = { write: (line: string) => (text += line) !== '' };
  return { output: createOutput(stream as unknown as NodeJS.WritableStream), said: () => text };
}

async function importFile(name: string, content: string | Buffer, options: Partial<FeedImportOptions> = {}) {
  const file = join(folder, name);
  await writeFile(file, content);
  const { output, said } = recorder();
  const url = new URL(stack.url).origin;
  const code = await runFeedImport(settings(), { file, mode: 'set', url, ...options }, output);
  return { code, said: said(), file };
}

test('a feed whose every row is taken ends with 0 and the figures', async () => {
  const { code, said } = await importFile('plain.csv', 'sku,location,qty\nLAMP,AMS,5\n');
  expect(said).toMatch(/completed: 1 applied, 0 unchanged, 0 rejected; [\d.]+ s, \d+ rows\/s\n$/);
  expect(code).toBe(0);
});

test('rejected rows are written beside the file, and the code is 1', async () => {
  const body = gzipSync('{"sku":"LAMP","qty":6}\n{"sku":"NONE","qty":6}\n');
  const { code, said, file } = await importFile('feed.jsonl.gz', body, { location: 'AMS' });
  expect(code).toBe(1);
  expect(said).toContain(`Rejected rows: ${file}.rejects.csv`);
  expect(await readFile(`${file}.rejects.csv`, 'utf8')).toEqual(
    expect.stringMatching(
      /^line,sku,location,quantity,code,reason,asOf,reference,rowReason\n2,NONE,AMS,6,UNKNOWN_SKU,"There is no such product, .*",20[^,]+Z,,\n$/,
    ),
  );
});

test('what a feed of lots does not name is told', async () => {
  await stack.db.pool.query(
    `insert into products (sku, name, price_minor, currency, lot_tracked) values ('MILK', 'MILK', 1, 'USD', true)`,
  );
  await importFile('first.csv', 'sku,location,lot,qty\nMILK,AMS,A,5\nMILK,AMS,B,4\nMILK,AMS,unknown,2\n');
  const { said, code } = await importFile('lots.csv', 'sku,location,lot,qty\nMILK,AMS,A,6\nMILK,AMS,,9\n');
  expect(said).toContain('completed: 1 applied, 0 unchanged, 1 rejected');
  expect(said).toContain('\nRows without a lot, of products that are kept by lot: 1\n');
  expect(said).toContain(
    '\nUnits beside the lots of the feed, left as they are: 4 in other lots, 2 without a lot\n',
  );
  expect(code).toBe(1);
});

test('the decimal mark and the characters of a file are told by options', async () => {
  await addStock(stack.db, 'BÄR', 'AMS', 1);
  const german = Buffer.from('sku;location;qty\r\nBÄR;AMS;1.000\r\n', 'latin1');
  expect((await importFile('german.csv', german)).code).toBe(2);
  const { code, said } = await importFile('german.csv', german, { decimal: ',', charset: 'windows-1252' });
  expect(said).toContain('completed: 1 applied');
  expect(code).toBe(0);
});

test('a feed that ends at a quote which is not closed says at which line, and the code is 1', async () => {
  const { code, said, file } = await importFile('open.csv', 'sku,location,qty\nLAMP,AMS,8\n"LAMP,AMS,9\n');
  expect(said).toMatch(/failed: 1 applied, 0 unchanged, 1 rejected.*\nFEED_QUOTE_UNCLOSED: .*line 3/);
  expect(await readFile(`${file}.rejects.csv`, 'utf8')).toContain('\n3,,,,QUOTE_UNCLOSED,');
  expect(code).toBe(1);
});

test('a feed that is refused, and a file that cannot be read, end with 2', async () => {
  expect((await importFile('short.csv', 'sku,qty\nLAMP,1\n')).code).toBe(2);
  const missing = join(folder, 'not-there.csv');
  expect((await importFile('x.csv', '', { file: missing })).code).toBe(2);
});

test('an API that does not answer is an error of its own', async () => {
  await expect(importFile('a.csv', 'sku\n', { url: 'http://127.0.0.1:9' })).rejects.toMatchObject({
    code: 'API_UNAVAILABLE',
  });
});

test('jobs are listed, and one that waits is cancelled', async () => {
  const url = new URL(stack.url).origin;
  await stack.stopWorker();
  const { jobId } = await openUploads(stack).accepted('sku,location,qty\nLAMP,AMS,9\n');
  const cancelled = recorder();
  expect(await cancelJob(settings(), { jobId, url }, cancelled.output)).toBe(0);
  expect(cancelled.said()).toBe('It stops at its next step.\n');
  const listed = recorder();
  expect(await listJobs(settings(), url, listed.output)).toBe(0);
  expect(listed.said().split('\n')[0]).toMatch(new RegExp(`^${jobId}  feed +queued +0%  0/\\?`));
});
