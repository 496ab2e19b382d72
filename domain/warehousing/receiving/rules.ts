import { request } from '../../../platform/told-commands';
import { codeKey } from '../../stock/tracking/rules';
import type { TrackedProduct } from '../../stock/tracking/types';
import type { LineCorrection, ReceiptLineInput, SerialReplacement } from './types';

/** What is wrong with a receipt, as a stable code and words. */
export interface ReceiptFault {
  code: 'UNKNOWN_SKU' | 'LOT_REQUIRED' | 'SERIALS_REQUIRED' | 'NOT_TRACKED' | 'DUPLICATE_SERIAL';
  detail: string;
  /** Index of the line. */
  line: number;
}

/** The first fault of a receipt's lines, or null. A tracked product must say which lot and which serial numbers came. */
export function receiptFault(
  lines: readonly ReceiptLineInput[],
  products: ReadonlyMap<string, TrackedProduct>,
): ReceiptFault | null {
  const seen = new Set<string>();
  for (const [line, input] of lines.entries()) {
    const fault = lineFault(input, products.get(input.sku), seen);
    if (fault) return { ...fault, line };
  }
  return null;
}

function lineFault(
  { sku, quantity, lot, serials = [] }: ReceiptLineInput,
  product: TrackedProduct | undefined,
  seen: Set<string>,
): Omit<ReceiptFault, 'line'> | null {
  if (!product) return { code: 'UNKNOWN_SKU', detail: `There is no product ${sku}.` };
  if (product.lotTracked && !lot)
    return { code: 'LOT_REQUIRED', detail: `${sku} is kept by lot: name the lot.` };
  if (!product.lotTracked && lot) return { code: 'NOT_TRACKED', detail: `${sku} is not kept by lot.` };
  if (product.serialised && serials.length !== quantity) {
    return {
      code: 'SERIALS_REQUIRED',
      detail: `${sku} has serial numbers: ${quantity} units need ${quantity} of them, ${serials.length} were given.`,
    };
  }
  if (!product.serialised && serials.length > 0)
    return { code: 'NOT_TRACKED', detail: `${sku} has no serial numbers.` };
  for (const serial of serials) {
    const key = JSON.stringify([sku, codeKey(serial)]);
    if (seen.has(key)) return { code: 'DUPLICATE_SERIAL', detail: `${serial} is given twice for ${sku}.` };
    seen.add(key);
  }
  return null;
}

/** A line of a receipt, as far as it may be corrected. */
export interface CorrectableLine {
  line: number;
  sku: string;
  /** ISO 4217, of its price. */
  priceCurrency: string;
  lotTracked: boolean;
  serialised: boolean;
  quantity: number;
  unitCostMinor: number | null;
  currency: string | null;
  lotCode: string | null;
  expiresOn: string | null;
  serials: string[];
}

/** What is wrong with corrections, as a stable code and words. */
export interface CorrectionFault {
  code:
    | 'NO_SUCH_LINE'
    | 'NOT_TRACKED'
    | 'SERIALS_REQUIRED'
    | 'LOT_EXPIRY_MISMATCH'
    | 'SERIAL_NOT_THERE'
    | 'UNITS_NAMED_TWICE'
    | 'DUPLICATE_SERIAL';
  detail: string;
  line: number;
}

/** The first fault of corrections of these lines, or null. */
export function correctionFault(
  lines: readonly CorrectableLine[],
  corrections: readonly LineCorrection[],
): CorrectionFault | null {
  const seen = new Set<number>();
  for (const { line, quantity, lot, serials = [], replaceSerials = [] } of corrections) {
    const kept = lines.find((one) => one.line === line);
    if (!kept || seen.has(line))
      return {
        code: 'NO_SUCH_LINE',
        detail: kept ? `Line ${line} is named twice.` : `There is no line ${line}.`,
        line,
      };
    seen.add(line);
    const { sku } = kept;
    if (lot && !kept.lotTracked) return { code: 'NOT_TRACKED', detail: `${sku} is not kept by lot.`, line };
    if (lot?.expiresOn !== undefined && isSameLot(lot.code, kept) && lot.expiresOn !== kept.expiresOn) {
      const correctWith = request`PUT /inventory/${sku}/lots/${lot.code}`;
      return {
        code: 'LOT_EXPIRY_MISMATCH',
        detail: `A lot has one expiry date everywhere: correct it with ${correctWith}.`,
        line,
      };
    }
    if (serials.length + replaceSerials.length > 0 && !kept.serialised)
      return { code: 'NOT_TRACKED', detail: `${sku} has no serial numbers.`, line };
    const units = Math.abs((quantity ?? kept.quantity) - kept.quantity);
    const isEachOnce = new Set(serials.map(codeKey)).size === serials.length;
    if (kept.serialised && (serials.length !== units || !isEachOnce)) {
      return {
        code: 'SERIALS_REQUIRED',
        detail: `${sku} has serial numbers: ${units} units more or less need ${units} of them, ${serials.length} were given.`,
        line,
      };
    }
    const fault = serialsFault(kept, { quantity, serials, replaceSerials });
    if (fault) return { ...fault, line };
  }
  return null;
}

/** Numbers of a line that are given up or replaced must be on it, once; those that come must not be. */
function serialsFault(
  { sku, quantity: before, serials: kept }: CorrectableLine,
  {
    quantity = before,
    serials,
    replaceSerials,
  }: {
    quantity: number | undefined;
    serials: readonly string[];
    replaceSerials: readonly SerialReplacement[];
  },
): Omit<CorrectionFault, 'line'> | null {
  const gone = [...(quantity < before ? serials : []), ...replaceSerials.map(({ serial }) => serial)];
  const come = [...(quantity > before ? serials : []), ...replaceSerials.map(({ by }) => by)];
  for (const names of [gone, come]) {
    if (new Set(names.map(codeKey)).size < names.length)
      return { code: 'UNITS_NAMED_TWICE', detail: `A serial number of ${sku} is named twice.` };
  }
  const known = new Set(kept.map(codeKey));
  const missing = gone.find((serial) => !known.has(codeKey(serial)));
  if (missing !== undefined)
    return { code: 'SERIAL_NOT_THERE', detail: `${missing} is no serial number of this line of ${sku}.` };
  const left = new Set(gone.map(codeKey));
  const twice = come.find((serial) => known.has(codeKey(serial)) && !left.has(codeKey(serial)));
  if (twice !== undefined)
    return { code: 'DUPLICATE_SERIAL', detail: `${twice} is on this line of ${sku} already.` };
  return null;
}

export function isSameLot(code: string, { lotCode }: { lotCode: string | null }): boolean {
  return lotCode !== null && codeKey(code) === codeKey(lotCode);
}

/** A line before and after it is changed, with the serial numbers that come to it and go from it. */
export interface ChangedLine<Line = CorrectableLine> {
  before: Line;
  after: Line;
  added: readonly string[];
  removed: readonly string[];
  /** Numbers of units that are there whatever their number is. */
  replaced: readonly SerialReplacement[];
}

/** What corrections make of lines; those that nothing is changed of are left out. */
export function changedLines<Line extends CorrectableLine>(
  lines: readonly Line[],
  corrections: readonly LineCorrection[],
): ChangedLine<Line>[] {
  return corrections.flatMap(({ line, quantity, unitCostMinor, lot, serials = [], replaceSerials = [] }) => {
    const before = lines.find((one) => one.line === line);
    if (!before) return [];
    const units = quantity ?? before.quantity;
    const added = units > before.quantity ? serials : [];
    const removed = units < before.quantity ? serials : [];
    const gone = new Set(removed.map(codeKey));
    const replaced = replaceSerials.filter(({ serial, by }) => serial !== by);
    const right = new Map(replaced.map(({ serial, by }) => [codeKey(serial), by]));
    const cost = unitCostMinor === undefined ? before.unitCostMinor : unitCostMinor;
    const after: Line = {
      ...before,
      quantity: units,
      unitCostMinor: cost,
      currency: cost === null ? null : (before.currency ?? before.priceCurrency),
      lotCode: lot?.code ?? before.lotCode,
      expiresOn: lot && !isSameLot(lot.code, before) ? (lot.expiresOn ?? null) : before.expiresOn,
      serials: [
        ...before.serials
          .filter((serial) => !gone.has(codeKey(serial)))
          .map((serial) => right.get(codeKey(serial)) ?? serial),
        ...added,
      ],
    };
    return JSON.stringify(after) === JSON.stringify(before)
      ? []
      : [{ before, after, added, removed, replaced }];
  });
}

/** What of a line moves when it is changed. */
export interface LineMoves {
  /** No unit comes or goes: newer absolute numbers have seen what came. */
  isCounted: boolean;
  /** Units that come or go, signed. */
  units: number;
  /** Units that leave the lot of before and come into the one of now; of a counted line at most so many, and as many of both. */
  leaves: number;
  comes: number;
}

const NOTHING: LineMoves = { isCounted: true, units: 0, leaves: 0, comes: 0 };

/**
 * What moves is a correction as of when the receipt came, of each lot for itself: what a number of that time or later says of a lot has seen
 * what is in it, and says nothing of another lot. A number of the whole place fixes how many units there are; which lots they are in it does
 * not say.
 *
 * @param numbered an absolute number as of when the receipt came, or later, is known of the place, of the lot of before, of the lot of now
 */
export function movesOf(
  { before, after }: Pick<ChangedLine, 'before' | 'after'>,
  numbered: { place: boolean; from: boolean; to: boolean },
): LineMoves {
  const difference = after.quantity - before.quantity;
  const { lotCode: to } = after;
  if (!before.lotTracked || to === null)
    return numbered.place ? NOTHING : { ...NOTHING, isCounted: false, units: difference };
  // Units of before the product was kept by lot are in none.
  if (isSameLot(to, before) || before.lotCode === null) {
    if (numbered.place || numbered.from) return NOTHING;
    const comes = numbered.to ? 0 : Math.max(0, difference);
    const leaves = Math.max(0, -difference);
    return { isCounted: false, units: comes - leaves, leaves, comes };
  }
  if (numbered.place) {
    // How many units are in the wrong lot is known by a number of its own.
    if (numbered.from) return NOTHING;
    return { ...NOTHING, leaves: before.quantity, comes: after.quantity };
  }
  const leaves = numbered.from ? 0 : before.quantity;
  const comes = numbered.to ? 0 : after.quantity;
  return { isCounted: leaves + comes === 0, units: comes - leaves, leaves, comes };
}
