import type { KnownLot, KnownSerial, NamedLot, NamedUnits, NamedProduct } from './types';

/** What is wrong with the units that somebody named, as a stable code and words. */
export interface NamingFault {
  code:
    | 'NOT_TRACKED'
    | 'TOO_MANY_UNITS_NAMED'
    | 'SERIAL_NOT_THERE'
    | 'SERIAL_PACKED'
    | 'DUPLICATE_SERIAL'
    | 'UNKNOWN_LOT'
    | 'LOT_SHORT';
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
  known: readonly KnownSerial[],
  isThere: (serial: KnownSerial) => boolean,
): NamingFault | null {
  const there = new Set(known.filter(isThere).map(({ serial }) => serial));
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

/** The fault of lots that are not there or have too little, or null. */
export function lotFault(
  sku: string,
  lots: readonly NamedLot[],
  known: readonly KnownLot[],
): NamingFault | null {
  const free = new Map(known.map((lot) => [lot.code, lot.free]));
  for (const { code, quantity } of lots) {
    const there = free.get(code);
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
