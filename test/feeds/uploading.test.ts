import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { openUploads, stagedRows, type Uploads } from './uploads';
import { ADMIN_KEY } from '../support/access-keys';

let stack: Stack;
let feeds: Uploads;
beforeAll(async () => {
  stack = await startStack({ api: true, settings: { FEED_BATCH_ROWS: 2 } });
  feeds = openUploads(stack);
  for (const location of ['AMS', 'BER']) await addStock(stack.db, 'LAMP', location, 10);
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

const CSV = 'sku,location,qty\n';

/** Begins an upload of CSV in parts, by a socket. */
function openUpload(): Socket {
  const { hostname, port } = new URL(stack.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST /api/v1/jobs/feed HTTP/1.1\r\nHost: ${hostname}\r\nX-Api-Key: ${ADMIN_KEY}\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  return socket;
}

function send(socket: Socket, text: string): void {
  const bytes = Buffer.from(text);
  socket.write(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]));
}

/** Feeds that have no job. */
async function uploading(): Promise<number> {
  const found = await stack.db.pool.query<{ feeds: number }>(
    'select count(*)::int as feeds from feeds where job_id is null',
  );
  return found.rows[0]!.feeds;
}

test.each([
  ['no rows', '\n\n', {}, 422, 'FEED_EMPTY'],
  ['nothing at all', '', {}, 422, 'FEED_EMPTY'],
  ['a missing column', 'sku,qty\nLAMP,1', {}, 422, 'FEED_COLUMN_MISSING'],
  [
    'a missing member',
    '{"sku":"LAMP","place":"AMS","qty":1}',
    { type: 'application/x-ndjson' },
    422,
    'FEED_COLUMN_MISSING',
  ],
  ['two columns for one thing', 'sku,location,qty,stock\nLAMP,AMS,1,2', {}, 422, 'FEED_COLUMN_AMBIGUOUS'],
  ['a broken header', 'sku,"location,qty\nLAMP,AMS,1', {}, 422, 'FEED_HEADER_INVALID'],
  ['10 MB where the header should be', 'x'.repeat(10_000_000), {}, 422, 'FEED_HEADER_INVALID'],
  ['Latin-1', Buffer.from(`${CSV}CAFÉ,AMS,1`, 'latin1'), {}, 422, 'FEED_ENCODING_INVALID'],
  ['UTF-16 without a mark', Buffer.from(`${CSV}LAMP,AMS,1`, 'utf16le'), {}, 422, 'FEED_ENCODING_INVALID'],
  ['an unknown charset', CSV, { type: 'text/csv; charset=ebcdic' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['an unknown decimal mark', CSV, { query: '?decimal=;' }, 422, 'VALIDATION_FAILED'],
  [
    'gzip that is cut off',
    gzipSync(CSV + 'LAMP,AMS,1\n'.repeat(1_000)).subarray(0, 60),
    { headers: { 'content-encoding': 'gzip' } },
    422,
    'FEED_COMPRESSION_INVALID',
  ],
  ['gzip that is none', CSV, { headers: { 'content-encoding': 'gzip' } }, 422, 'FEED_COMPRESSION_INVALID'],
  ['an unknown encoding', CSV, { headers: { 'content-encoding': 'br' } }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['another media type', CSV, { type: 'application/json' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['an unknown mode', CSV, { query: '?mode=add' }, 422, 'VALIDATION_FAILED'],
  ['an unknown default location', CSV, { query: '?location=MOON' }, 422, 'UNKNOWN_LOCATION'],
])('%s is refused at once, and nothing is left', async (_what, body, options, status, code) => {
  const before = await feeds.jobCount();
  const reply = await feeds.post(body, options);
  expect([reply.status, reply.body['code']]).toEqual([status, code]);
  expect(await feeds.jobCount()).toBe(before);
  expect(await stagedRows(stack.db)).toBe(0);
});

test('a line of 10 MB in the middle is one reject', async () => {
  const body = `${CSV}LAMP,AMS,21\n${'x'.repeat(10_000_000)}\nLAMP,BER,22\n`;
  const { jobId } = await feeds.accepted(body);
  expect((await feeds.ended(jobId)).result).toMatchObject({ applied: 2, rejected: 1 });
  expect((await feeds.get(`/downloads/${jobId}.csv`)).text).toContain('\n3,,,,LINE_TOO_LONG,');
});

test('while a client sends nothing, no transaction that was open when it stopped stays open', async () => {
  // Each half is more than the chunk that is gathered before it is stored.
  const skus = Array.from({ length: 60_000 }, (_, n) => `SLOW-${n}-${'x'.repeat(70)},AMS,1\n`);
  const socket = openUpload();
  let reply = '';
  socket.on('data', (data: Buffer) => (reply += data.toString()));
  send(socket, CSV);
  let rows = 0;
  for (const part of [skus.slice(0, 30_000), skus.slice(30_000, 59_990)]) {
    send(socket, part.join(''));
    // More of it is stored: from now on the client is waited for.
    rows = await waitFor(async () => {
      const stored = await stagedRows(stack.db);
      return stored > rows ? stored : undefined;
    });
    const stopped = await stack.db.pool.query<{ at: string }>('select clock_timestamp()::text as at');
    await waitFor(async () => {
      const open = await stack.db.pool.query(
        `select from pg_stat_activity where datname = current_database() and xact_start <= $1::timestamptz and pid <> pg_backend_pid()`,
        [stopped.rows[0]?.at],
      );
      return open.rowCount === 0;
    });
  }
  expect(reply).toBe('');
  send(socket, skus.slice(59_990).join(''));
  socket.write('0\r\n\r\n');
  await waitFor(() => Promise.resolve(reply.includes('jobId')));
  socket.destroy();
  const jobId = /"jobId":"([^"]+)"/.exec(reply)?.[1] ?? '';
  expect((await feeds.ended(jobId)).result).toMatchObject({ applied: 0, rejected: 60_000, left: 0 });
});

test('an upload at 10 KB/s leaves no transaction over 10 s', async () => {
  const socket = openUpload();
  let reply = '';
  socket.on('data', (data: Buffer) => (reply += data.toString()));
  const row = (n: number) => `SLOW-${n}-${'x'.repeat(84)},AMS,1\n`;
  // More than the chunk that is gathered before it is stored: whatever an upload keeps open while it lasts is open from here on.
  send(socket, CSV + Array.from({ length: 15_000 }, (_, n) => row(n)).join(''));
  await waitFor(async () => (await stagedRows(stack.db)) > 0);
  const begun = performance.now();
  let sent = 0;
  let oldest = 0;
  let samples = 0;
  // As long as a transaction that an upload holds open needs to be one of those that are looked for.
  while (performance.now() - begun < 11_000 || sent <= 1_000) {
    // 10 KB for each second that has passed, as a slow line brings them.
    for (; sent < ((performance.now() - begun) / 1_000) * 100; sent++) send(socket, row(15_000 + sent));
    const { rows } = await stack.db.pool.query<{ seconds: number }>(
      `select coalesce(extract(epoch from max(clock_timestamp() - xact_start)), 0)::float8 as seconds from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    );
    oldest = Math.max(oldest, rows[0]?.seconds ?? Infinity);
    samples += 1;
    await delay(100);
  }
  expect(samples).toBeGreaterThan(10);
  expect(oldest).toBeLessThan(10);
  expect(reply).toBe('');
  socket.write('0\r\n\r\n');
  await waitFor(() => Promise.resolve(reply.includes('jobId')));
  socket.destroy();
  const jobId = /"jobId":"([^"]+)"/.exec(reply)?.[1] ?? '';
  expect((await feeds.ended(jobId)).result).toMatchObject({ applied: 0, rejected: 15_000 + sent, left: 0 });
});

test('an upload that breaks off leaves nothing', async () => {
  const before = await feeds.jobCount();
  const { hostname, port } = new URL(stack.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST /api/v1/jobs/feed HTTP/1.1\r\nHost: ${hostname}\r\nX-Api-Key: ${ADMIN_KEY}\r\nContent-Type: text/csv\r\nContent-Length: 100000000\r\n\r\n${CSV}` +
      'LAMP,AMS,1\n'.repeat(200_000),
  );
  await waitFor(async () => (await stagedRows(stack.db)) > 0);
  socket.destroy();
  await waitFor(async () => (await uploading()) === 0);
  expect(await feeds.jobCount()).toBe(before);
  expect(await stagedRows(stack.db)).toBe(0);
});
