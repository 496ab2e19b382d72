import { AppError } from '../../../platform/errors';
import { readLines } from './lines';
import {
  checkRow,
  delimiterOf,
  fieldOf,
  readHeader,
  reject,
  splitLine,
  type Columns,
  type GivenRow,
} from './rules';
import type { FeedField, FeedOptions, FeedReject, FeedRow } from './types';

type Read = FeedRow | FeedReject;
/** One line as a row; null where it is blank. */
type LineReader = (text: string, line: number) => Read | null;

/**
 * The rows of a feed, some at a time, as fast as they are taken. A row that cannot be understood is a reject; what makes
 * the whole feed useless is an error.
 *
 * @throws AppError `FEED_EMPTY`, `FEED_HEADER_INVALID`, `FEED_COLUMN_MISSING`, `FEED_COLUMN_AMBIGUOUS`, `FEED_ENCODING_INVALID`
 */
export async function* readFeed(source: AsyncIterable<Buffer>, options: FeedOptions): AsyncGenerator<Read[]> {
  let reader: LineReader | undefined;
  for await (const { first, texts } of readLines(source)) {
    const rows: Read[] = [];
    texts.forEach((text, index) => {
      const line = first + index;
      if (text === null) {
        if (!reader) throw tooLongAtFirst(line);
        rows.push(reject('LINE_TOO_LONG', { line }));
      } else if (!reader && options.format === 'csv') {
        if (text.trim() !== '') reader = csvReader(text, options);
      } else {
        reader ??= firstObject(text, options);
        const row = reader?.(text, line);
        if (row) rows.push(row);
      }
    });
    if (rows.length > 0) yield rows;
  }
  if (!reader) throw new AppError('FEED_EMPTY', 'The feed has no rows.');
}

function csvReader(header: string, options: FeedOptions): LineReader {
  const delimiter = delimiterOf(header);
  const names = splitLine(header, delimiter);
  if (!names) throw new AppError('FEED_HEADER_INVALID', 'A quote in the header is not closed.');
  const { columns, ambiguous } = readHeader(names);
  if (ambiguous) {
    throw new AppError(
      'FEED_COLUMN_AMBIGUOUS',
      `More than one column can be the ${ambiguous}; name one of them "${ambiguous}".`,
      { column: ambiguous },
    );
  }
  demand(Object.keys(columns), names, options);
  return (text, line) => {
    if (text === '' || text.trim() === '') return null;
    const fields = splitLine(text, delimiter);
    if (!fields) return reject('QUOTE_BROKEN', { line });
    const given = pick(columns, fields, line);
    if (fields.length > names.length && fields.slice(names.length).some((field) => field !== '')) {
      return reject('COLUMN_COUNT', given);
    }
    return checkRow(given, options);
  };
}

function pick(columns: Columns, fields: readonly string[], line: number): GivenRow {
  const at = (index: number | undefined) => (index === undefined ? undefined : fields[index]);
  return {
    line,
    sku: at(columns.sku),
    location: at(columns.location),
    quantity: at(columns.quantity),
    reason: at(columns.reason),
    reference: at(columns.reference),
    asOf: at(columns.asOf),
  };
}

/** JSON lines have no header: the members of the first object stand for it. Undefined: the line is blank. */
function firstObject(text: string, options: FeedOptions): LineReader | undefined {
  if (text.trim() === '') return undefined;
  const object = asObject(text);
  if (object) demand(Object.keys(object).map(fieldOf), Object.keys(object), options);
  return ndjsonReader(options);
}

function ndjsonReader(options: FeedOptions): LineReader {
  const fields = new Map<string, FeedField | undefined>();
  const named = (name: string): FeedField | undefined => {
    // Members repeat from line to line; a feed with ever new ones must not grow this for ever.
    if (!fields.has(name) && fields.size < 1_000) fields.set(name, fieldOf(name));
    return fields.get(name);
  };
  return (text, line) => {
    if (text === '' || text.trim() === '') return null;
    const object = asObject(text);
    if (!object) return reject('JSON_INVALID', { line });
    const given: Record<FeedField, string | undefined> = {
      sku: undefined,
      location: undefined,
      quantity: undefined,
      reason: undefined,
      reference: undefined,
      asOf: undefined,
    };
    for (const [name, value] of Object.entries(object)) {
      const field = named(name);
      if (field && (given[field] === undefined || name === field)) given[field] = asText(value);
    }
    return checkRow({ line, ...given }, options);
  };
}

function asObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Numbers as they would stand in a CSV; what is neither number nor text is as good as its JSON. */
function asText(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string') return value.trim();
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

function demand(
  has: readonly (string | undefined)[],
  given: readonly string[],
  { location }: FeedOptions,
): void {
  const wanted: FeedField[] = location === null ? ['sku', 'location', 'quantity'] : ['sku', 'quantity'];
  const missing = wanted.filter((field) => !has.includes(field));
  if (missing.length === 0) return;
  const found = given.slice(0, 20).map((name) => name.slice(0, 50));
  throw new AppError(
    'FEED_COLUMN_MISSING',
    `There is no column for ${missing.join(' and ')}; there are: ${found.join(', ')}.`,
    { missing, found },
  );
}

function tooLongAtFirst(line: number): AppError {
  return new AppError('FEED_HEADER_INVALID', `Line ${line}, where the header should be, is too long.`);
}
