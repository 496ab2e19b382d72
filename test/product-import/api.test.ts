import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createOutput } from '../../cli/output';
import { runProductImport, type ProductImportOptions } from '../../cli/products';
import { newId } from '../../platform/ids';
import { openUploads, type Uploads } from '../feeds/uploads';
import { ADMIN_KEY } from '../support/access-keys';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { scratchFolder } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';

let stack: Stack;
let uploads: Uploads;
let folder: string;
beforeAll(async () => {
  stack = await startStack({ api: true, settings: { FEED_BATCH_ROWS: 2 } });
  uploads = openUploads(stack, '/jobs/products');
  folder = await scratchFolder('products');
  await stack.db.pool.query(`insert into categories (code, name) values ('light', 'Light')`);
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

const product = async (sku: string) => (await uploads.get(`/products/${sku}`)).body;

test('an upload of products is imported as a job, with its counts and its rejects', async () => {
  const { jobId } = await uploads.accepted(
    [
      'SKU;Name;Category;Price;Currency;Cost',
      'LAMP;Lamp;light;24,90;EUR;1',
      'DESK;Desk;;1.249,00;EUR;2',
      'CHAIR;Chair;none;1;EUR;3',
      'SOFA;Sofa;;1.000;EUR;4',
      'LAMP-2;Lamp;light;1;EUR;5',
    ].join('\r\n'),
  );
  const job = await uploads.ended(jobId);
  expect(job).toMatchObject({
    type: 'products',
    status: 'completed',
    processed: 5,
    total: 5,
    rejected: 2,
    details: { added: 3, changed: 0, unchanged: 0, rejected: 2 },
    result: { added: 3, changed: 0, unchanged: 0, rejected: 2, left: 0, ignored: ['Cost'] },
    downloadUrl: `/api/v1/downloads/${jobId}.csv`,
  });
  const { headers } = await uploads.get('/products/LAMP');
  expect(headers.get('etag')).toBe('"1"');
  expect(await product('LAMP')).toMatchObject({ category: 'light', priceMinor: 2490, currency: 'EUR' });
  const { text } = await uploads.get(`/downloads/${jobId}.csv`);
  expect(text.split('\n')).toEqual([
    'line,sku,name,category,price,currency,code,reason',
    expect.stringMatching(/^4,CHAIR,Chair,none,1,EUR,UNKNOWN_CATEGORY,/),
    expect.stringMatching(/^5,SOFA,Sofa,,1.000,EUR,PRICE_AMBIGUOUS,/),
    '',
  ]);
  expect(await uploads.list('?type=products')).toMatchObject({ items: [{ jobId, type: 'products' }] });
});

test('the same key and upload are the same job; other contents or parameters under the key are refused', async () => {
  const headers = { 'idempotency-key': newId() };
  const body = 'sku,name,price\nKEYED,Keyed,1';
  const query = '?currency=EUR&mode=create';
  const first = await uploads.post(body, { query, headers });
  expect(first.status).toBe(202);
  const again = await uploads.post(gzipSync(body), {
    query,
    headers: { ...headers, 'content-encoding': 'gzip' },
  });
  expect(again).toMatchObject({ status: 202, body: { jobId: first.body['jobId'] } });
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  for (const other of [
    await uploads.post(body.replace('Keyed', 'Other'), { query, headers }),
    await uploads.post(body, { query: '?currency=USD&mode=create', headers }),
  ])
    expect(other).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  expect(await uploads.ended(String(first.body['jobId']))).toMatchObject({ result: { added: 1 } });
});

test('what makes an upload useless is refused, and nothing of it is stored', async () => {
  const before = await uploads.jobCount();
  expect(await uploads.post('name\nLamp')).toMatchObject({
    status: 422,
    body: { code: 'FEED_COLUMN_MISSING' },
  });
  expect(await uploads.post('sku\nA', { query: '?currency=euro' })).toMatchObject({ status: 422 });
  expect(await uploads.post('sku\nA', { query: '?mode=set' })).toMatchObject({ status: 422 });
  expect(await uploads.post('sku\nA', { type: 'application/json' })).toMatchObject({ status: 415 });
  const json = { query: '?empty=clear', type: 'application/x-ndjson' };
  expect(await uploads.post('{"sku":"A"}', json)).toMatchObject({ status: 422 });
  expect(await uploads.jobCount()).toBe(before);
});

test('an import whose workflow was terminated can be cancelled, and says what was added and what is left', async () => {
  await stack.db.pool.query(`
    create function slow_products() returns trigger language plpgsql as $$ begin perform pg_sleep(0.2); return null; end $$;
    create trigger slow_products after insert on products for each statement execute function slow_products()`);
  try {
    const rows = Array.from({ length: 30 }, (_, n) => `SLOW-${n},Slow,1,EUR`);
    const { jobId } = await uploads.accepted(`sku,name,price,currency\n${rows.join('\n')}`);
    await waitFor(async () => (await uploads.job(jobId)).processed > 2);
    const handle = stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
    await handle.terminate('a test');
    expect((await uploads.send('POST', `/jobs/${jobId}/cancel`)).status).toBe(202);
    const cancelled = await uploads.ended(jobId);
    expect(cancelled.status).toBe('cancelled');
    const { added, left } = cancelled.result as { added: number; left: number };
    expect(added + left).toBe(30);
    const found = await stack.db.pool.query<{ made: number }>(
      `select count(*)::int as made from products where sku like 'SLOW-%'`,
    );
    expect(found.rows[0]).toEqual({ made: added });
  } finally {
    await stack.db.pool.query('drop function slow_products cascade');
  }
});

async function importFile(name: string, content: string, options: Partial<ProductImportOptions> = {}) {
  const file = join(folder, name);
  await writeFile(file, content);
  let said = '';
  const stream = { write: (line: string) => (said += line) !== '' };
  const output = createOutput(stream as unknown as NodeJS.WritableStream);
  const url = new URL(stack.url).origin;
  const code = await runProductImport(
    { ...stack.settings, HOLDFAST_API_KEY: ADMIN_KEY },
    { file, mode: 'upsert', url, ...options },
    output,
  );
  return { code, said, file };
}

test('the command imports a file, says what it did, and its rejects can be sent again with it', async () => {
  await addStock(stack.db, 'FULL', 'AMS', 3);
  const first = await importFile('p.csv', 'sku,name,price,note\nCLI-1,One,1.000,x\nCLI-2,Two,2,y\n', {
    currency: 'EUR',
  });
  expect(first.code).toBe(1);
  expect(first.said).toMatch(/completed: 1 added, 0 changed, 0 unchanged, 1 rejected; /);
  expect(first.said).toContain('Columns that mean nothing here: note');
  const rejects = await readFile(`${first.file}.rejects.csv`, 'utf8');
  const again = await importFile('again.csv', rejects, { currency: 'EUR', decimal: ',' });
  expect(again.code).toBe(0);
  expect(again.said).toMatch(/completed: 1 added, 0 changed, 0 unchanged, 0 rejected; /);
  expect(await product('CLI-1')).toMatchObject({ priceMinor: 100_000 });
  const json = await importFile('p.jsonl', '{"sku":"CLI-1","price":1001}\n{"sku":"CLI-2","archived":true}\n');
  expect(json.said).toContain('completed: 0 added, 2 changed, 0 unchanged, 0 rejected');
  expect(await product('CLI-2')).toMatchObject({ active: false, priceMinor: 200 });
  expect((await importFile('bad.csv', 'name\nx\n')).code).toBe(2);
});
