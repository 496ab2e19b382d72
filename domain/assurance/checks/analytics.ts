import {
  bucketed,
  daysAsMonths,
  factsOf,
  FOLLOWER,
  inCategories,
  measuresOf,
} from '../../analytics/sums-sql';
import { NONE, type Grain } from '../../analytics/types';
import type { SqlCheck } from '../types';
import { wrongSums } from './wrong-sums';

/** What was dropped of the ledger is in the sums still; an incremental run looks at what happened since the last one. */
const SINCE = '(select at from since)';
const SINCE_DAY = `(${SINCE} at time zone 'UTC')::date`;
const SINCE_MONTH = `date_trunc('month', ${SINCE} at time zone 'UTC')::date`;

const OF_CATEGORY = ['category_id', 'warehouse_id'];

/** SQL of facts of categories at warehouses. */
function placed(facts: string): string {
  return `${inCategories(facts)} where f.warehouse_id <> ${NONE}`;
}

/** SQL of sums by product and day, as those of their category. */
function daysInCategories(): string {
  return `select d.day, a.category_id, d.warehouse_id, d.currency, ${measuresOf('day')
    .map((measure) => `d.${measure}`)
    .join(', ')}
    from analytics_product_days d join analytics_products a on a.product_id = d.product_id where d.day >= ${SINCE_DAY}`;
}

/** SQL of sums of categories that are not what they are made of. */
function wrongInCategories(grain: Grain, since: string, sources: readonly [string, string?]): string {
  return wrongSums({
    key: [grain, ...OF_CATEGORY, 'currency'].join(', '),
    sums: measuresOf(grain),
    sources,
    kept: `select * from analytics_category_${grain}s where ${grain} >= ${since}`,
  });
}

const HOUR = `date_trunc('hour', ${SINCE}, 'UTC')`;

/** From the begin of a day on: sums by day are compared whole. */
const ALL = { from: `(${SINCE_DAY}::timestamp at time zone 'UTC')` };
const UNSUMMED = { ...ALL, ids: 'wanted' };

export const ANALYTICS_CHECKS: readonly SqlCheck[] = [
  {
    id: 'analytics_sums',
    title: 'Sums of analytics are what the ledger and the histories of orders have',
    severity: 'error',
    finding:
      'A day of a product at a warehouse (analytics_product_days), or an hour, day or month of a category at a warehouse, and how much its source has more than the sum',
    repair: 'For a person: holdfast analytics rebuild has all sums made anew.',
    statement: ({ since }) => ({
      name: 'consistency.analytics_sums',
      text: `with ${FOLLOWER.unsummed}, since as materialized (
          select greatest(coalesce($1::timestamptz, '-infinity'), (select max(upper_bound) from ledger_folds)) as at
        ), every as materialized (${factsOf(ALL)}
        ), lacking as materialized (${factsOf(UNSUMMED)}
        ), products_wrong as (${wrongSums({
          key: 'product_id, day, warehouse_id, currency',
          sums: measuresOf('day'),
          sources: [
            bucketed('select * from every', 'day', ['product_id', 'warehouse_id']),
            bucketed('select * from lacking', 'day', ['product_id', 'warehouse_id']),
          ],
          kept: `select * from analytics_product_days where day >= ${SINCE_DAY}`,
        })}
        ), hours_wrong as (${wrongInCategories('hour', HOUR, [
          `select * from (${bucketed(placed('every'), 'hour', OF_CATEGORY)}) h where hour >= ${HOUR}`,
          `select * from (${bucketed(placed('lacking'), 'hour', OF_CATEGORY)}) h where hour >= ${HOUR}`,
        ])}
        ), days_wrong as (${wrongInCategories('day', SINCE_DAY, [daysInCategories()])}
        ), months_wrong as (${wrongInCategories('month', SINCE_MONTH, [
          daysAsMonths(`select * from analytics_category_days where day >= ${SINCE_MONTH}`, OF_CATEGORY),
        ])}
        ), found as (
          select 'product:' || p.sku as what, s.day::text as at, s.warehouse_id, s.currency, to_jsonb(s) as missing
          from products_wrong s join products p on p.id = s.product_id
          union all
          select 'hour:' || category_id, to_char(hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), warehouse_id, currency, to_jsonb(s) from hours_wrong s
          union all
          select 'day:' || category_id, day::text, warehouse_id, currency, to_jsonb(s) from days_wrong s
          union all
          select 'month:' || category_id, month::text, warehouse_id, currency, to_jsonb(s) from months_wrong s
        )
        -- Until they are all made, they are less.
        select f.what || '@' || coalesce(w.code, 'none') || ':' || f.currency || ':' || f.at as subject, f.missing as details
        from found f left join warehouses w on w.id = f.warehouse_id
        where not exists (select from analytics_builds) order by 1`,
      values: [since],
    }),
  },
];
