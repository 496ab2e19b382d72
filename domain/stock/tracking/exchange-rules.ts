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
  /** The opposite for lots that newer absolute numbers have seen, as of the first of these. Null: none has. */
  correction: { asOf: string; changes: LotChange[] } | null;
}

/**
 * Lots that are named for a parcel leave in the place of others that left with it, as of when it left. A lot that has an absolute number as
 * of then or later has been seen since, and stays what it is. Where only some of the lots have, what is on hand changes by what the others
 * do; a newer number of the whole place allows that only for lots whose number is newer still.
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
  let open = -sumOf(gone);
  const back = left.flatMap(({ code, quantity }) => {
    const units = Math.min(open, Math.max(0, quantity - (wanted.get(codeKey(code)) ?? 0)));
    open -= units;
    return units > 0 ? [{ code, units }] : [];
  });
  const changes = [...back, ...gone];
  const { place } = numbered;
  const seen = changes.flatMap(({ code, units }) => {
    const asOf = numbered.lots.get(codeKey(code));
    return asOf === undefined ? [] : [{ code, units: -units, asOf }];
  });
  const kept = sumOf(seen) === 0 || place === null ? seen : seen.filter(({ asOf }) => asOf > place);
  const [asOf] = kept.map((lot) => lot.asOf).sort();
  return {
    changes,
    correction:
      asOf === undefined ? null : { asOf, changes: kept.map(({ code, units }) => ({ code, units })) },
  };
}

/** What of each lot really moves at the place: what left less what newer numbers have seen. */
export function netChanges({ changes, correction }: LotExchange): LotChange[] {
  const seen = new Set(correction?.changes.map(({ code }) => code));
  return changes.filter(({ code }) => !seen.has(code));
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
