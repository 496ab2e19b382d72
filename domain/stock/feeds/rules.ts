import {
  cleanText,
  composed,
  fieldsOf,
  isUnfit,
  plainName,
  readHeader,
  UNREADABLE_REASONS,
  type Columns,
} from '../../uploads/rules';
import { spoiltReason } from '../../uploads/spoilt';
import type { DecimalMark } from '../../uploads/types';
import { codeKey } from '../tracking/rules';
import { MAX_QUANTITY, parseJsonNumber, parseQuantity, type QuantityFault } from './quantity';
import type { FeedField, FeedMode, FeedReject, FeedRow, RejectCode } from './types';

const MAX_SKU = 100;
const MAX_LOCATION = 50;
const MAX_LOT = 100;

/** What a file of our rejects calls the row's own reason. */
const ROW_REASON = 'rowreason';

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
  expiresOn: [
    'expireson',
    'expires',
    'expiry',
    'expirydate',
    'expirationdate',
    'bestbefore',
    'bestbeforedate',
    'useby',
    'usebydate',
  ],
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
  reason: ['reason', 'reasoncode', 'note', 'notes', 'comment', ROW_REASON],
  reference: ['reference', 'ref', 'document', 'documentnumber'],
  asOf: ['asof', 'asofdate', 'asoftime', 'countedat', 'countedon', 'countdate', 'counttime'],
};

/** The field that a column's name means. */
export const fieldOf = fieldsOf(ALIASES);

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

/** How a file of our rejects begins, by what its quantities are. */
const REJECTS_BEGIN: Readonly<Record<FeedMode, readonly string[]>> = {
  set: ['line', 'sku', 'location', 'quantity', 'code', 'reason'],
  delta: ['line', 'sku', 'location', 'delta', 'code', 'reason'],
};

/** The header of a file of our rejects: it says by its names what it is when it is sent again. `reason` is why a row is rejected. */
export function rejectsHeader({ isSet, hasLots }: { isSet: boolean; hasLots: boolean }): string[] {
  const begin = REJECTS_BEGIN[isSet ? 'set' : 'delta'];
  return [
    ...begin,
    ...(isSet ? ['asOf'] : []),
    'reference',
    'rowReason',
    ...(hasLots ? ['lot', 'expiresOn'] : []),
  ];
}

/**
 * Where each field stands in the header of a feed, as `readHeader` says. In a file of our rejects that was corrected, why a row was
 * rejected is not why its stock changes: that is in `rowReason`.
 *
 * @returns in `code` where a file of our rejects says why a row was rejected; null: the file is none
 */
export function readFeedHeader(
  names: readonly string[],
  see = fieldOf,
): {
  columns: Columns<FeedField>;
  ambiguous: FeedField | null;
  code: number | null;
} {
  const found = readHeader(names, see);
  const isOfRejects = Object.values(REJECTS_BEGIN).some((begin) =>
    begin.every((name, place) => names[place] === name),
  );
  const rowReason = names.findIndex((name) => plainName(name) === ROW_REASON);
  if (rowReason !== -1) found.columns.reason = rowReason;
  else if (isOfRejects) delete found.columns.reason;
  return { ...found, code: isOfRejects ? names.indexOf('code') : null };
}

/**
 * What a row of a file of our rejects is rejected for again: it was older than a number that is known, and does not say as of when it is
 * true. Sent with the time of the upload it would be the newest. Null: nothing.
 */
export function stillOld(code: string | undefined, given: GivenRow, mode: FeedMode): FeedReject | null {
  if (mode !== 'set' || given.asOf || (code !== 'OVERTAKEN' && code !== 'SUPERSEDED')) return null;
  return reject(code, given, `${REASONS[code]} The row does not say as of when it is true: set its asOf.`);
}

export interface GivenRow {
  line: number;
  sku: string | undefined;
  location: string | undefined;
  lot?: string | undefined;
  expiresOn?: string | undefined;
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
  ...UNREADABLE_REASONS,
  SKU_MISSING: 'There is no SKU.',
  SKU_INVALID: `A SKU has at most ${MAX_SKU} characters and no control characters.`,
  SKU_NOT_TEXT: `The SKU is ${NOT_TEXT}`,
  LOCATION_MISSING: 'There is no location, and no default location was given.',
  LOCATION_INVALID: `A location has at most ${MAX_LOCATION} characters and no control characters.`,
  LOCATION_NOT_TEXT: `The location is ${NOT_TEXT}`,
  LOT_INVALID: `A lot has at most ${MAX_LOT} characters, no control characters, and some that are seen.`,
  LOT_NOT_TEXT: `The lot is ${NOT_TEXT}`,
  EXPIRY_INVALID:
    'The expiry of the lot is not a day in the order year, month, day, as 2027-03-31: others can be read in two ways.',
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
  LOT_EXPIRY_MISMATCH: 'The lot is known with another expiry date.',
  LOT_EXPIRY_CONFLICTING:
    'Lines of the feed say different expiry dates of the same lot. None of them is applied.',
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
    expiresOn: cleanText(given.expiresOn, MAX_SKU),
    quantity: cleanText(given.quantity, MAX_SKU),
    asOf: cleanText(given.asOf, MAX_SKU),
    reference: cleanText(given.reference),
    rowReason: cleanText(given.reason),
    code,
    reason: why ?? REASONS[code],
  };
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
  if (isUnfit(sku, MAX_SKU)) return reject('SKU_INVALID', given);
  if (!location) return reject('LOCATION_MISSING', given);
  if (isUnfit(location, MAX_LOCATION)) return reject('LOCATION_INVALID', given);
  const lot = composed(given.lot) || undefined;
  if (lot !== undefined && (isUnfit(lot, MAX_LOT) || codeKey(lot) === ''))
    return reject('LOT_INVALID', given);
  const spoilt =
    spoiltReason(sku, 'SKU') ?? spoiltReason(location, 'location') ?? spoiltReason(lot ?? '', 'lot');
  if (spoilt !== null) return reject('VALUE_SPOILT', given, spoilt);
  const expiresOn = (lot !== undefined && given.expiresOn) || undefined;
  if (expiresOn !== undefined && !isDay(expiresOn)) return reject('EXPIRY_INVALID', given);
  const quantity = quantityOf(given, options);
  if (typeof quantity === 'object') return reject(quantity.code, given, quantity.reason);
  const reason = given.reason ? cleanText(given.reason) : null;
  const reference = given.reference ? cleanText(given.reference) : null;
  const row: FeedRow = { line, sku, location, quantity, reason, reference };
  if (lot !== undefined) row.lot = lot;
  if (expiresOn !== undefined) row.expiresOn = expiresOn;
  // Of a delta it says nothing: what is added moves now.
  if (!given.asOf || options.mode !== 'set') return row;
  if (!isTime(given.asOf)) return reject('ASOF_INVALID', given);
  row.asOf = given.asOf;
  return row;
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-](0\d|1[0-5]):\d{2})$/;

/** A time that PostgreSQL takes: one that it refuses would break the whole feed. */
function isTime(text: string): boolean {
  const [, year, month, day] = TIME.exec(text) ?? [];
  if (!exists(year, month, day)) return false;
  const inUtc = new Date(text).getUTCFullYear();
  return inUtc >= 1 && inUtc <= 9999;
}

/** A day that PostgreSQL takes. */
function isDay(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  return exists(year, month, day);
}

function exists(year = '', month = '', day = ''): boolean {
  const inMonth = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate();
  return Number(year) >= 1 && Number(month) >= 1 && Number(month) <= 12 && inMonth === Number(day);
}

function quantityOf(
  { quantity = '', isJsonNumber }: GivenRow,
  options: { mode: FeedMode; decimal?: DecimalMark | undefined },
): number | QuantityFault {
  return isJsonNumber ? parseJsonNumber(quantity, options.mode) : parseQuantity(quantity, options);
}
