import { connect } from 'node:net';
import { parse } from 'csv-parse/sync';
import { gzipSync } from 'node:zlib';
import { newId } from '../../platform/ids';
import { keepHistory } from '../replay/record';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { openUploads, type UploadOptions, type Uploads } from './uploads';

let stack: Stack;
let feeds: Uploads;
beforeAll(async () => {
  stack = await startStack({ api: true, settings: { FEED_BATCH_ROWS: 2 } });
  feeds = openUploads(stack);
  for (const location of ['AMS', 'BER']) {
    for (const sku of ['LAMP', 'DESK', 'CHAIR']) await addStock(stack.db, sku, location, 10);
  }
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

/** On hand by location. */
async function onHand(sku: string): Promise<Record<string, number>> {
  const found = await stack.db.pool.query<{ code: string; on_hand: number }>(
    `select w.code, s.on_hand from stock s join products p on p.id = s.product_id join warehouses w on w.id = s.warehouse_id
     where p.sku = $1`,
    [sku],
  );
  return Object.fromEntries(found.rows.map((row) => [row.code, row.on_hand]));
}

async function staged(): Promise<number> {
  const found = await stack.db.pool.query<{ rows: number }>(
    `select ((select count(*) from feed_rows) + (select count(*) from feed_changes))::int as rows`,
  );
  return found.rows[0]!.rows;
}

test('a CSV feed sets what is on hand, says what it did, and lists what it rejected', async () => {
  const { jobId } = await feeds.accepted(
    [
      'Item No;Warehouse;On-hand;Note',
      'LAMP;AMS;8;counted',
      'LAMP;BER;10;',
      'lamp;ams;8;the later line says the same',
      '"DESK";AMS;"1,200.00";',
      'NOTHING;AMS;1;',
      'DESK;NOWHERE;1;',
      'CHAIR;AMS;many;',
      '"CHA"IR";AMS;3;',
      ' CHAIR ; BER ; 0 ; ',
    ].join('\r\n'),
  );
  const job = await feeds.ended(jobId);
  expect(job).toMatchObject({
    type: 'feed',
    status: 'completed',
    progress: 100,
    processed: 9,
    total: 9,
    rejected: 4,
    result: { applied: 4, unchanged: 1, rejected: 4, left: 0 },
    downloadUrl: `/api/v1/downloads/${jobId}.csv`,
    error: null,
  });
  expect(await onHand('LAMP')).toEqual({ AMS: 8, BER: 10 });
  expect(await onHand('DESK')).toEqual({ AMS: 1200, BER: 10 });
  expect(await onHand('CHAIR')).toEqual({ AMS: 10, BER: 0 });
  const file = await feeds.get(`/downloads/${jobId}.csv`);
  expect(file.headers.get('content-type')).toMatch(/^text\/csv/);
  expect(file.text.split('\n')).toEqual([
    'line,sku,location,quantity,code,reason',
    '6,NOTHING,AMS,1,UNKNOWN_SKU,"There is no such product, or several that differ in capitals only and none exactly so."',
    '7,DESK,NOWHERE,1,UNKNOWN_LOCATION,"There is no such location, or several that differ in capitals only and none exactly so."',
    '8,CHAIR,AMS,many,QUANTITY_INVALID,The quantity is not a whole number.',
    '9,,,,QUOTE_BROKEN,Text follows the quote that closes a field. Quotes inside of a quoted field are doubled.',
    '',
  ]);
  const handle = stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
  await handle.result();
  await keepHistory(handle, 'feed-imported');
  expect(await staged()).toBe(0);
  const ledger = await stack.db.pool.query<{ kind: string; reason: string | null; reference: string }>(
    `select kind, reason, reference from inventory_transactions where kind = 'feed' and reason is not null`,
  );
  expect(ledger.rows).toEqual([{ kind: 'feed', reason: 'the later line says the same', reference: jobId }]);
});

test('JSON lines, gzip, a default location and a delta go together', async () => {
  const before = await onHand('LAMP');
  const lines = [
    { product: 'LAMP', qty: 5 },
    { product: 'LAMP', qty: '-2', location: 'AMS' },
    { product: 'LAMP' },
  ];
  const body = gzipSync(lines.map((line) => JSON.stringify(line)).join('\n'));
  const { jobId } = await feeds.accepted(body, {
    query: '?mode=delta&location=ams',
    type: 'application/x-ndjson',
    headers: { 'content-encoding': 'gzip' },
  });
  expect((await feeds.ended(jobId)).result).toMatchObject({ applied: 2, unchanged: 0, rejected: 1 });
  expect(await onHand('LAMP')).toEqual({ ...before, AMS: before['AMS']! + 3 });
});

test('the live stream of a job sends its progress and its end, and does not repeat the last message', async () => {
  const { jobId } = await feeds.accepted(
    'sku,location,qty\nLAMP,AMS,3\nLAMP,BER,3\nDESK,AMS,3\nDESK,BER,3\nCHAIR,AMS,3',
  );
  const messages = await feeds.stream(jobId);
  expect(messages.at(-1)).toMatchObject({ event: 'completed', data: { jobId, processed: 5, progress: 100 } });
  expect(messages.slice(0, -1).every(({ event }) => event === 'progress')).toBe(true);
  const versions = messages.map(({ id }) => id);
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
  const again = await feeds.get(`/jobs/${jobId}/events`, { 'last-event-id': String(versions.at(-1)) });
  expect(again.status).toBe(204);
});

test('the same key and feed are one job, whichever way it is packed; another feed under the key is refused', async () => {
  const headers = { 'idempotency-key': newId() };
  const text = 'sku,location,qty\nDESK,AMS,50';
  const first = await feeds.post(text, { headers });
  const again = await feeds.post(gzipSync(text), { headers: { ...headers, 'content-encoding': 'gzip' } });
  expect(again.status).toBe(202);
  expect(again.body['jobId']).toBe(first.body['jobId']);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  for (const [body, query] of [
    [`${text}1`, ''],
    [text, '?mode=delta'],
  ] as const) {
    const other = await feeds.post(body, { headers, query });
    expect([other.status, other.body['code']]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  }
  await feeds.ended(String(first.body['jobId']));
  expect(await onHand('DESK')).toMatchObject({ AMS: 50 });
});

/** Feeds that have no job. */
async function uploading(): Promise<number> {
  const found = await stack.db.pool.query<{ feeds: number }>(
    'select count(*)::int as feeds from feeds where job_id is null',
  );
  return found.rows[0]!.feeds;
}

/** The job of a feed once it has ended, and the lines of its file without the header. */
async function imported(body: string | Buffer, options?: UploadOptions) {
  const { jobId } = await feeds.accepted(body, options);
  const job = await feeds.ended(jobId);
  const file = await feeds.get(`/downloads/${jobId}.csv`);
  const [, ...rejects] = file.text.trimEnd().split('\n');
  return { job, rejects };
}

test('numbers that can be read in two ways are rejected, or read by what the feed declares', async () => {
  for (const sku of ['N1', 'N2', 'N3', 'N4', 'N5']) await addStock(stack.db, sku, 'AMS', 10);
  const semicolons = 'sku;location;qty\nN1;AMS;0,500\nN2;AMS;5,000\nN3;AMS;1.000\n';
  const commas = 'sku,location,qty\nN4,AMS,12.000\nN5,AMS,"12,000"\n';
  const undeclared = [await imported(semicolons), await imported(commas)];
  expect(
    undeclared.flatMap(({ rejects }) => parse(rejects.join('\n')).map(([, sku, , , code]) => [sku, code])),
  ).toEqual([
    ['N1', 'QUANTITY_FRACTION'],
    ['N2', 'QUANTITY_AMBIGUOUS'],
    ['N3', 'QUANTITY_AMBIGUOUS'],
    ['N4', 'QUANTITY_AMBIGUOUS'],
    ['N5', 'QUANTITY_AMBIGUOUS'],
  ]);
  expect(undeclared.map(({ job }) => job.result)).toMatchObject([
    { applied: 0, rejected: 3 },
    { applied: 0, rejected: 2 },
  ]);
  for (const sku of ['N1', 'N2', 'N3', 'N4', 'N5']) expect(await onHand(sku)).toEqual({ AMS: 10 });
  const german = await imported(semicolons, { query: '?decimal=,' });
  expect(german.rejects).toEqual([expect.stringMatching(/^2,N1,AMS,"0,500",QUANTITY_FRACTION,/)]);
  await imported(commas, { query: '?decimal=.' });
  const read = await Promise.all(['N1', 'N2', 'N3', 'N4', 'N5'].map(onHand));
  expect(read.map(({ AMS }) => AMS)).toEqual([10, 5, 1_000, 12, 12_000]);
});

test('lines of a note in quotes are no rows', async () => {
  for (const sku of ['S7', 'T7']) await addStock(stack.db, sku, 'AMS', 10);
  const { job } = await imported(
    'sku,location,qty,note\nS7,AMS,7,"was on the sheet:\nT7,AMS,999,\nplease check"',
  );
  expect(job).toMatchObject({ status: 'completed', result: { applied: 1, rejected: 0 } });
  expect([await onHand('S7'), await onHand('T7')]).toEqual([{ AMS: 7 }, { AMS: 10 }]);
});

test('a quote that is not closed ends the feed at its line: the job fails and says so, and its file has the line', async () => {
  for (const sku of ['S8', 'T8', 'U8']) await addStock(stack.db, sku, 'AMS', 10);
  const { job, rejects } = await imported('sku,location,qty\nS8,AMS,7\n"T8,AMS,999\nU8,AMS,999\n');
  expect(job).toMatchObject({
    status: 'failed',
    error: { code: 'FEED_QUOTE_UNCLOSED', detail: expect.stringContaining('line 3') as unknown },
    result: { applied: 1, rejected: 1, left: 0, unreadFrom: 3 },
    rejected: 1,
  });
  expect(rejects).toEqual([expect.stringMatching(/^3,,,,QUOTE_UNCLOSED,/)]);
  const read = await Promise.all(['S8', 'T8', 'U8'].map(onHand));
  expect(read.map(({ AMS }) => AMS)).toEqual([7, 10, 10]);
  expect(await staged()).toBe(0);
});

test('no cell of the rejects begins a formula', async () => {
  const skus = ['=HYPERLINK("http://example.org")', '@SUM(1+1)', '+1-1', '-1+1', '\t=1'];
  const lines = skus.map((sku) => `"${sku.replaceAll('"', '""')}";AMS;=1+1;`);
  const known = ['"=UNKNOWN";AMS;3;', 'LAMP;@NOWHERE;3;', 'LAMP;AMS;-3;'];
  const { rejects } = await imported(['sku;location;qty;note', ...lines, ...known].join('\n'));
  const cells = parse(rejects.join('\n')).flat();
  expect(cells.filter((cell) => /^\s*[=+@]|^\s*-(?!\d+$)/.test(cell))).toEqual([]);
  expect(cells).toEqual(expect.arrayContaining(["'@SUM(1+1)", "'=UNKNOWN", "'@NOWHERE", "'=1+1", '-3']));
});

test('a feed from Windows is read as what it declares to be', async () => {
  await addStock(stack.db, 'CAFÉ', 'AMS', 10);
  const { job } = await imported(Buffer.from('sku;location;qty\r\nCAFÉ;AMS;4', 'latin1'), {
    type: 'text/csv; charset="Windows-1252"',
  });
  expect(job.result).toMatchObject({ applied: 1 });
  await imported(Buffer.from('\ufeffsku;location;qty\r\nCAFÉ;AMS;5', 'utf16le'));
  expect(await onHand('CAFÉ')).toEqual({ AMS: 5 });
});

/** Each batch takes its time. */
const SLOW = `
  create function slow_feed() returns trigger language plpgsql as $$ begin perform pg_sleep(0.3); return null; end $$;
  create trigger slow_feed after insert on inventory_transactions for each statement execute function slow_feed()`;

const CSV = 'sku,location,qty\n';

/** A feed of so many products that each have none, long enough to be interrupted. */
async function manyPieces(name: string, count: number): Promise<string> {
  await stack.db.pool.query(
    `insert into products (sku, name, price_minor, currency)
     select $1 || '-' || n, 'Piece', 100, 'USD' from generate_series(1, $2) n`,
    [name, count],
  );
  return CSV + Array.from({ length: count }, (_, n) => `${name}-${n + 1},AMS,9`).join('\n');
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
  expect(await staged()).toBe(0);
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
  const { hostname, port } = new URL(stack.url);
  const socket = connect(Number(port), hostname);
  let reply = '';
  socket.on('data', (data: Buffer) => (reply += data.toString()));
  const send = (text: string) => {
    const bytes = Buffer.from(text);
    socket.write(
      Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]),
    );
  };
  socket.write(
    `POST /api/v1/jobs/feed HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  send(CSV);
  let rows = 0;
  for (const part of [skus.slice(0, 30_000), skus.slice(30_000, 59_990)]) {
    send(part.join(''));
    // More of it is stored: from now on the client is waited for.
    rows = await waitFor(async () => {
      const stored = await staged();
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
  send(skus.slice(59_990).join(''));
  socket.write('0\r\n\r\n');
  await waitFor(() => Promise.resolve(reply.includes('jobId')));
  socket.destroy();
  const jobId = /"jobId":"([^"]+)"/.exec(reply)?.[1] ?? '';
  expect((await feeds.ended(jobId)).result).toMatchObject({ applied: 0, rejected: 60_000, left: 0 });
});

test('an upload that breaks off leaves nothing', async () => {
  const before = await feeds.jobCount();
  const { hostname, port } = new URL(stack.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST /api/v1/jobs/feed HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: text/csv\r\nContent-Length: 100000000\r\n\r\n${CSV}` +
      'LAMP,AMS,1\n'.repeat(200_000),
  );
  await waitFor(async () => (await staged()) > 0);
  socket.destroy();
  await waitFor(async () => (await uploading()) === 0);
  expect(await feeds.jobCount()).toBe(before);
  expect(await staged()).toBe(0);
});

test('a job that is cancelled stops between two batches; what it did stays, and its result says how much', async () => {
  await stack.stopWorker();
  const { jobId } = await feeds.accepted(await manyPieces('PART', 400));
  await stack.db.pool.query(SLOW);
  try {
    await stack.startWorker();
    await waitFor(async () => (await feeds.job(jobId)).processed > 0);
    const asked = await feeds.send('POST', `/jobs/${jobId}/cancel`);
    expect(asked.status).toBe(202);
    expect((await feeds.send('POST', `/jobs/${jobId}/cancel`)).status).toBe(202);
    const job = await feeds.ended(jobId);
    expect(job).toMatchObject({ status: 'cancelled', cancelRequested: true });
    const { applied, left } = job.result as { applied: number; left: number };
    expect(applied).toBeGreaterThan(0);
    expect(applied + left).toBe(400);
    const changed = await stack.db.pool.query(
      `select 1 from stock s join products p on p.id = s.product_id where p.sku like 'PART-%' and s.on_hand = 9`,
    );
    expect(changed.rowCount).toBe(applied);
    expect((await feeds.send('POST', `/jobs/${jobId}/cancel`)).status).toBe(202);
  } finally {
    await stack.db.pool.query('drop function slow_feed cascade');
  }
  const handle = stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
  await handle.result();
  await keepHistory(handle, 'feed-cancelled');
  expect(await staged()).toBe(0);
});

test('a job that was made while no worker ran begins when one does', async () => {
  await stack.stopWorker();
  const { jobId } = await feeds.accepted(`${CSV}LAMP,AMS,31\nLAMP,BER,32`);
  expect(await feeds.job(jobId)).toMatchObject({ status: 'queued', progress: 0, result: null });
  await stack.startWorker();
  expect((await feeds.ended(jobId)).status).toBe('completed');
  expect(await onHand('LAMP')).toEqual({ AMS: 31, BER: 32 });
});

test('a job whose workflow was terminated by hand can still be cancelled', async () => {
  await stack.db.pool.query(SLOW);
  const { jobId } = await feeds.accepted(await manyPieces('BIT', 400));
  try {
    await waitFor(async () => (await feeds.job(jobId)).status === 'running');
    await stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId)).terminate('by hand');
    expect((await feeds.send('POST', `/jobs/${jobId}/cancel`)).status).toBe(202);
    expect((await feeds.ended(jobId)).status).toBe('cancelled');
  } finally {
    await stack.db.pool.query('drop function slow_feed cascade');
  }
});

test('a workflow that is cancelled in the engine ends its job as cancelled', async () => {
  // Far more batches than are made until the activity hears of it, by a heartbeat.
  const feed = await manyPieces('PIECE', 600);
  await stack.db.pool.query(SLOW);
  const { jobId } = await feeds.accepted(feed);
  try {
    await waitFor(async () => (await feeds.job(jobId)).status === 'running');
    await stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId)).cancel();
    expect((await feeds.ended(jobId)).status).toBe('cancelled');
  } finally {
    await stack.db.pool.query('drop function slow_feed cascade');
  }
});

test('data that the database refuses, also as rejects, ends the job as failed, with what was applied before', async () => {
  await stack.db.pool.query(
    `alter table inventory_transactions add constraint no_feeds check (kind <> 'feed') not valid`,
  );
  await stack.db.pool.query(
    `alter table feed_rejects add constraint no_rejects check (code <> 'ROW_FAILED') not valid`,
  );
  const { jobId } = await feeds.accepted(`${CSV}LAMP,AMS,61\nLAMP,BER,62`);
  try {
    const job = await feeds.ended(jobId);
    expect(job).toMatchObject({
      status: 'failed',
      error: { code: 'INVALID_DATA' },
      result: { applied: 0, left: 2 },
    });
  } finally {
    await stack.db.pool.query('alter table inventory_transactions drop constraint no_feeds');
    await stack.db.pool.query('alter table feed_rejects drop constraint no_rejects');
  }
  const handle = stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
  await expect(handle.result()).rejects.toThrow();
  await keepHistory(handle, 'feed-refused');
  expect(await staged()).toBe(0);
});

test('a job that has ended cannot be cancelled, and one that never was is not found', async () => {
  const { jobId } = await feeds.accepted(`${CSV}LAMP,AMS,31`);
  await feeds.ended(jobId);
  const refused = await feeds.send('POST', `/jobs/${jobId}/cancel`);
  expect([refused.status, refused.body['code']]).toEqual([409, 'JOB_ENDED']);
  for (const path of [
    `/jobs/${newId()}`,
    `/jobs/${newId()}/events`,
    `/downloads/${newId()}.csv`,
    `/downloads/${jobId}.sql`,
  ]) {
    expect((await feeds.get(path)).status).toBe(404);
  }
  expect((await feeds.send('POST', `/jobs/${newId()}/cancel`)).status).toBe(404);
});

test('the list of jobs is newest first, by pages, by type and by status', async () => {
  const all = await feeds.list('?limit=100&type=feed');
  expect(all.items.length).toBeGreaterThan(3);
  const first = await feeds.list('?limit=2');
  const second = await feeds.list(`?limit=2&cursor=${first.nextCursor}`);
  expect([...first.items, ...second.items]).toEqual(all.items.slice(0, 4));
  const cancelled = await feeds.list('?status=cancelled');
  expect(new Set(cancelled.items.map((job) => job.status))).toEqual(new Set(['cancelled']));
  expect((await feeds.list('?type=consistency')).items).toEqual([]);
  expect((await feeds.get('/jobs?type=unknown')).status).toBe(422);
});
