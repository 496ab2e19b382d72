import { MAX_QUANTITY, parseJsonNumber, parseQuantity, type QuantityFault } from './quantity';
import type { DecimalMark, FeedField, FeedMode, FeedReject, FeedRow, RejectCode } from './types';

/** Characters of a record at most, and of what stands between two quotes: no product, location and quantity need more. */
export const MAX_RECORD = 65_536;
const MAX_SKU = 100;
const MAX_LOCATION = 50;
const MAX_LOT = 100;
const MAX_TEXT = 500;

const ALIASES: Readonly<Record<FeedField, readonly string[]>> = {
  sku: [
    'sku',
    'product',
    'productsku',
    'productcode',
    'productid',
    'item',
    'itemsku',
    'itemcode',
    'itemnumber',
    'itemno',
    'article',
    'articlenumber',
    'partnumber',
    'partno',
  ],
  location: [
    'location',
    'locationcode',
    'loc',
    'warehouse',
    'warehousecode',
    'wh',
    'site',
    'store',
    'storecode',
    'depot',
  ],
  lot: ['lot', 'lotcode', 'lotnumber', 'lotno', 'batch', 'batchcode', 'batchnumber', 'batchno'],
  quantity: [
    'quantity',
    'qty',
    'onhand',
    'quantityonhand',
    'qtyonhand',
    'stock',
    'stocklevel',
    'stockonhand',
    'count',
    'units',
    'delta',
    'change',
  ],
  reason: ['reason', 'reasoncode', 'note', 'notes', 'comment'],
  reference: ['reference', 'ref', 'document', 'documentnumber'],
  asOf: ['asof', 'countedat'],
};

const FIELD_OF = new Map(
  (Object.entries(ALIASES) as [FeedField, readonly string[]][]).flatMap(([field, names]) =>
    names.map((name) => [name, field] as const),
  ),
);

/** The field that a column's name means, whatever its case, spaces, dots, hyphens and underscores. */
export function fieldOf(name: string): FeedField | undefined {
  return FIELD_OF.get(plainName(name));
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[\s_.\-]+/g, '');
}

/** Names of a quantity that say by themselves what it is. */
const OF_MODE: Readonly<Record<FeedMode, ReadonlySet<string>>> = {
  set: new Set(['onhand', 'quantityonhand', 'qtyonhand', 'stock', 'stocklevel', 'stockonhand', 'count']),
  delta: new Set(['delta', 'change']),
};

/** The name among these by which quantities are what a feed of the other mode has; null: there is none. */
export function quantityOfOtherMode(names: readonly string[], mode: FeedMode): string | null {
  const quantities = names.filter((name) => fieldOf(name) === 'quantity');
  if (quantities.some((name) => name.toLowerCase() === 'quantity')) return null;
  const others = OF_MODE[mode === 'set' ? 'delta' : 'set'];
  return quantities.find((name) => others.has(plainName(name))) ?? null;
}

/** How a file of our rejects begins. */
export const REJECTS_HEADER = ['line', 'sku', 'location', 'quantity', 'code', 'reason'] as const;

/** Whether a feed is a file of our rejects that was corrected. */
function isOfRejects(names: readonly string[]): boolean {
  return REJECTS_HEADER.every((name, place) => names[place] === name);
}

export type Columns = Partial<Record<FeedField, number>>;

/**
 * Where each field stands in a header. A name that is the field's own wins over its aliases; columns with other names are
 * ignored.
 *
 * @returns in `ambiguous` a field that two columns claim with equal right
 */
export function readHeader(names: readonly string[]): { columns: Columns; ambiguous: FeedField | null } {
  const columns: Columns = {};
  const own = new Set<FeedField>();
  let ambiguous: FeedField | null = null;
  names.forEach((name, index) => {
    const field = fieldOf(name);
    if (field === undefined) return;
    const isOwn = name.toLowerCase() === field.toLowerCase();
    if (columns[field] !== undefined && isOwn === own.has(field)) ambiguous = field;
    if (columns[field] !== undefined && !isOwn) return;
    columns[field] = index;
    if (isOwn) own.add(field);
  });
  // Why a row was rejected is not why its stock changes.
  if (isOfRejects(names)) delete columns.reason;
  return { columns, ambiguous };
}

const DELIMITERS = [',', ';', '\t', '|'] as const;

/** The delimiter that a file names in a line of its own before its header, as spreadsheets do: `sep=;`. */
export function declaredDelimiter(line: string): string | undefined {
  return /^"?sep=([,;\t|])"?$/i.exec(line)?.[1];
}

/** The delimiter that a header uses most outside of quotes; a comma where there is none. */
export function delimiterOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '');
  const counted = DELIMITERS.map((delimiter) => ({ delimiter, count: bare.split(delimiter).length - 1 }));
  return counted.reduce((most, next) => (next.count > most.count ? next : most)).delimiter;
}

/** Control characters and halves of surrogate pairs: PostgreSQL cannot keep them, or they do not belong on one line. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;
const UNFIT_RUNS = /[\p{Cc}\p{Cs}]+/gu;

/** Text that can be kept on one line, truncated to a length. */
export function cleanText(text: string | null | undefined, max = MAX_TEXT): string | null {
  if (text === null || text === undefined || text === '') return null;
  // Truncated first: the truncated text may end with half of a pair.
  const short = text.length > max ? text.slice(0, max) : text;
  return UNFIT.test(short) ? short.replace(UNFIT_RUNS, ' ') : short;
}

export interface GivenRow {
  line: number;
  sku: string | undefined;
  location: string | undefined;
  lot?: string | undefined;
  quantity: string | undefined;
  /** The quantity is a number of JSON, as it stands there. */
  isJsonNumber?: boolean;
  reason: string | undefined;
  reference: string | undefined;
  asOf?: string | undefined;
}

const NOT_TEXT =
  'not text. An identifier that is a number has lost its leading zeros: put it between quotes.';

const APOSTROPHE =
  'can be read in two ways, as it stands and without its apostrophe, which CSV files of ours have before what a spreadsheet would take for a formula; both, or neither, are known.';

const REASONS: Readonly<Record<RejectCode, string>> = {
  LINE_TOO_LONG: `The row has more than ${MAX_RECORD} characters.`,
  QUOTE_BROKEN: 'Text follows the quote that closes a field. Quotes inside of a quoted field are doubled.',
  QUOTE_UNCLOSED: `A quote of the row that begins here is not closed within ${MAX_RECORD} characters. Nothing was read from this line on.`,
  COLUMN_COUNT: 'The row has more fields than the header.',
  JSON_INVALID: 'The line is not a JSON object.',
  MEMBER_DUPLICATE: 'A member stands twice, or two members mean the same.',
  SKU_MISSING: 'There is no SKU.',
  SKU_INVALID: `A SKU has at most ${MAX_SKU} characters and no control characters.`,
  SKU_NOT_TEXT: `The SKU is ${NOT_TEXT}`,
  LOCATION_MISSING: 'There is no location, and no default location was given.',
  LOCATION_INVALID: `A location has at most ${MAX_LOCATION} characters and no control characters.`,
  LOCATION_NOT_TEXT: `The location is ${NOT_TEXT}`,
  LOT_INVALID: `A lot has at most ${MAX_LOT} characters and no control characters.`,
  LOT_NOT_TEXT: `The lot is ${NOT_TEXT}`,
  QUANTITY_MISSING: 'There is no quantity.',
  QUANTITY_INVALID: 'The quantity is not a whole number.',
  QUANTITY_AMBIGUOUS:
    'The quantity can be read in two ways: its mark may stand before decimals or group thousands. Declare the decimal mark (decimal=. or decimal=, in the query, --decimal of the command), or write the number without marks.',
  QUANTITY_FRACTION: 'The quantity has a fraction: units are counted whole.',
  QUANTITY_NEGATIVE: 'What is on hand cannot be negative.',
  QUANTITY_OVERFLOW: `A quantity is at most ${MAX_QUANTITY}.`,
  ASOF_INVALID: 'The time is not one of RFC 3339 with its offset, as 2026-11-27T18:00:00Z.',
  ASOF_IN_FUTURE: 'The time has not come yet.',
  ASOF_BEFORE_RETENTION: 'The ledger does not go back to this time.',
  UNKNOWN_SKU: 'There is no such product, or several that differ in capitals only and none exactly so.',
  UNKNOWN_LOCATION: 'There is no such location, or several that differ in capitals only and none exactly so.',
  SKU_AMBIGUOUS: `The SKU ${APOSTROPHE}`,
  LOCATION_AMBIGUOUS: `The location ${APOSTROPHE}`,
  LOT_AMBIGUOUS: `The lot ${APOSTROPHE}`,
  LOT_MISSING:
    'The product is kept by lot, and the row names none. A row of a set feed says what is on hand of one lot.',
  LOT_NOT_TRACKED: 'The row names a lot, and the product is not kept by lot.',
  SERIAL_TRACKED:
    'The product is kept by serial numbers: a number of units does not say which of them are there. Correct it by naming them (adjust).',
  CONFLICTING:
    'Several lines of the feed say different numbers of the same product, location and lot, as of the same time. None of them is applied.',
  SUPERSEDED: 'A newer line of the feed is about the same product, location and lot.',
  OVERTAKEN:
    'A newer absolute number of this product and location, or of this lot, is known: a count, or a later feed.',
  WOULD_GO_NEGATIVE: 'Less would be on hand than nothing.',
  BELOW_RESERVED: 'Less would be on hand than is reserved.',
  ROW_FAILED: 'The row failed by an error on our side. The stock of this product needs a consistency check.',
};

export function reasonOf(code: RejectCode): string {
  return REASONS[code];
}

/** A reject with what could be read of its row. */
export function reject(
  code: RejectCode,
  given: Pick<GivenRow, 'line'> & Partial<GivenRow>,
  why?: string,
): FeedReject {
  return {
    line: given.line,
    sku: cleanText(given.sku, MAX_SKU),
    location: cleanText(given.location, MAX_LOCATION),
    lot: cleanText(given.lot, MAX_LOT),
    quantity: cleanText(given.quantity, MAX_SKU),
    code,
    reason: why ?? REASONS[code],
  };
}

/** Names are kept composed (NFC): files from some systems have letters and their marks apart. */
function composed(name: string | undefined): string | undefined {
  return name?.normalize('NFC');
}

/** Checks a row field by field; the first thing that is wrong is what it is rejected for. */
export function checkRow(
  given: GivenRow,
  options: { mode: FeedMode; location: string | null; decimal?: DecimalMark | undefined },
): FeedRow | FeedReject {
  const { line } = given;
  const sku = composed(given.sku);
  const location = composed(given.location) || options.location;
  if (!sku) return reject('SKU_MISSING', given);
  if (unfit(sku, MAX_SKU)) return reject('SKU_INVALID', given);
  if (!location) return reject('LOCATION_MISSING', given);
  if (unfit(location, MAX_LOCATION)) return reject('LOCATION_INVALID', given);
  const lot = composed(given.lot) || undefined;
  if (lot !== undefined && unfit(lot, MAX_LOT)) return reject('LOT_INVALID', given);
  const quantity = quantityOf(given, options);
  if (typeof quantity === 'object') return reject(quantity.code, given, quantity.reason);
  const reason = given.reason ? cleanText(given.reason) : null;
  const reference = given.reference ? cleanText(given.reference) : null;
  const row: FeedRow = { line, sku, location, quantity, reason, reference };
  if (lot !== undefined) row.lot = lot;
  // Of a delta it says nothing: what is added moves now.
  if (!given.asOf || options.mode !== 'set') return row;
  if (!isTime(given.asOf)) return reject('ASOF_INVALID', given);
  row.asOf = given.asOf;
  return row;
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-](0\d|1[0-5]):\d{2})$/;

/** A time that PostgreSQL takes: one that it refuses would break the whole feed. */
function isTime(text: string): boolean {
  const [, year = '', month = '', day = ''] = TIME.exec(text) ?? [];
  if (day === '') return false;
  const inUtc = new Date(text).getUTCFullYear();
  const exists =
    new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  return exists && Number(year) >= 1 && inUtc >= 1 && inUtc <= 9999;
}

function quantityOf(
  { quantity = '', isJsonNumber }: GivenRow,
  options: { mode: FeedMode; decimal?: DecimalMark | undefined },
): number | QuantityFault {
  return isJsonNumber ? parseJsonNumber(quantity, options.mode) : parseQuantity(quantity, options);
}

function unfit(text: string, max: number): boolean {
  return text.length > max || UNFIT.test(text);
}
