import { many, type Queryable, type Transaction } from '../../../platform/database/database';
import { listOf } from '../../../platform/database/list-parameter';
import { utcMicros } from '../../../platform/database/pages';
import type { Allocation, StockKey } from './types';

/** The hold of a count that awaits units, or waits to be posted. */
export interface HoldOfCount extends StockKey {
  holdId: string;
  /** As of when the count is true, whatever its hold is as of: RFC 3339, UTC, with microseconds. */
  asOf: string;
  open: number;
  /** Of those, units that are counted as reserved. */
  kept: number;
}

/** The holds of counts at these places. Where something depends on it the caller holds the stock rows' locks. */
export function selectHoldsOfCounts(on: Queryable, keys: readonly StockKey[]): Promise<HoldOfCount[]> {
  return many<HoldOfCount>(
    on,
    'ledger.holds_of_counts',
    `select h.product_id as "productId", h.warehouse_id as "warehouseId", h.id as "holdId", ${utcMicros('l.counted_at')} as "asOf",
            h.open, h.open - h.awaited as kept
     from count_lines l join quality_holds h on h.id = l.hold_id
     where l.hold_id is not null and h.open > 0
       and (h.product_id, h.warehouse_id) in (select * from unnest(${listOf(1, 'int')}, $2::int[]))
     order by h.id`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

/** An absolute number of a place. */
export interface NumberOfPlace extends StockKey {
  asOf: string;
  /** The hold of the count that it is from. */
  own?: string | null;
}

/**
 * Ends the holds of counts that these numbers overtake, and has the counts closed. For numbers that are applied, under the locks of the
 * stock rows.
 *
 * @returns units that are not reserved any more, each stock row once: `post` is to be given them
 */
export function endOvertakenHolds(tx: Transaction, numbers: readonly NumberOfPlace[]): Promise<Allocation[]> {
  return many<Allocation>(
    tx,
    'ledger.end_overtaken_holds',
    `select product as "productId", warehouse as "warehouseId", sum(units)::int as quantity
     from end_overtaken_holds($1::int[], $2::int[], $3::timestamptz[], $4::uuid[]) group by 1, 2 order by 1, 2`,
    [
      numbers.map((n) => n.productId),
      numbers.map((n) => n.warehouseId),
      numbers.map((n) => n.asOf),
      numbers.map((n) => n.own ?? null),
    ],
  );
}
