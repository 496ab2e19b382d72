import { manyParts, slowDown, unitsOfParts } from '../feeds/slow-database';
import { openUploads } from '../feeds/uploads';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { openProduct, type Product } from './product';

let product: Product;
beforeAll(async () => {
  product = await openProduct();
}, 240_000);
afterAll(() => product.close());

test('a worker that is killed in the middle of a feed, twice, leaves no row applied twice and none left out', async () => {
  const feeds = openUploads({ db: product.db, url: product.url.replace('/orders', '') });
  const env = { FEED_BATCH_ROWS: '50' };
  const feed = await manyParts(product.db, 1_000);
  await slowDown(product.db, 0.3);
  const { jobId } = await feeds.accepted(feed, { query: '?mode=delta' });
  let seen = 0;
  for (let kills = 0; kills < 2; kills++) {
    const worker = await product.startWorker({ env });
    const before = seen;
    seen = await waitFor(async () => {
      const { processed } = await feeds.job(jobId);
      return processed > before ? processed : undefined;
    }, 120_000);
    await worker.kill();
  }
  expect(seen).toBeLessThan(1_000);
  await product.startWorker({ env });
  expect(await feeds.ended(jobId)).toMatchObject({
    status: 'completed',
    result: { applied: 1_000, left: 0 },
  });
  expect(await unitsOfParts(product.db)).toEqual({ 1: 1_000 });
  await expectInvariants(product.db);
}, 600_000);
