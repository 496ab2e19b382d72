import { many, type Queryable, type Transaction } from '../../../platform/database/database';
import { listOf } from '../../../platform/database/list-parameter';
import { utcMicros } from '../../../platform/database/pages';
import { CLOCK_SKEW, movedAfterSql } from './moved-after-sql';
import type { StockKey } from './types';

export interface CheckedTime {
  /** RFC 3339, UTC, with microseconds; not after now. */
  asOf: string;
  inFuture: boolean;
  /** Entries before it are known as a sum only. */
  isFolded: boolean;
  horizon: string | null;
}

/** Times by PostgreSQL's clock; now where none is given. In the order of what was given. */
export function selectTimes(on: Queryable, given: readonly (string | null)[]): Promise<CheckedTime[]> {
  return many<CheckedTime>(
    on,
    'ledger.check_times',
    `select ${utcMicros('least(coalesce(g.at, c.now), c.now)')} as "asOf",
            coalesce(g.at > c.now + ${CLOCK_SKEW}, false) as "inFuture",
            coalesce(g.at < f.horizon, false) as "isFolded", ${utcMicros('f.horizon')} as horizon
     from unnest($1::timestamptz[]) with ordinality as g (at, n)
     cross join (select clock_timestamp() as now) c cross join (select max(upper_bound) as horizon from ledger_folds) f
     order by g.n`,
    [given],
  );
}

export interface NumberFacts extends StockKey {
  asOf: string | null;
  movedAfter: number;
  /** The newest absolute number of the row, or of a lot in it, is as of a later time. */
  isOvertaken: boolean;
  /** That of the row itself is. */
  isPlaceOvertaken: boolean;
  /** It is as of this time or a later one. */
  isInNewest: boolean;
  isFolded: boolean;
}

/**
 * What absolute numbers, and corrections that have a time, meet in stock rows: the caller holds the rows' locks, so that nothing
 * that was written before is missing. Rows that do not exist are left out.
 */
export function selectNumberFacts(
  tx: Transaction,
  numbers: readonly (StockKey & { asOf: string })[],
): Promise<NumberFacts[]> {
  return many<NumberFacts>(
    tx,
    'ledger.number_facts',
    `select s.product_id as "productId", s.warehouse_id as "warehouseId", ${utcMicros('n.as_of')} as "asOf",
            m.units as "movedAfter", coalesce(k.number_as_of > n.as_of, false) as "isOvertaken",
            coalesce(s.number_as_of > n.as_of, false) as "isPlaceOvertaken",
            coalesce(k.number_as_of >= n.as_of, false) as "isInNewest", coalesce(n.as_of < f.horizon, false) as "isFolded"
     from unnest(${listOf(1, 'int')}, $2::int[], $3::timestamptz[]) as n (product_id, warehouse_id, as_of)
     join stock s on s.product_id = n.product_id and s.warehouse_id = n.warehouse_id
     cross join (select max(upper_bound) as horizon from ledger_folds) f
     cross join lateral (
       select greatest(s.number_as_of, max(l.number_as_of)) as number_as_of from lots l
       where l.product_id = s.product_id and l.warehouse_id = s.warehouse_id) k
     cross join lateral (${movedAfterSql('n', 'n.as_of')}) m`,
    [numbers.map((n) => n.productId), numbers.map((n) => n.warehouseId), numbers.map((n) => n.asOf)],
  );
}

/** The products that have an absolute number of the whole place as of a time or later. The caller holds the stock rows' locks. */
export function selectNumberedSince(
  tx: Transaction,
  keys: readonly StockKey[],
  since: string,
): Promise<{ productId: number }[]> {
  return many<{ productId: number }>(
    tx,
    'ledger.numbered_since',
    `select s.product_id as "productId" from unnest($1::int[], $2::int[]) as k (product_id, warehouse_id)
     join stock s on s.product_id = k.product_id and s.warehouse_id = k.warehouse_id
     where s.number_as_of >= $3::timestamptz`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId), since],
  );
}
