import { openUploads } from '../feeds/uploads';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { openProduct, type Product } from './product';

let product: Product;
beforeAll(async () => {
  product = await openProduct();
}, 240_000);
afterAll(() => product.close());

test('a worker that is killed in the middle of a product import, twice, leaves no row taken twice and none left out', async () => {
  const uploads = openUploads({ db: product.db, url: product.url.replace('/orders', '') }, '/jobs/products');
  const env = { FEED_BATCH_ROWS: '20' };
  const products = 400;
  await product.db.pool.query(
    `insert into products (sku, name, price_minor, currency) select 'PART-' || n, 'Part', 100, 'USD' from generate_series(0, 199) n`,
  );
  await product.db.pool.query(`
    create function slow_products() returns trigger language plpgsql as $$ begin perform pg_sleep(0.3); return null; end $$;
    create trigger slow_products after insert or update on products for each statement execute function slow_products()`);
  const rows = Array.from({ length: products }, (_, n) => `PART-${n},New name,2,USD`);
  const { jobId } = await uploads.accepted(`sku,name,price,currency\n${rows.join('\n')}`);
  let seen = 0;
  for (let kills = 0; kills < 2; kills++) {
    const worker = await product.startWorker({ env });
    const before = seen;
    seen = await waitFor(async () => {
      const { processed } = await uploads.job(jobId);
      return processed > before ? processed : undefined;
    }, 120_000);
    await worker.kill();
  }
  expect(seen).toBeLessThan(products);
  await product.startWorker({ env });
  expect(await uploads.ended(jobId)).toMatchObject({
    status: 'completed',
    result: { added: 200, changed: 200, unchanged: 0, rejected: 0, left: 0 },
  });
  const found = await product.db.pool.query(
    `select version, count(*)::int as products from products where sku like 'PART-%' and name = 'New name' group by 1 order by 1`,
  );
  expect(found.rows).toEqual([
    { version: 1, products: 200 },
    { version: 2, products: 200 },
  ]);
  await expectInvariants(product.db);
}, 600_000);
