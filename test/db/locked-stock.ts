import type { TestShop } from '../support/fixtures';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';

/** Takes locks of stock rows. */
export type Locker = () => Promise<unknown>;

export const NEW_VERSION =
  'update stock set on_hand = on_hand where product_id = (select id from products where sku = $1)';
export const OF_SKU = 'where product_id = (select id from products where sku = $1)';
export const OF_SKU_IN = `${OF_SKU} and warehouse_id = (select id from warehouses where code =`;

/** What tests ask of locks of stock rows. `shop` is asked when they do it. */
export function lockedStockIn(shop: () => Pick<TestShop, 'db'>) {
  /** What is free while somebody holds the row that `where` finds and `locker` waits for it. */
  async function freeWhile(
    where: string,
    values: string[],
    locker: Locker,
    whatIsFree: () => Promise<string[]>,
  ): Promise<string[]> {
    const holder = await openTransaction(shop().db);
    let locking: Promise<unknown>;
    let free: string[];
    try {
      const { rows } = await holder.query<{ pid: number }>(
        `select pg_backend_pid() as pid from stock ${where} for no key update`,
        values,
      );
      locking = locker();
      locking.catch(() => undefined);
      await waitFor(async () => (await waitersFor(rows[0]!.pid)) === 1);
      free = await whatIsFree();
      await holder.query('commit');
    } finally {
      holder.release(true);
    }
    await locking;
    return free;
  }

  async function waitersFor(pid: number): Promise<number> {
    const { rows } = await shop().db.pool.query<{ count: number }>(
      'select count(*) from pg_stat_activity where $1 = any (pg_blocking_pids(pid))',
      [pid],
    );
    return rows[0]!.count;
  }

  /** Those of these products of whose stock rows nobody has locked any, in order. */
  async function freeOf(skus: readonly string[]): Promise<string[]> {
    const { rows } = await shop().db.pool.query<{ sku: string }>(
      `with free as materialized (select product_id from stock s where product_id in (select id from products where sku = any ($1))
                                  for no key update of s skip locked)
       select p.sku from products p where p.sku = any ($1)
         and (select count(*) from free f where f.product_id = p.id) = (select count(*) from stock s where s.product_id = p.id)`,
      [skus],
    );
    const free = new Set(rows.map((row) => row.sku));
    return skus.filter((sku) => free.has(sku));
  }

  /** Those warehouses of a product whose stock row nobody has locked, in order. */
  async function warehousesOf(sku: string): Promise<string[]> {
    const { rows } = await shop().db.pool.query<{ code: string }>(
      `select w.code from stock s join products p on p.id = s.product_id join warehouses w on w.id = s.warehouse_id
       where p.sku = $1 for no key update of s skip locked`,
      [sku],
    );
    return rows.map(({ code }) => code).sort();
  }

  return { freeWhile, freeOf, warehousesOf };
}
