import type { KnownLot, KnownSerial, NamedLot, NamedUnits, NamedProduct } from './types';

/** What is wrong with the units that somebody named, as a stable code and words. */
export interface NamingFault {
  code:
    | 'NOT_TRACKED'
    | 'TOO_MANY_UNITS_NAMED'
    | 'SERIAL_NOT_THERE'
    | 'SERIAL_PACKED'
    | 'SERIAL_BLOCKED'
    | 'UNITS_NAMED_TWICE'
    | 'DUPLICATE_SERIAL'
    | 'UNKNOWN_LOT'
    | 'LOT_SHORT'
    | 'LOT_BLOCKED';
  detail: string;
  details: Readonly<Record<string, unknown>>;
}

/** Whether so many units of a product may be named like this, or null. Naming fewer than there are is allowed. */
export function namingFault(product: NamedProduct, units: number, named: NamedUnits): NamingFault | null {
  const { serials = [], lots = [] } = named;
  const { sku } = product;
  if (serials.length > 0 && !product.serialised)
    return { code: 'NOT_TRACKED', detail: `${sku} has no serial numbers.`, details: { sku } };
  if (lots.length > 0 && !product.lotTracked)
    return { code: 'NOT_TRACKED', detail: `${sku} is not kept by lot.`, details: { sku } };
  const inLots = lots.reduce((sum, { quantity }) => sum + quantity, 0);
  const most = Math.max(serials.length, inLots);
  if (most <= units) return null;
  const detail = `${most} units of ${sku} are named, and only ${units} move.`;
  return { code: 'TOO_MANY_UNITS_NAMED', detail, details: { sku, named: most, atMost: units } };
}

/** The fault of serial numbers that are not where they are said to be, or null. */
export function serialFault(
  sku: string,
  serials: readonly string[],
  known: readonly (KnownSerial & { given: string })[],
  isThere: (serial: KnownSerial) => boolean,
): NamingFault | null {
  const there = new Set(known.filter(isThere).map(({ given }) => given));
  const missing = serials.filter((serial) => !there.has(serial));
  if (missing.length === 0) return null;
  const detail = `Of ${sku} these are not there: ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}.`;
  return { code: 'SERIAL_NOT_THERE', detail, details: { sku, serials: missing } };
}

/** The fault of serial numbers that a packer put into another parcel, or null. */
export function packedFault(
  sku: string,
  known: readonly KnownSerial[],
  shipmentId: string | null,
): NamingFault | null {
  const packed = known.filter(({ packedFor }) => packedFor !== null && packedFor !== shipmentId);
  if (packed.length === 0) return null;
  return {
    code: 'SERIAL_PACKED',
    detail: `Of ${sku} some are packed for another parcel.`,
    details: { sku, serials: packed.map(({ serial }) => serial) },
  };
}

/**
 * How people see a code, as `code_key` of the schema has it: characters that are not seen do not count, wide and half-wide forms are the
 * usual ones; blanks, Unicode form and case make no difference. Empty: nothing of the code is seen.
 */
export function codeKey(given: string): string {
  return given
    .replace(UNSEEN, '')
    .replace(WIDE, (character) => character.normalize('NFKC'))
    .replace(BLANKS, ' ')
    .trim()
    .normalize('NFC')
    .replace(LOWERED_OTHERWISE, (character) => (character === '\u0130' ? 'i' : '\u03c3'))
    .toLowerCase();
}

/** Soft hyphens, joiners, marks of direction, byte order marks and what else Unicode says is not shown. */
const UNSEEN = /\p{Default_Ignorable_Code_Point}+/gu;
const WIDE = /[\uff01-\uff5e\uff61-\uff9f\uffe0-\uffe2\uffe4-\uffe6]/g;
const BLANKS = /[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000]+/g;
/** PostgreSQL gives each letter one small letter, JavaScript these a second one, or another at the end of a word. */
const LOWERED_OTHERWISE = /[\u0130\u03a3]/g;

/** The fault of units that are named twice, or null: the same serial number, or the same lot, written in two ways. */
export function twiceFault(sku: string, { serials = [], lots = [] }: NamedUnits): NamingFault | null {
  for (const names of [serials, lots.map(({ code }) => code)]) {
    const seen = new Set<string>();
    const twice = names.filter((name) => seen.size === seen.add(codeKey(name)).size);
    if (twice.length === 0) continue;
    const detail = `Of ${sku} these are named twice: ${twice.slice(0, 5).join(', ')}${twice.length > 5 ? ', …' : ''}.`;
    return { code: 'UNITS_NAMED_TWICE', detail, details: { sku, units: twice } };
  }
  return null;
}

/** The fault of serial numbers on quality hold, or null. */
export function heldFault(sku: string, known: readonly KnownSerial[]): NamingFault | null {
  const held = known.filter(({ isHeld }) => isHeld).map(({ serial }) => serial);
  if (held.length === 0) return null;
  return {
    code: 'SERIAL_BLOCKED',
    detail: `Of ${sku} some are on quality hold.`,
    details: { sku, serials: held },
  };
}

/** The fault of lots that have expired or are recalled, or null. */
export function blockedFault(sku: string, known: readonly KnownLot[]): NamingFault | null {
  const lot = known.find(({ expired, recalled }) => expired || recalled);
  if (!lot) return null;
  const { code, expiresOn } = lot;
  if (lot.recalled) {
    return {
      code: 'LOT_BLOCKED',
      detail: `Lot ${code} of ${sku} is recalled.`,
      details: { sku, lot: code, reason: 'recalled' },
    };
  }
  return {
    code: 'LOT_BLOCKED',
    detail: `Lot ${code} of ${sku} expired on ${expiresOn ?? ''}.`,
    details: { sku, lot: code, reason: 'expired', expiresOn },
  };
}

/** The fault of lots that are not there or have too little, or null. */
export function lotFault(
  sku: string,
  lots: readonly NamedLot[],
  known: readonly KnownLot[],
): NamingFault | null {
  const byCode = new Map(known.map((lot) => [lot.code, lot]));
  for (const { code, quantity } of lots) {
    const there = byCode.get(code)?.free;
    const held = byCode.get(code)?.held ?? 0;
    if (there !== undefined && there < quantity && there + held >= quantity) {
      return {
        code: 'LOT_BLOCKED',
        detail: `Of lot ${code} of ${sku} ${held} units are on quality hold, and only ${there} are free.`,
        details: { sku, lot: code, reason: 'on_hold', free: there, held },
      };
    }
    if (there === undefined)
      return {
        code: 'UNKNOWN_LOT',
        detail: `There is no lot ${code} of ${sku} here.`,
        details: { sku, lot: code },
      };
    if (there < quantity) {
      return {
        code: 'LOT_SHORT',
        detail: `Lot ${code} of ${sku} has only ${there} that are free.`,
        details: { sku, lot: code, free: there },
      };
    }
  }
  return null;
}

/** Units of both, each lot once however it is written. */
export function together(one: NamedUnits, other: NamedUnits): NamedUnits {
  const units = new Map<string, number>();
  const codes = new Map<string, string>();
  for (const { code, quantity } of [...(one.lots ?? []), ...(other.lots ?? [])]) {
    const key = codeKey(code);
    codes.set(key, codes.get(key) ?? code);
    units.set(key, (units.get(key) ?? 0) + quantity);
  }
  return {
    serials: [...(one.serials ?? []), ...(other.serials ?? [])],
    lots: [...units].map(([key, quantity]) => ({ code: codes.get(key) ?? key, quantity })),
  };
}
