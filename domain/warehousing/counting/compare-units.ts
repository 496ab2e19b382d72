import { codeKey, type FoundSerial, type LotAsOf, type SerialAsOf } from '../../stock/tracking/tracking';
import type { LineProblem } from './types';

/** What was counted of a lot. */
export interface LotCount {
  key: string;
  code: string;
  /** YYYY-MM-DD, of a lot that the product never had. */
  expiresOn: string | null;
  counted: number;
}

export interface LotVariance extends LotCount {
  /** counted, less what the ledger says of the lot as of the count; 0 of one that is superseded. */
  variance: number;
  /** A later absolute number of this lot is known: nothing of it is changed. */
  superseded: boolean;
  /** As it is now; undefined: it is not there. */
  lot: LotAsOf | undefined;
}

/** Each lot that was counted, or that the ledger says was there: one that was not counted was not found. */
export function lotVariances(counted: readonly LotCount[], known: readonly LotAsOf[]): LotVariance[] {
  const byKey = new Map(known.map((lot) => [lot.key, lot]));
  const seen = new Set(counted.map(({ key }) => key));
  const unseen = known
    .filter((lot) => lot.then !== 0 && !seen.has(lot.key))
    .map(({ key, code }): LotCount => ({ key, code, expiresOn: null, counted: 0 }));
  return [...counted, ...unseen].map((count) => {
    const lot = byKey.get(count.key);
    const superseded = lot ? lot.overtakenAsOf !== null : false;
    return { ...count, lot, superseded, variance: superseded ? 0 : count.counted - (lot?.then ?? 0) };
  });
}

/** The lot that a code means among those of a place: the very code goes before one that looks like it. */
export function lotOf(known: readonly LotAsOf[], code: string): LotAsOf | undefined {
  return known.find((lot) => lot.code === code) ?? known.find((lot) => lot.key === codeKey(code));
}

export interface SerialVariance {
  /** There by the ledger as of the count, and not read off. */
  missing: SerialAsOf[];
  /** Read off, and not there by the ledger. */
  found: string[];
}

export function serialVariance(read: readonly string[], known: readonly SerialAsOf[]): SerialVariance {
  const then = known.filter(({ wasThere }) => wasThere);
  const bySerial = new Map(then.map((serial) => [serial.serial, serial]));
  const byKey = new Map(then.map((serial) => [serial.key, serial]));
  const matched = read.map((given) => bySerial.get(given) ?? byKey.get(codeKey(given)));
  const there = new Set(matched.map((serial) => serial?.id));
  return {
    missing: then.filter(({ id }) => !there.has(id)),
    found: read.filter((_, place) => matched[place] === undefined),
  };
}

/** Those of found numbers that are known to be elsewhere: they cannot have come in here. */
export function elsewhere(known: readonly FoundSerial[], warehouseId: number): FoundSerial[] {
  return known.filter(
    ({ mayComeIn, status, warehouseId: at }) => !mayComeIn && !(status === 'in_stock' && at === warehouseId),
  );
}

/** Why what was counted of lots and serial numbers cannot be applied to what is there now, or null. */
export function unitsProblem({
  lots,
  serials,
  isElsewhere,
}: {
  lots: readonly LotVariance[];
  serials: SerialVariance;
  /** Numbers that were found are known to be elsewhere. */
  isElsewhere: boolean;
}): LineProblem | null {
  for (const { variance, lot } of lots) {
    if (variance >= 0 || !lot || lot.quantity - lot.held >= -variance) continue;
    return lot.quantity >= -variance ? 'LOT_BLOCKED' : 'WOULD_GO_NEGATIVE';
  }
  const gone = serials.missing.filter(({ isHere }) => isHere);
  if (gone.some(({ isHeld }) => isHeld)) return 'SERIAL_BLOCKED';
  if (gone.some(({ isPacked }) => isPacked)) return 'SERIAL_PACKED';
  return isElsewhere ? 'SERIAL_ELSEWHERE' : null;
}
