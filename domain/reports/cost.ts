import type { Database, Queryable } from '../../platform/database/database';
import { openSnapshot } from '../../platform/database/snapshot';
import { AppError, isAppError } from '../../platform/errors';
import { exact, type Exact } from '../../platform/exact';
import { checkAsOf } from '../stock/availability/availability';
import { monthAfter } from './rules';
import { selectCosts, type CostRow } from './sales-queries';
import { periodOf, sumsOf, reportsBuilding } from './sales';

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
  /** By the bytes of the SKU, then by currency. */
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
 * What the goods cost that left in a month, by product: each unit at the weighted average of its product when it left. From the sums of
 * reports and what these lack, in one snapshot; its totals are those of `costOfGoodsSold` of the same period.
 *
 * @param month `YYYY-MM`, where `tz` is
 * @throws AppError `UNKNOWN_ZONE`; `VALIDATION_FAILED`: it has not begun; `REPORTS_BUILDING`
 */
export async function costReport(
  db: Database,
  { month, tz }: { month: string; tz: string },
): Promise<CostReport> {
  const days = { first: `${month}-01`, after: `${monthAfter(month)}-01`, tz };
  const { from, to, asOf, isOver } = await periodOf(db, days);
  if (asOf <= from)
    throw new AppError('VALIDATION_FAILED', `${month} has not begun yet.`, {
      errors: [{ path: 'month', message: 'must have begun' }],
    });
  // Before the snapshot: what is written after it would be in a final one.
  const final = isOver && (await isFinal(db, to));
  return db.transaction(async (tx) => {
    await openSnapshot(tx);
    const now = await periodOf(tx, days);
    if (!now.isReady) throw reportsBuilding();
    const rows = await selectCosts(tx, await sumsOf(tx, now));
    return { period: month, tz, from, to: now.isOver ? to : now.asOf, final, ...told(rows) };
  });
}

/** Nothing more is written before this time. What the ledger has dropped is final. */
async function isFinal(on: Queryable, time: string): Promise<boolean> {
  try {
    return (await checkAsOf(on, time)).final;
  } catch (error) {
    if (isAppError(error, 'ASOF_BEFORE_RETENTION')) return true;
    throw error;
  }
}

function told(rows: readonly CostRow[]): Pick<CostReport, 'totals' | 'uncosted' | 'products'> {
  const costed = rows.filter(({ costedUnits }) => costedUnits !== '0');
  const currencies = [...new Set(costed.map(({ currency }) => currency))].sort();
  return {
    totals: currencies.map((currency) => {
      const mine = costed.filter((row) => row.currency === currency);
      return { currency, units: total(mine, 'costedUnits'), costMinor: total(mine, 'costMinor') };
    }),
    uncosted: total(rows, 'uncostedUnits'),
    products: rows.map(({ sku, currency, costedUnits, costMinor, uncostedUnits }) => ({
      sku,
      currency: costedUnits === '0' ? null : currency,
      units: exact(costedUnits),
      costMinor: exact(costMinor),
      uncosted: exact(uncostedUnits),
    })),
  };
}

function total(rows: readonly CostRow[], of: 'costedUnits' | 'costMinor' | 'uncostedUnits'): Exact {
  return exact(rows.reduce((sum, row) => sum + BigInt(row[of]), 0n));
}
