import { updateTracking } from '../../domain/catalog/products';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { applyNextBatch } from '../../domain/stock/feeds/next-batch';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import { resolveFeed } from '../../domain/stock/feeds/resolve';
import { setTracking, trackingRefusal } from '../../domain/stock/tracking/set-tracking';
import { newId } from '../../platform/ids';
import { levelsOf, openOrderShop, type OrderShop } from '../db/support';
import { applyStagedFeed, stageText } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { waitFor } from '../support/wait';
import { trackedProduct } from '../tracking/support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

describe('a product that begins to be tracked after its rows were looked up', () => {
  async function staged(rows: readonly string[], sku: string, keep: { lots: boolean; serials: boolean }) {
    const jobId = await stageText(shop.db, rows.join('\n'));
    await resolveFeed(shop.db, jobId, 1);
    await setTracking(shop.db, { actor: 'test', sku, ...keep });
    const result = await applyStagedFeed(shop.db, jobId);
    let csv = '';
    for await (const part of feedRejectsCsv(shop.db, jobId)) csv += part;
    return { result, csv };
  }

  test.each([
    ['by lot', { lots: true, serials: false }, 'LOT_MISSING'],
    ['by serial number', { lots: false, serials: true }, 'SERIAL_TRACKED'],
  ])('%s is set by no row that names neither', async (_, keep, code) => {
    const [sku, plain] = [await shop.product({}), await shop.product({})];
    const { result, csv } = await staged(
      ['sku,location,quantity', `${sku},AMS,4`, `${plain},AMS,4`],
      sku,
      keep,
    );
    expect(result).toMatchObject({ applied: 1, rejected: 1 });
    expect(csv).toContain(`2,${sku},AMS,4,${code}`);
    expect((await levelsOf(shop.db, plain)).AMS).toEqual([4, 0]);
    expect((await levelsOf(shop.db, sku)).AMS?.[0] ?? 0).toBe(0);
  });

  test('by serial number as well is set by no row of a lot', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    const { result, csv } = await staged(['sku,location,lot,quantity', `${sku},AMS,A,4`], sku, {
      lots: true,
      serials: true,
    });
    expect(result).toMatchObject({ applied: 0, rejected: 1 });
    expect(csv).toContain('SERIAL_TRACKED');
  });

  test('while a batch waits for its stock is set by none of its rows', async () => {
    const sku = await shop.product({ AMS: 1 });
    const rest = { sku, location: 'AMS', reason: 'test', actor: 'test', effectId: newId() };
    await adjustStock(withStock(shop.db), { ...rest, change: { delta: -1 } });
    const jobId = await stageText(shop.db, ['sku,location,quantity', `${sku},AMS,4`].join('\n'));
    await resolveFeed(shop.db, jobId, 1);
    const { rows } = await shop.db.pool.query<{ id: number }>('select id from products where sku = $1', [
      sku,
    ]);
    const productId = rows[0]?.id ?? 0;
    let end = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    let tracking: Promise<void> | undefined;
    await new Promise<void>((locked, failed) => {
      tracking = shop.db.retrying(async (tx) => {
        expect(await trackingRefusal(tx, { sku, productId })).toBeNull();
        await updateTracking(tx, productId, { lots: true, serials: false });
        locked();
        await ended;
      });
      tracking.catch(failed);
    });
    const batch = applyNextBatch(withStock(shop.db), { jobId, lane: 1, size: 10, makeStock: false });
    await waitFor(async () => {
      const { rowCount } = await shop.db.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rowCount === 1;
    });
    end();
    await tracking;
    expect(await batch).toMatchObject({ applied: 0, rejected: 1 });
    expect(await levelsOf(shop.db, sku)).toEqual({});
  });
});
