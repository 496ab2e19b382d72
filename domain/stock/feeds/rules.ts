import type { FeedField, FeedMode, FeedReject, FeedRow, RejectCode } from './types';

/** A line is truncated here: no product, location and quantity need more. Characters. */
export const MAX_LINE = 65_536;
export const MAX_QUANTITY = 2_147_483_647;
const MAX_SKU = 100;
const MAX_LOCATION = 50;
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
  return FIELD_OF.get(name.toLowerCase().replace(/[\s_.\-]+/g, ''));
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
  return { columns, ambiguous };
}

const DELIMITERS = [',', ';', '\t', '|'] as const;

/** The delimiter that a header uses most outside of quotes; a comma where there is none. */
export function delimiterOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '');
  const counted = DELIMITERS.map((delimiter) => ({ delimiter, count: bare.split(delimiter).length - 1 }));
  return counted.reduce((most, next) => (next.count > most.count ? next : most)).delimiter;
}

/**
 * The fields of one line of CSV (RFC 4180 within a line), without the blanks around them. Null: a quote is not closed, or
 * text follows it. A quoted field ends with its line, so that a broken quote costs one row and not the rest of the feed.
 */
export function splitLine(line: string, delimiter: string): string[] | null {
  if (!line.includes('"')) return line.split(delimiter).map((field) => field.trim());
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    while (line[at] === ' ') at += 1;
    let field: string;
    if (line[at] === '"') {
      field = '';
      for (;;) {
        const close = line.indexOf('"', at + 1);
        if (close === -1) return null;
        field += line.slice(at + 1, close);
        at = close + 1;
        if (line[at] !== '"') break;
        field += '"';
      }
      while (line[at] === ' ') at += 1;
      if (at < line.length && !line.startsWith(delimiter, at)) return null;
    } else {
      const end = line.indexOf(delimiter, at);
      field = line.slice(at, end === -1 ? line.length : end);
      at = end === -1 ? line.length : end;
    }
    fields.push(field.trim());
    if (at >= line.length) return fields;
    at += delimiter.length;
  }
}

const DIGITS = /^\d{1,9}$/;
/** Digits in one go or in groups of three, and decimals only when they are zeros. */
const WHOLE = /^([+-]?)(\d+|\d{1,3}(?:[,'’ \u00a0\u202f]\d{3})+)(?:\.0*)?$/;

/** A quantity as people and programs write it, or the code of what is wrong with it. */
export function parseQuantity(text: string, mode: FeedMode): number | RejectCode {
  if (DIGITS.test(text)) return Number(text);
  if (text === '') return 'QUANTITY_MISSING';
  const [, sign, digits] = WHOLE.exec(text.replace('−', '-')) ?? [];
  if (digits === undefined) return 'QUANTITY_INVALID';
  const amount = Number(digits.replace(/\D/g, ''));
  if (amount > MAX_QUANTITY) return 'QUANTITY_OVERFLOW';
  if (sign !== '-' || amount === 0) return amount;
  return mode === 'set' ? 'QUANTITY_NEGATIVE' : -amount;
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
  quantity: string | undefined;
  reason: string | undefined;
  reference: string | undefined;
  asOf?: string | undefined;
}

const REASONS: Readonly<Record<RejectCode, string>> = {
  LINE_TOO_LONG: `The line has more than ${MAX_LINE} characters.`,
  QUOTE_BROKEN: 'A quote is not closed on its line, or text follows it.',
  COLUMN_COUNT: 'The line has more fields than the header.',
  JSON_INVALID: 'The line is not a JSON object.',
  SKU_MISSING: 'There is no SKU.',
  SKU_INVALID: `A SKU has at most ${MAX_SKU} characters and no control characters.`,
  LOCATION_MISSING: 'There is no location, and no default location was given.',
  LOCATION_INVALID: `A location has at most ${MAX_LOCATION} characters and no control characters.`,
  QUANTITY_MISSING: 'There is no quantity.',
  QUANTITY_INVALID: 'The quantity is not a whole number.',
  QUANTITY_NEGATIVE: 'What is on hand cannot be negative.',
  QUANTITY_OVERFLOW: `A quantity is at most ${MAX_QUANTITY}.`,
  ASOF_INVALID: 'The time is not one of RFC 3339 with its offset, as 2026-11-27T18:00:00Z.',
  ASOF_IN_FUTURE: 'The time has not come yet.',
  ASOF_BEFORE_RETENTION: 'The ledger does not go back to this time.',
  UNKNOWN_SKU: 'There is no such product, or several that differ in capitals only and none exactly so.',
  UNKNOWN_LOCATION: 'There is no such location, or several that differ in capitals only and none exactly so.',
  SUPERSEDED: 'A later line of the feed is about the same product and location.',
  OVERTAKEN: 'A newer absolute number of this product and location is known: a count, or a later feed.',
  WOULD_GO_NEGATIVE: 'Less would be on hand than nothing.',
  BELOW_RESERVED: 'Less would be on hand than is reserved.',
  ROW_FAILED: 'The row failed by an error on our side. The stock of this product needs a consistency check.',
};

export function reasonOf(code: RejectCode): string {
  return REASONS[code];
}

/** A reject with what could be read of its row. */
export function reject(code: RejectCode, given: Pick<GivenRow, 'line'> & Partial<GivenRow>): FeedReject {
  return {
    line: given.line,
    sku: cleanText(given.sku, MAX_SKU),
    location: cleanText(given.location, MAX_LOCATION),
    quantity: cleanText(given.quantity, MAX_SKU),
    code,
    reason: REASONS[code],
  };
}

/** Checks a row field by field; the first thing that is wrong is what it is rejected for. */
export function checkRow(
  given: GivenRow,
  options: { mode: FeedMode; location: string | null },
): FeedRow | FeedReject {
  const { line, sku } = given;
  const location = given.location || options.location;
  if (!sku) return reject('SKU_MISSING', given);
  if (unfit(sku, MAX_SKU)) return reject('SKU_INVALID', given);
  if (!location) return reject('LOCATION_MISSING', given);
  if (unfit(location, MAX_LOCATION)) return reject('LOCATION_INVALID', given);
  const quantity = parseQuantity(given.quantity ?? '', options.mode);
  if (typeof quantity === 'string') return reject(quantity, given);
  const reason = given.reason ? cleanText(given.reason) : null;
  const reference = given.reference ? cleanText(given.reference) : null;
  // Of a delta it says nothing: what is added moves now.
  if (!given.asOf || options.mode !== 'set') return { line, sku, location, quantity, reason, reference };
  if (!isTime(given.asOf)) return reject('ASOF_INVALID', given);
  return { line, sku, location, quantity, reason, reference, asOf: given.asOf };
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

function unfit(text: string, max: number): boolean {
  return text.length > max || UNFIT.test(text);
}
