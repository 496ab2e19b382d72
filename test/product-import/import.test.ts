import { forgetting } from '../../activities/upload-kinds';
import { readProduct } from '../../domain/catalog/products';
import { readJob } from '../../domain/jobs/jobs';
import { finishProducts } from '../../domain/product-import/finish';
import { importNextBatch } from '../../domain/product-import/next-batch';
import { resolveProducts } from '../../domain/product-import/resolve';
import { stageProducts } from '../../domain/product-import/stage';
import { applyNextBatch } from '../../domain/stock/feeds/next-batch';
import { resolveFeed } from '../../domain/stock/feeds/resolve';
import { readTracking, setTracking } from '../../domain/stock/tracking/set-tracking';
import { readUpload } from '../../domain/uploads/uploads';
import { beginUpload, removeOrphanedUploads } from '../../domain/uploads/receiving';
import { newId } from '../../platform/ids';
import { openOrderShop, type OrderShop } from '../db/support';
import { importProducts, rejectsOf, stageProductText, takeAllRows } from '../support/import-products';
import { addStock } from '../support/fixtures';
import { applyStagedFeed, stageText } from '../support/import-feed';
import { withStock } from '../support/stock';
import { expectInvariants } from '../support/invariants';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
  await shop.db.pool.query(
    `insert into categories (code, name, archived) values ('light', 'Light', false), ('old', 'Old', true)`,
  );
});
afterAll(() => shop.close());
afterEach(() => expectInvariants(shop.db));

const HEADER = 'sku,name,description,category,price,currency,archived,tracking';
let last = 0;
const sku = (name: string) => `${name}-${(last += 1)}`;

const product = (name: string) => readProduct(shop.db, name);

async function stagedRows(): Promise<number> {
  const found = await shop.db.pool.query<{ rows: number }>(
    'select count(*)::int as rows from product_import_rows where code is null',
  );
  return found.rows[0]!.rows;
}

test('products are added and changed by SKU, and each change is one change of the version', async () => {
  const [lamp, desk, chair] = [sku('LAMP'), sku('DESK'), sku('CHAIR')];
  const first = await importProducts(
    shop.db,
    [
      HEADER,
      `${lamp},Lamp,"It shines,\nand more",light,12.50,EUR,no,lots`,
      `${desk},Desk,,,100,JPY,yes,`,
      `${chair},Chair,,,1,USD,,`,
    ].join('\n'),
  );
  expect(first).toMatchObject({ counts: [3, 0, 0, 0], left: 0 });
  expect(await product(lamp)).toMatchObject({
    name: 'Lamp',
    description: 'It shines,\nand more',
    category: 'light',
    priceMinor: 1250,
    currency: 'EUR',
    active: true,
    version: 1,
  });
  expect(await readTracking(shop.db, lamp)).toMatchObject({ lots: true, serials: false });
  expect(await product(desk)).toMatchObject({ priceMinor: 100, currency: 'JPY', active: false });

  const second = await importProducts(
    shop.db,
    `sku,price,currency\n${lamp.toLowerCase()},13,EUR\n${desk},100,JPY\n${chair},1.00,`,
  );
  expect(second.counts).toEqual([0, 1, 2, 0]);
  expect(await product(lamp)).toMatchObject({ sku: lamp, name: 'Lamp', priceMinor: 1300, version: 2 });
  expect(await product(lamp.toLowerCase())).toBeNull();
  const before = await product(desk);
  expect(before).toMatchObject({ version: 1 });

  // What is so already writes nothing: neither a version nor a time.
  expect((await importProducts(shop.db, `sku,price,currency\n${desk},100,JPY`)).counts).toEqual([0, 0, 1, 0]);
  expect(await product(desk)).toEqual(before);
});

test('a product that is put on sale again, and one that leaves its category, are changes too', async () => {
  const name = sku('LAMP');
  await importProducts(shop.db, `${HEADER}\n${name},Lamp,Text,light,1,EUR,yes,`);
  expect((await importProducts(shop.db, `sku,active\n${name},1`)).counts).toEqual([0, 1, 0, 0]);
  expect((await importProducts(shop.db, `sku,category,description\n${name},,`)).counts).toEqual([0, 0, 1, 0]);
  const cleared = await importProducts(shop.db, `sku,category,description\n${name},,`, { empty: 'clear' });
  expect(cleared.counts).toEqual([0, 1, 0, 0]);
  expect(await product(name)).toMatchObject({ active: true, category: null, description: '', version: 3 });
});

test('rows that are wrong are rejected with what was given, and can be corrected and sent again', async () => {
  const [lamp, dash] = [sku('LAMP'), sku('-DASH')];
  const { counts, rejects } = await importProducts(
    shop.db,
    [
      'SKU;Title;Category;Unit price;Currency;Colour',
      `${lamp};Lamp;light;1.000;EUR;red`,
      `${dash};=Dash;light;1;EUR;`,
      `${sku('X')};X;nothing;1;EUR;`,
      `${sku('X')};X;old;1;EUR;`,
      `${dash}x;-5% off;dark;2;EUR;`,
      `${sku('X')};X;;1,5;JPY;`,
    ].join('\n'),
  );
  expect(counts).toEqual([1, 0, 0, 5]);
  const lines = rejects.trimEnd().split('\n');
  expect(lines[0]).toBe('line,sku,name,category,price,currency,code,reason');
  expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual(['2', '4', '5', '6', '7']);
  expect(lines[1]).toContain(`2,${lamp},Lamp,light,1.000,EUR,PRICE_AMBIGUOUS,`);
  expect(lines[4]).toContain(`'${dash}x,'-5% off,dark,2,EUR,UNKNOWN_CATEGORY,`);

  const corrected = rejects
    .replaceAll(/,(nothing|old|dark),/g, ',light,')
    .replace('1.000', '1000')
    .replace('"1,5"', '15');
  const again = await importProducts(shop.db, corrected);
  expect(again).toMatchObject({ counts: [5, 0, 0, 0], result: { ignored: ['line', 'code', 'reason'] } });
  expect(await product(`${dash}x`)).toMatchObject({ name: '-5% off', priceMinor: 200 });
  expect(await product(lamp)).toMatchObject({ priceMinor: 100_000 });
});

test('rows about one product that say the same are one; those that say different things are not guessed', async () => {
  const [same, differs, broken, exists] = [sku('SAME'), sku('DIFFERS'), sku('BROKEN'), sku('EXISTS')];
  await importProducts(shop.db, `sku,name,price,currency\n${exists},E,1,EUR`);
  const { counts, rejects } = await importProducts(
    shop.db,
    [
      'sku,name,price,currency',
      `${same},Same,1,EUR`,
      `${differs},One,1,EUR`,
      `${broken},Good,1,EUR`,
      `${same},Same,1.00,EUR`,
      `${differs.toLowerCase()},Two,1,EUR`,
      `${broken},Bad,abc,EUR`,
      `${exists},E,2,EUR`,
      `${exists.toLowerCase()},E,3,EUR`,
    ].join('\n'),
    { size: 1 },
  );
  expect(counts).toEqual([1, 0, 1, 6]);
  expect(
    rejects
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => /^(\d+),.*,([A-Z_]+),/.exec(line)?.slice(1)),
  ).toEqual([
    ['3', 'DUPLICATE_SKU'],
    ['4', 'DUPLICATE_SKU'],
    ['6', 'DUPLICATE_SKU'],
    ['7', 'PRICE_INVALID'],
    ['8', 'DUPLICATE_SKU'],
    ['9', 'DUPLICATE_SKU'],
  ]);
  expect(await product(exists)).toMatchObject({ priceMinor: 100, version: 1 });
  expect(await product(differs)).toBeNull();
});

test('an upload may only add, or only change', async () => {
  const [there, missing] = [sku('THERE'), sku('MISSING')];
  await importProducts(shop.db, `sku,name,price,currency\n${there},There,1,EUR`);
  const text = `sku,name,price,currency\n${there},Other,1,EUR\n${missing},Missing,1,EUR`;
  const update = await importProducts(shop.db, text, { mode: 'update' });
  expect(update.counts).toEqual([0, 1, 0, 1]);
  expect(update.rejects).toContain('UNKNOWN_SKU');
  const create = await importProducts(shop.db, text.replace('Other', 'Third'), { mode: 'create' });
  expect(create.counts).toEqual([1, 0, 0, 1]);
  expect(create.rejects).toContain('SKU_EXISTS');
  // Sent again, what it made is as it says.
  expect((await importProducts(shop.db, text, { mode: 'create' })).counts).toEqual([0, 0, 2, 0]);
});

test('tracking is not switched while there are units of the product, and the rest of such a row is not applied', async () => {
  const [full, empty] = [sku('FULL'), sku('EMPTY')];
  await addStock(shop.db, full, 'AMS', 5);
  await addStock(shop.db, empty, 'AMS', 0);
  const { counts, rejects } = await importProducts(
    shop.db,
    `sku,name,tracking\n${full},New name,serials\n${empty},New name,lots+serials`,
  );
  expect(counts).toEqual([0, 1, 0, 1]);
  expect(rejects).toContain(`2,${full},New name,serials,PRODUCT_HAS_STOCK,`);
  expect(await product(full)).toMatchObject({ version: 1 });
  expect(await readTracking(shop.db, full)).toMatchObject({ lots: false, serials: false });
  expect(await readTracking(shop.db, empty)).toMatchObject({ lots: true, serials: true });
  await setTracking(shop.db, { actor: 'test', sku: empty, lots: false, serials: false });
});

test('every step may be done twice, also beside itself, and each row is taken once', async () => {
  const skus = Array.from({ length: 25 }, () => sku('TWICE'));
  const text = `sku,name,price,currency\n${skus.map((name) => `${name},Twice,1,EUR`).join('\n')}\nBAD,x,-1,EUR`;
  const jobId = await stageProductText(shop.db, text);
  await Promise.all([resolveProducts(shop.db, jobId), resolveProducts(shop.db, jobId)]);
  await Promise.all([takeAllRows(shop.db, jobId, 3), takeAllRows(shop.db, jobId, 2)]);
  const ends = await Promise.all([
    finishProducts(shop.db, jobId, { as: 'completed' }),
    finishProducts(shop.db, jobId, { as: 'completed' }),
  ]);
  for (const end of ends)
    expect(end).toMatchObject({ added: 25, changed: 0, unchanged: 0, rejected: 1, left: 0 });
  for (const name of skus) expect(await product(name)).toMatchObject({ version: 1 });
  expect(await stagedRows()).toBe(0);
  expect(await rejectsOf(shop.db, jobId)).toContain('PRICE_NEGATIVE');
});

test('two uploads of the same new products beside each other add each of them once', async () => {
  const skus = Array.from({ length: 40 }, () => sku('BOTH'));
  const rows = skus.map((name) => `${name},Both,1,EUR`);
  const header = 'sku,name,price,currency\n';
  const [one, other] = await Promise.all([
    importProducts(shop.db, header + rows.join('\n'), { size: 7 }),
    importProducts(shop.db, header + [...rows].reverse().join('\n'), { size: 5 }),
  ]);
  expect(Number(one.counts[0]) + Number(other.counts[0])).toBe(40);
  expect(Number(one.counts[2]) + Number(other.counts[2])).toBe(40);
});

test('a row that fails by an error of its own is rejected, and those beside it are taken', async () => {
  await shop.db.pool.query(`
    create function refuse_product() returns trigger language plpgsql as $$ begin
      if new.name = 'Refused' then raise exception 'no' using errcode = 'P0001', constraint = 'refused'; end if; return new; end $$;
    create trigger refuse_product before insert on products for each row execute function refuse_product()`);
  try {
    const [before, refused, after] = [sku('ROW'), sku('ROW'), sku('ROW')];
    const { counts, rejects } = await importProducts(
      shop.db,
      `sku,name,price,currency\n${before},A,1,EUR\n${refused},Refused,1,EUR\n${after},B,1,EUR`,
    );
    expect(counts).toEqual([2, 0, 0, 1]);
    expect(rejects).toContain(`3,${refused},Refused,1,EUR,ROW_FAILED,`);
    expect(await product(after)).not.toBeNull();
  } finally {
    await shop.db.pool.query('drop function refuse_product cascade');
  }
});

test('a cancelled import says what is left, and keeps what could not be read', async () => {
  const text = `sku,name,price,currency\n${sku('C')},C,1,EUR\n${sku('C')},C,abc,EUR\n${sku('C')},C,1,EUR`;
  const jobId = await stageProductText(shop.db, text);
  expect(await finishProducts(shop.db, jobId, { as: 'cancelled' })).toMatchObject({ rejected: 1, left: 2 });
  expect(await finishProducts(shop.db, jobId, { as: 'cancelled' })).toMatchObject({ rejected: 1, left: 2 });
  expect((await readJob(shop.db, jobId))?.status).toBe('cancelled');
  expect(await rejectsOf(shop.db, jobId)).toContain('PRICE_INVALID');
  expect(await stagedRows()).toBe(0);
});

test('a quote that is not closed ends the upload at its line', async () => {
  const [good, bad] = [sku('Q'), sku('Q')];
  const jobId = await stageProductText(
    shop.db,
    `sku,name,price,currency\n${good},Q,1,EUR\n${bad},"Q,1,EUR\n`,
  );
  await resolveProducts(shop.db, jobId);
  await takeAllRows(shop.db, jobId, 10);
  expect(await finishProducts(shop.db, jobId, { as: 'completed' })).toMatchObject({
    added: 1,
    unreadFrom: 3,
  });
  expect(await readJob(shop.db, jobId)).toMatchObject({
    status: 'failed',
    error: { code: 'FEED_QUOTE_UNCLOSED' },
  });
  expect(await product(bad)).toBeNull();
});

test('what a process left of an upload is removed, and one that breaks off leaves nothing', async () => {
  const { id: feedId } = await beginUpload(shop.db, newId(), { mode: 'upsert', asOf: undefined });
  await shop.db.pool.query(
    `insert into product_import_rows (feed_id, line, sku, given, fields) select $1, n, 'S', '{}', '{}' from generate_series(1, 5) n`,
    [feedId],
  );
  await shop.db.pool.query(`update feeds set touched_at = touched_at - interval '1 hour' where id = $1`, [
    feedId,
  ]);
  expect(await removeOrphanedUploads(shop.db, forgetting)).toBe(1);
  expect(await stagedRows()).toBe(0);
  async function* broken() {
    yield Buffer.from(`sku,name\n${'A,B\n'.repeat(100_000)}`);
    await Promise.reject(new Error('the client left'));
  }
  const upload = {
    jobId: newId(),
    actor: 'test',
    mode: 'upsert',
    format: 'csv',
    empty: 'leave',
    source: broken(),
  } as const;
  await expect(stageProducts(shop.db, upload)).rejects.toThrow('the client left');
  expect([await stagedRows(), await readJob(shop.db, upload.jobId)]).toEqual([0, null]);
});

test('a feed, or no job at all, is not taken for a job of products', async () => {
  const refusal = { code: 'FEED_NOT_FOUND' };
  const next = (jobId: string) => ({ jobId, lane: 1, size: 1 });
  await expect(importNextBatch(shop.db, next(newId()))).rejects.toMatchObject(refusal);
  await expect(readUpload(shop.db, newId())).rejects.toMatchObject(refusal);

  const stocked = await shop.product({ AMS: 5 });
  const feed = await stageText(shop.db, `sku,location,quantity\n${stocked},AMS,7\n`);
  await expect(resolveProducts(shop.db, feed)).rejects.toMatchObject(refusal);
  await resolveFeed(shop.db, feed, 1);
  await expect(importNextBatch(shop.db, next(feed))).rejects.toMatchObject(refusal);
  expect(await applyStagedFeed(shop.db, feed)).toMatchObject({ applied: 1, rejected: 0 });
});

test('a job of products is not taken for a feed', async () => {
  const refusal = { code: 'FEED_NOT_FOUND' };
  const job = await stageProductText(shop.db, `${HEADER}\n${sku('LAMP')},Lamp,,,1,USD,,`);
  await expect(resolveFeed(shop.db, job, 1)).rejects.toMatchObject(refusal);
  await resolveProducts(shop.db, job);
  const batch = { jobId: job, lane: 1, size: 1, makeStock: false };
  await expect(applyNextBatch(withStock(shop.db), batch)).rejects.toMatchObject(refusal);
  await takeAllRows(shop.db, job, 1);
  expect(await finishProducts(shop.db, job, { as: 'completed' })).toMatchObject({ added: 1, rejected: 0 });
});
