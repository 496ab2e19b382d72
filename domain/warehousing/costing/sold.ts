import type { Queryable } from '../../../platform/database/database';
import { exact, type Exact } from '../../../platform/exact';
import { checkAsOf } from '../../stock/availability/availability';
import {
  selectCostCorrections,
  selectShipmentTime,
  selectSold,
  selectSoldOfShipment,
  selectSoldTotals,
  selectTime,
  type SoldRow,
  type SoldTotalRow,
} from './sold-queries';

/** A period: from this time on, and before that one. RFC 3339, to the microsecond; `to` is now unless given. */
export interface Period {
  from: string;
  to?: string | undefined;
}

export interface SoldTotal {
  currency: string;
  /** Those whose cost is known. */
  units: Exact;
  /** What they cost as it was known when they left. */
  costMinor: Exact;
  /** What corrections of receipts in the period changed about the cost of units that had left, in this period or before. Signed. */
  correctionMinor: Exact;
}

export interface CostOfGoodsSold {
  from: string;
  to: string;
  /** Nothing more is written before `to`. */
  final: boolean;
  totals: SoldTotal[];
  /** Units that left whose cost nobody knows: they are in no total. */
  uncosted: Exact;
}

/** Units of a product that left at once: with a parcel, or of a reservation without an order. */
export interface SoldUnits {
  at: string;
  sku: string;
  shipmentId: string | null;
  orderId: string | null;
  reservationId: string | null;
  units: number;
  /** ISO 4217; null: no cost is known. */
  currency: string | null;
  costMinor: Exact;
  /** Those of the units whose cost nobody knows. */
  uncosted: Exact;
}

/**
 * What the goods cost that left for customers, per currency: each unit at the weighted average of its product when it left, rounded
 * for each product and parcel, so that the parcels of `listSold` add up to it. What was corrected about costs since then is told apart, in
 * the period in which it was: what came in is what is in stock, what left, and what was corrected.
 *
 * @throws ASOF_IN_FUTURE, ASOF_BEFORE_RETENTION for a period that is not over, or began before the ledger that is kept
 */
export async function costOfGoodsSold(on: Queryable, period: Period): Promise<CostOfGoodsSold> {
  const { from, to, final } = await checkPeriod(on, period);
  const rows = await selectSoldTotals(on, { from, to });
  const corrections = await selectCostCorrections(on, { from, to });
  const corrected = new Map(corrections.map(({ currency, amountMinor }) => [currency, exact(amountMinor)]));
  const sold = rows.flatMap(({ currency, costed, costMinor }) =>
    currency === null || costed === '0'
      ? []
      : [{ currency, units: exact(costed), costMinor: exact(costMinor) }],
  );
  const soldIn = new Set(sold.map(({ currency }) => currency));
  const others = [...corrected.keys()].flatMap((currency) =>
    soldIn.has(currency) ? [] : [{ currency, units: 0, costMinor: 0 }],
  );
  return {
    from,
    to,
    final,
    totals: [...sold, ...others]
      .map((total) => ({ ...total, correctionMinor: corrected.get(total.currency) ?? 0 }))
      .sort((one, other) => (one.currency < other.currency ? -1 : 1)),
    uncosted: uncostedOf(rows),
  };
}

function uncostedOf(rows: readonly Pick<SoldTotalRow, 'units' | 'costed'>[]): Exact {
  return exact(rows.reduce((sum, row) => sum + BigInt(row.units) - BigInt(row.costed), 0n));
}

/** Where a page begins: right after the entry that was written then and has this id. */
export interface SoldPosition {
  at: string;
  id: number;
}

/**
 * The same parcel by parcel and product by product, in the order in which they left.
 *
 * @throws what `costOfGoodsSold` throws
 */
export async function listSold(
  on: Queryable,
  period: Period,
  page: { after: SoldPosition | undefined; limit: number; offset: number },
): Promise<{ items: SoldUnits[]; next: SoldPosition | null }> {
  const { from, to } = await checkPeriod(on, period);
  const found = await selectSold(on, { from, to }, { ...page, limit: page.limit + 1 });
  const rows = found.slice(0, page.limit);
  const last = found.length > page.limit ? rows.at(-1) : undefined;
  return { items: rows.map(asSold), next: last ? { at: last.at, id: last.id } : null };
}

/** What left with a parcel, and what it cost. Null: there is no such parcel. */
export async function costOfShipment(on: Queryable, shipmentId: string): Promise<SoldUnits[] | null> {
  const made = await selectShipmentTime(on, shipmentId);
  if (!made) return null;
  const now = await selectTime(on);
  return (await selectSoldOfShipment(on, shipmentId, { from: made.at, to: now.at })).map(asSold);
}

async function checkPeriod(
  on: Queryable,
  { from, to }: Period,
): Promise<{ from: string; to: string; final: boolean }> {
  const end = await checkAsOf(on, to ?? (await selectTime(on)).at);
  const begin = await checkAsOf(on, from);
  return { from: begin.asOf, to: end.asOf, final: end.final };
}

function asSold({ id: _, costed, costMinor, ...row }: SoldRow): SoldUnits {
  return { ...row, costMinor: exact(costMinor), uncosted: exact(BigInt(row.units) - BigInt(costed)) };
}
