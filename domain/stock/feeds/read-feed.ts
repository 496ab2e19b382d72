import { withoutEscape } from '../../../platform/csv';
import { AppError } from '../../../platform/errors';
import { excessOf, readCsvRows, type RecordKind, type RecordReader } from '../../uploads/csv-rows';
import { jsonMembers } from '../../uploads/json-members';
import { readLines } from '../../uploads/lines';
import { noteIgnored, readHeader, type Columns } from '../../uploads/rules';
import { readText } from '../../uploads/text';
import {
  checkRow,
  fieldOf,
  quantityOfOtherMode,
  readFeedHeader,
  reject,
  stillOld,
  type GivenRow,
} from './rules';
import type { FeedField, FeedOptions, FeedReject, FeedRow } from './types';

type Read = FeedRow | FeedReject;

/**
 * The rows of a feed, some at a time, as fast as they are taken. A row that cannot be understood is a reject; what makes
 * the whole feed useless is an error. A reject `QUOTE_UNCLOSED` is the last: what comes after it is not read.
 *
 * @param ignored gets the names of columns and members that mean nothing, some of them
 * @throws AppError `FEED_EMPTY`, `FEED_HEADER_INVALID`, `FEED_COLUMN_MISSING`, `FEED_COLUMN_AMBIGUOUS`, `FEED_MODE_MISMATCH`, `FEED_ENCODING_INVALID`
 */
export function readFeed(
  source: AsyncIterable<Buffer>,
  options: FeedOptions,
  ignored = new Set<string>(),
): AsyncGenerator<Read[]> {
  const text = readText(source, options.charset);
  const see = (name: string): FeedField | undefined => {
    const field = fieldOf(name);
    if (field === undefined) noteIgnored(ignored, name);
    return field;
  };
  return options.format === 'csv'
    ? readCsvRows(text, recordsOf(see, options))
    : readJsonFeed(text, see, options);
}

type See = (name: string) => FeedField | undefined;

function recordsOf(see: See, options: FeedOptions): RecordKind<Read> {
  return {
    empty,
    readerOf: (names, delimiter) => csvReader({ names, delimiter, see }, options),
  };
}

function csvReader(
  { names, delimiter, see }: { names: readonly string[]; delimiter: string; see: See },
  options: FeedOptions,
): RecordReader<Read> {
  const { columns, ambiguous, code } = readFeedHeader(names, see);
  if (ambiguous) {
    throw new AppError(
      'FEED_COLUMN_AMBIGUOUS',
      `More than one column can be the ${ambiguous}; name one of them "${ambiguous}".`,
      { column: ambiguous },
    );
  }
  if (code !== null && columns.asOf !== undefined && options.mode === 'delta')
    throw ofOtherMode('asOf', 'delta');
  demand(Object.keys(columns), names, options);
  const excess = excessOf(names, delimiter, [columns.quantity]);
  return (record) => {
    const { line } = record;
    if ('fault' in record) return reject(record.fault, { line });
    // What stands in rejects of ours says the same when it is sent again.
    const fields = code === null ? record.fields : record.fields.map((field) => withoutEscape(field.trim()));
    const given = pick(columns, fields, line);
    const why = excess(fields);
    if (why !== null) return reject('COLUMN_COUNT', given, why);
    const old = code === null ? null : stillOld(fields[code]?.trim(), given, options.mode);
    return old ?? checkRow(given, options);
  };
}

function pick(columns: Columns<FeedField>, fields: readonly string[], line: number): GivenRow {
  const at = (index: number | undefined) => (index === undefined ? undefined : fields[index]?.trim());
  return {
    line,
    sku: at(columns.sku),
    location: at(columns.location),
    lot: at(columns.lot),
    expiresOn: at(columns.expiresOn),
    quantity: at(columns.quantity),
    reason: at(columns.reason),
    reference: at(columns.reference),
    asOf: at(columns.asOf),
  };
}

async function* readJsonFeed(
  text: AsyncIterable<string>,
  see: See,
  options: FeedOptions,
): AsyncGenerator<Read[]> {
  let reader: JsonReader | undefined;
  for await (const { first, texts } of readLines(text)) {
    const rows: Read[] = [];
    texts.forEach((line, index) => {
      if (line?.trim() === '') return;
      reader ??= firstJsonReader(line, first + index, { see, options });
      rows.push(reader(line, first + index));
    });
    if (rows.length > 0) yield rows;
  }
  if (!reader) throw empty();
}

type JsonReader = (text: string | null, line: number) => Read;

/** JSON lines have no header: the members of the first object stand for it. */
function firstJsonReader(
  text: string | null,
  line: number,
  { see, options }: { see: See; options: FeedOptions },
): JsonReader {
  if (text === null)
    throw new AppError('FEED_HEADER_INVALID', `Line ${line}, the first of the feed, is too long.`);
  const names = jsonMembers(text)?.map(({ name }) => name);
  if (names) demand(names.map(fieldOf), names, options);
  return jsonReader(see, options);
}

function jsonReader(see: See, options: FeedOptions): JsonReader {
  const fields = new Map<string, FeedField | undefined>();
  const named = (name: string): FeedField | undefined => {
    // Members repeat from line to line; a feed with ever new ones must not grow this for ever.
    if (!fields.has(name) && fields.size < 1_000) fields.set(name, see(name));
    return fields.get(name);
  };
  return (text, line) => {
    if (text === null) return reject('LINE_TOO_LONG', { line });
    const members = jsonMembers(text);
    if (!members) return reject('JSON_INVALID', { line });
    const said = members.filter(({ kind }) => kind !== 'null');
    const { columns, ambiguous } = readHeader(
      said.map(({ name }) => name),
      named,
    );
    const given = noFields(line);
    const notText = new Set<FeedField>();
    for (const [field, index] of Object.entries(columns) as [FeedField, number][]) {
      const member = said[index];
      if (!member) continue;
      given[field] = member.text.trim();
      if (field === 'quantity') given.isJsonNumber = member.kind === 'number';
      if (member.kind !== 'text') notText.add(field);
    }
    if (ambiguous) return reject('MEMBER_DUPLICATE', given);
    if (notText.has('sku')) return reject('SKU_NOT_TEXT', given);
    if (notText.has('location')) return reject('LOCATION_NOT_TEXT', given);
    if (notText.has('lot')) return reject('LOT_NOT_TEXT', given);
    return checkRow(given, options);
  };
}

function noFields(line: number): GivenRow {
  return {
    line,
    sku: undefined,
    location: undefined,
    lot: undefined,
    expiresOn: undefined,
    quantity: undefined,
    reason: undefined,
    reference: undefined,
    asOf: undefined,
  };
}

function empty(): AppError {
  return new AppError('FEED_EMPTY', 'The feed has no rows.');
}

function demand(
  has: readonly (string | undefined)[],
  given: readonly string[],
  { location, mode }: FeedOptions,
): void {
  const contradicting = quantityOfOtherMode(given, mode);
  if (contradicting !== null) throw ofOtherMode(contradicting, mode, ', or name the column "quantity"');
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

function ofOtherMode(column: string, mode: FeedOptions['mode'], otherwise = ''): AppError {
  return new AppError(
    'FEED_MODE_MISMATCH',
    `The column "${column.slice(0, 50)}" says that the feed is not of mode ${mode}. Send it with the other mode${otherwise}.`,
    { column },
  );
}
