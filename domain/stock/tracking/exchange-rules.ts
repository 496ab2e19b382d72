import type { NamingFault } from './rules';
import { codeKey } from './rules';

interface LotUnits {
  code: string;
  quantity: number;
}

/** Signed units of a lot at a place. */
export interface LotChange {
  code: string;
  units: number;
}

/** What a list of lots changes that were in a parcel which has left. */
export interface LotExchange {
  /** As of when the parcel left: lots of which more left, and less (positive). Together they are nothing. */
  changes: LotChange[];
  /** By newer absolute numbers these lots stay what they are: the opposite, as of each number. */
  corrections: (LotChange & { asOf: string })[];
}

/**
 * Lots that are named for a parcel leave in the place of others that left with it, as of when it left. A lot that has an absolute number as
 * of then or later has been seen since, and stays what it is. So does the place by a number of its own: what numbers of lots of before it
 * have seen is then corrected in pairs only, a unit more for a unit less.
 *
 * @param left units that are known to have left with the parcel
 * @param numbered as of when lots, by how people see their codes, and the place have their newest number, where it has seen the parcel leave
 */
export function lotExchange(
  left: readonly LotUnits[],
  named: readonly LotUnits[],
  numbered: { lots: ReadonlyMap<string, string>; place: string | null },
): LotExchange {
  const out = unitsByKey(left);
  const wanted = unitsByKey(named);
  const gone = named.flatMap(({ code, quantity }) => {
    const more = quantity - (out.get(codeKey(code)) ?? 0);
    return more > 0 ? [{ code, units: -more }] : [];
  });
  const spare = left.map(({ code, quantity }) => ({
    code,
    units: Math.max(0, quantity - (wanted.get(codeKey(code)) ?? 0)),
  }));
  const back = upTo(-sumOf(gone), spare);
  const changes = [...back, ...gone];
  const seen = changes.flatMap(({ code, units }) => {
    const asOf = numbered.lots.get(codeKey(code));
    return asOf === undefined ? [] : [{ code, units: -units, asOf }];
  });
  const { place } = numbered;
  const isNewer = ({ asOf }: { asOf: string }) => place === null || asOf > place;
  const older = seen.filter((one) => !isNewer(one));
  const more = older.filter(({ units }) => units > 0);
  const less = older.filter(({ units }) => units < 0).map((one) => ({ ...one, units: -one.units }));
  const pairs = Math.min(sumOf(more), sumOf(less));
  return {
    changes,
    corrections: [
      ...seen.filter(isNewer),
      ...upTo(pairs, more),
      ...upTo(pairs, less).map((one) => ({ ...one, units: -one.units })),
    ],
  };
}

/** What of each lot really moves at the place: what left less what newer numbers have seen. */
export function netChanges({ changes, corrections }: LotExchange): LotChange[] {
  return changes.map(({ code, units }) => {
    const same = corrections.filter((one) => codeKey(one.code) === codeKey(code));
    return { code, units: units + sumOf(same) };
  });
}

/** The fault of lots that are named for a parcel of which fewer units left with any lot, or null. */
export function lotlessFault(sku: string, { changes }: LotExchange): NamingFault | null {
  const lacking = -sumOf(changes);
  if (lacking <= 0) return null;
  const detail = `${lacking} of the units of ${sku} that are named left in no lot.`;
  return { code: 'LOT_SHORT', detail, details: { sku, lacking } };
}

function unitsByKey(lots: readonly LotUnits[]): Map<string, number> {
  return new Map(lots.map(({ code, quantity }) => [codeKey(code), quantity]));
}

function sumOf(lots: readonly { units: number }[]): number {
  return lots.reduce((sum, { units }) => sum + units, 0);
}

/** The first of these units, so many in all. */
function upTo<Lot extends { units: number }>(most: number, lots: readonly Lot[]): Lot[] {
  let open = most;
  return lots.flatMap((lot) => {
    const units = Math.min(open, lot.units);
    open -= units;
    return units > 0 ? [{ ...lot, units }] : [];
  });
}
