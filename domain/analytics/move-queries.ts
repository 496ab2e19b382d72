import { execute, many, type Transaction } from '../../platform/database/database';
import {
  bucketed,
  daysAsMonths,
  FOLLOWER,
  INTO_CATEGORIES,
  measuresOf,
  movementsOf,
  orAddTo,
} from './sums-sql';
import { NONE, type Grain } from './types';

/** The next changes of categories, oldest first. One that commits later has a row of its own, and is seen by a later turn. */
export function selectRecategorised(
  tx: Transaction,
  limit: number,
): Promise<{ id: number; productId: number }[]> {
  return many<{ id: number; productId: number }>(
    tx,
    'analytics.recategorised',
    `select id, product_id as "productId" from analytics_recategorised order by id limit $1`,
    [limit],
  );
}

export function deleteRecategorised(tx: Transaction, ids: readonly number[]): Promise<number> {
  return execute(
    tx,
    'analytics.delete_recategorised',
    'delete from analytics_recategorised where id = any ($1::bigint[])',
    [ids],
  );
}

/** SQL that takes sums from the category that a product was in, and adds them to the one in which it is. */
function moving(grain: Grain, rows: string): string {
  const measures = measuresOf(grain);
  const keys = [grain, 'category_id', 'warehouse_id', 'currency'];
  const sums = measures.map((measure) => `sum(c.sign * m.${measure})::bigint`);
  return `${INTO_CATEGORIES[grain]} as r (${[...keys, ...measures].join(', ')})
    select m.${grain}, c.category_id, m.warehouse_id, m.currency, ${sums.join(', ')}
    from (${rows}) m join moving o on o.product_id = m.product_id
    cross join lateral (values (o.old, -1), (o.new, 1)) c (category_id, sign)
    group by 1, 2, 3, 4 order by 1, 2, 3, 4 ${orAddTo(keys, measures)}`;
}

const DAYS = 'select d.* from analytics_product_days d where d.product_id in (select product_id from moving)';

/** Hours are read from the ledger: those of products are not kept. What the sums do not have yet is not moved. */
const HOURS = bucketed(
  movementsOf(`(
    select t.* from inventory_transactions t
    where t.product_id in (select product_id from moving)
      and not exists (select from wanted w where w.source = 'ledger' and t.id >= w.from_id and t.id < w.to_id)) t`),
  'hour',
  ['product_id', 'warehouse_id'],
);

/** Moves the sums of products to the categories in which they are now, in one statement. Returns how many products there were. */
export function moveProducts(tx: Transaction, productIds: readonly number[]): Promise<number> {
  return execute(
    tx,
    'analytics.move_products',
    `with ${FOLLOWER.unsummed}, moving as materialized (
       select p.id as product_id, a.category_id as old, coalesce(p.category_id, ${NONE}) as new
       from products p join analytics_products a on a.product_id = p.id
       where p.id = any ($1::int[]) and a.category_id <> coalesce(p.category_id, ${NONE})
     ), hours as (${moving('hour', HOURS)}
     ), days as (${moving('day', DAYS)}
     ), months as (${moving('month', daysAsMonths(DAYS, ['product_id', 'warehouse_id']))})
     update analytics_products a set category_id = m.new from moving m where a.product_id = m.product_id`,
    [productIds],
  );
}
