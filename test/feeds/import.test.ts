import { parse } from 'csv-parse/sync';
import { gzipSync } from 'node:zlib';
import { newId } from '../../platform/ids';
import { keepHistory } from '../replay/record';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { onHandOf, openUploads, stagedRows, type UploadOptions, type Uploads } from './uploads';

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
  expect(await onHandOf(stack.db, 'LAMP')).toEqual({ AMS: 8, BER: 10 });
  expect(await onHandOf(stack.db, 'DESK')).toEqual({ AMS: 1200, BER: 10 });
  expect(await onHandOf(stack.db, 'CHAIR')).toEqual({ AMS: 10, BER: 0 });
  const file = await feeds.get(`/downloads/${jobId}.csv`);
  expect(file.headers.get('content-type')).toMatch(/^text\/csv/);
  // The time of the feed is that of its upload.
  const text = file.text.replace(/,20[\d:.T-]+Z,/g, ',TIME,');
  expect(text.split('\n')).toEqual([
    'line,sku,location,quantity,code,reason,asOf,reference,rowReason',
    '6,NOTHING,AMS,1,UNKNOWN_SKU,"There is no such product, or several that differ in capitals only and none exactly so.",TIME,,',
    '7,DESK,NOWHERE,1,UNKNOWN_LOCATION,"There is no such location, or several that differ in capitals only and none exactly so.",TIME,,',
    '8,CHAIR,AMS,many,QUANTITY_INVALID,The quantity is not a whole number.,TIME,,',
    '9,,,,QUOTE_BROKEN,Text follows the quote that closes a field. Quotes inside of a quoted field are doubled.,TIME,,',
    '',
  ]);
  const handle = stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
  await handle.result();
  await keepHistory(handle, 'feed-imported');
  expect(await stagedRows(stack.db)).toBe(0);
  const ledger = await stack.db.pool.query<{ kind: string; reason: string | null; reference: string }>(
    `select kind, reason, reference from inventory_transactions where kind = 'feed' and reason is not null`,
  );
  expect(ledger.rows).toEqual([{ kind: 'feed', reason: 'the later line says the same', reference: jobId }]);
});

test('JSON lines, gzip, a default location and a delta go together', async () => {
  const before = await onHandOf(stack.db, 'LAMP');
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
  expect(await onHandOf(stack.db, 'LAMP')).toEqual({ ...before, AMS: before['AMS']! + 3 });
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
  expect(await onHandOf(stack.db, 'DESK')).toMatchObject({ AMS: 50 });
});

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
  for (const sku of ['N1', 'N2', 'N3', 'N4', 'N5'])
    expect(await onHandOf(stack.db, sku)).toEqual({ AMS: 10 });
  const german = await imported(semicolons, { query: '?decimal=,' });
  expect(german.rejects).toEqual([expect.stringMatching(/^2,N1,AMS,"0,500",QUANTITY_FRACTION,/)]);
  await imported(commas, { query: '?decimal=.' });
  const read = await Promise.all(['N1', 'N2', 'N3', 'N4', 'N5'].map((sku) => onHandOf(stack.db, sku)));
  expect(read.map(({ AMS }) => AMS)).toEqual([10, 5, 1_000, 12, 12_000]);
});

test('lines of a note in quotes are no rows', async () => {
  for (const sku of ['S7', 'T7']) await addStock(stack.db, sku, 'AMS', 10);
  const { job } = await imported(
    'sku,location,qty,note\nS7,AMS,7,"was on the sheet:\nT7,AMS,999,\nplease check"',
  );
  expect(job).toMatchObject({ status: 'completed', result: { applied: 1, rejected: 0 } });
  expect([await onHandOf(stack.db, 'S7'), await onHandOf(stack.db, 'T7')]).toEqual([{ AMS: 7 }, { AMS: 10 }]);
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
  const read = await Promise.all(['S8', 'T8', 'U8'].map((sku) => onHandOf(stack.db, sku)));
  expect(read.map(({ AMS }) => AMS)).toEqual([7, 10, 10]);
  expect(await stagedRows(stack.db)).toBe(0);
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
  expect(await onHandOf(stack.db, 'CAFÉ')).toEqual({ AMS: 5 });
});
