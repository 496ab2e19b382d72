import type { Statement } from '../../../platform/database/database';
import { afterPosition } from '../seals/ledger-range';
import { EVERYTHING } from '../share';
import type { CheckId, CheckRun } from '../types';

/** Values of `$1` to `$4` in these texts. */
export function lookedAtValues({ summedUp, share = EVERYTHING }: CheckRun): NonNullable<Statement['values']> {
  return [summedUp.xid, summedUp.id, share.productsAfter, share.productsUpTo];
}

const IN_SHARE = 'product_id > $3::int and product_id <= coalesce($4::int, 2147483647)';

/**
 * The stock rows that an incremental check looks at: those that the ledger names since the kept sums, a share of all, whoever has
 * written them, and those that the last run found wrong, or one that was not yet stored when the last one began.
 */
export function placesLookedAt(check: CheckId): string {
  return `
    select t.product_id, t.warehouse_id from inventory_transactions t where ${afterPosition('$1', '$2')}
    union
    select product_id, warehouse_id from stock where ${IN_SHARE}
    union
    select (f.details ->> 'productId')::int, (f.details ->> 'warehouseId')::int ${foundBefore(check)}`;
}

/** What the last run of a check found about products, or one that was not yet stored when the last one began. */
const foundBefore = (check: CheckId) => `
    from consistency_checks c join consistency_findings f using (job_id, check_id)
    where c.check_id = '${check}' and f.details ? 'productId'
      and c.finished_at > (select max(started_at) - interval '1 minute' from consistency_checks where check_id = '${check}')`;

/** The same of whole products. */
export const PRODUCTS_LOOKED_AT = `
    select t.product_id from inventory_transactions t where ${afterPosition('$1', '$2')}
    union
    select p.id from products p where p.id > $3::int and p.id <= coalesce($4::int, 2147483647)`;

/** Those and products of what the last run of a check found. */
export function productsLookedAt(check: CheckId): string {
  return `${PRODUCTS_LOOKED_AT}
    union
    select (f.details ->> 'productId')::int ${foundBefore(check)}`;
}

/** Of each place `k` its row in a table, if there is one, by its key (OFFSET keeps it so): the planner would rather read the table. */
export function rowOf(table: 'stock' | 'ledger_checkpoint', row: string): string {
  return `left join lateral (
    select * from ${table} one where one.product_id = k.product_id and one.warehouse_id = k.warehouse_id offset 0) ${row} on true`;
}
