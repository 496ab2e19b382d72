import type { Queryable } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import type { Exact } from '../../platform/exact';
import { costByProduct } from '../warehousing/costing/sold';
import { monthAfter } from './rules';
import { periodOf } from './sales';

/** What goods cost that left for customers in a month. */
export interface CostReport {
  /** `YYYY-MM` */
  period: string;
  /** IANA name */
  tz: string;
  /** RFC 3339 UTC; `to` is not in it, and not after now. */
  from: string;
  to: string;
  /** Nothing more is written before `to`. */
  final: boolean;
  totals: { currency: string; units: Exact; costMinor: Exact }[];
  /** Units whose cost nobody knows: they are in no cost. */
  uncosted: Exact;
  /** By the bytes of the SKU. A product whose cost is partly unknown has a line with its currency and one without. */
  products: {
    sku: string;
    /** ISO 4217; null: no cost is known. */
    currency: string | null;
    units: Exact;
    costMinor: Exact;
    uncosted: Exact;
  }[];
}

/**
 * What the goods cost that left in a month, by product: each unit at the weighted average of its product when it left. Read from the stock
 * ledger; its totals are those of `costOfGoodsSold` of the same period.
 *
 * @param month `YYYY-MM`, where `tz` is
 * @throws AppError `UNKNOWN_ZONE`; `VALIDATION_FAILED`: it has not begun; `ASOF_BEFORE_RETENTION`
 */
export async function costReport(
  on: Queryable,
  { month, tz }: { month: string; tz: string },
): Promise<CostReport> {
  const { from, to, asOf, isOver } = await periodOf(on, {
    first: `${month}-01`,
    after: `${monthAfter(month)}-01`,
    tz,
  });
  if (asOf <= from)
    throw new AppError('VALIDATION_FAILED', `${month} has not begun yet.`, {
      errors: [{ path: 'month', message: 'must have begun' }],
    });
  return { period: month, tz, ...(await costByProduct(on, { from, to: isOver ? to : asOf })) };
}
