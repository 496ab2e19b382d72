import { settlePromised } from '../../domain/ordering/promised/settle-promised';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import { settleCount } from '../../domain/warehousing/counting/settle-count';
import { newId } from '../../platform/ids';
import { viewOf, type OrderShop } from '../db/support';
import { importFeed } from '../support/import-feed';
import { withStock } from '../support/stock';

/** What tests do of counts for which newer numbers come while they wait for promised units. `shop` is asked when they do it. */
export function overtakingIn(shop: () => OrderShop) {
  const db = () => shop().db;

  /** Takes on every count of which a message tells that its time has come. */
  async function settleSheets(): Promise<void> {
    const { rows } = await db().pool.query<{ key: string }>(
      `delete from outbox where topic = 'count.settle' returning key`,
    );
    for (const { key } of rows)
      await settleCount(withStock(db()), key, (place) => settlePromised(db(), place));
  }

  /** Units that orders of one product have. */
  async function kept(orders: readonly string[]): Promise<(number | undefined)[]> {
    const views = await Promise.all(orders.map((orderId) => viewOf(db(), orderId)));
    return views.map(({ items }) => items[0]?.reservedQuantity);
  }

  async function imported(rows: readonly string[]) {
    const jobId = newId();
    const result = await importFeed(db(), rows.join('\n'), { jobId });
    let csv = '';
    for await (const part of feedRejectsCsv(db(), jobId)) csv += part;
    return { result, csv };
  }

  return { settleSheets, kept, imported };
}
