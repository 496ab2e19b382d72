import { withoutEscape } from '../../platform/csv';
import { AppError } from '../../platform/errors';
import { excessOf, readCsvRows, type RecordKind, type RecordReader } from '../uploads/csv-rows';
import { jsonMembers, type JsonMember } from '../uploads/json-members';
import { readLines } from '../uploads/lines';
import { noteIgnored, readHeader } from '../uploads/rules';
import { readText } from '../uploads/text';
import { checkRow, fieldOf, reject, saidTwice, type Cell, type CellOptions } from './rules';
import {
  IMPORT_FIELDS,
  type ImportField,
  type ImportOptions,
  type ImportReject,
  type ImportRow,
} from './types';

type Read = ImportRow | ImportReject;

/** Of the columns of an upload without a SKU, so many are named. */
const MAX_NAMED = 20;

/** What an upload has, as far as it was read. */
export interface SeenColumns {
  known: ReadonlySet<ImportField>;
  /** Names of columns that mean nothing here: the first of them. */
  ignored: ReadonlySet<string>;
}

export interface RowReader {
  /**
   * The rows of an upload, some at a time, as fast as they are taken. A row that cannot be understood is a reject; what makes the
   * whole upload useless is an error. A reject `QUOTE_UNCLOSED` is the last.
   *
   * @throws AppError `FEED_EMPTY`, `FEED_HEADER_INVALID`, `FEED_COLUMN_MISSING`, `FEED_COLUMN_AMBIGUOUS`, `FEED_ENCODING_INVALID`
   */
  read(source: AsyncIterable<Buffer>): AsyncGenerator<Read[]>;
  readonly seen: SeenColumns;
}

/** Reads one upload. */
export function createRowReader(options: ImportOptions): RowReader {
  const known = new Set<ImportField>();
  const ignored = new Set<string>();
  const clears = options.format === 'ndjson' || options.empty === 'clear';
  const cellOptions: CellOptions = { decimal: options.decimal, currency: options.currency, clears };
  const see = (name: string): ImportField | undefined => {
    const field = fieldOf(name);
    if (field) known.add(field);
    else noteIgnored(ignored, name);
    return field;
  };
  return {
    seen: { known, ignored },
    read(source) {
      const text = readText(source, options.charset);
      return options.format === 'csv'
        ? readCsvRows(text, recordsOf(see, cellOptions))
        : readJsonRows(text, see, cellOptions);
    },
  };
}

type See = (name: string) => ImportField | undefined;
function recordsOf(see: See, options: CellOptions): RecordKind<Read> {
  return { empty, readerOf: (names, delimiter) => csvReader({ names, delimiter, see }, options) };
}

function csvReader(
  { names, delimiter, see }: { names: readonly string[]; delimiter: string; see: See },
  options: CellOptions,
): RecordReader<Read> {
  const { columns, ambiguous } = readHeader(names, see);
  const twice = saidTwice((field) => columns[field] !== undefined);
  if (ambiguous)
    throw columnAmbiguous(`More than one column can be the ${ambiguous}; name one of them "${ambiguous}".`);
  if (twice)
    throw columnAmbiguous(`The columns "${twice[0]}" and "${twice[1]}" say the same: send one of them.`);
  demandSku(columns.sku !== undefined, names);
  const at = IMPORT_FIELDS.flatMap((field) => {
    const index = columns[field];
    return index === undefined ? [] : [[field, index] as const];
  });
  const excess = excessOf(names, delimiter, [columns.price, columns.priceMinor]);
  return (record) => {
    const { line } = record;
    if ('fault' in record) return reject(record.fault, { line, cells: new Map() });
    const { fields } = record;
    const cells = new Map(at.map(([field, index]) => [field, cellOf(fields[index])]));
    const why = excess(fields);
    if (why !== null) return reject('COLUMN_COUNT', { line, cells }, why);
    return checkRow({ line, cells }, options);
  };
}

/** What stands in the rejects of an earlier import says the same when it is sent again. */
function cellOf(field = ''): Cell {
  return { kind: 'text', text: withoutEscape(field.trim()).trim() };
}

async function* readJsonRows(
  text: AsyncIterable<string>,
  see: See,
  options: CellOptions,
): AsyncGenerator<Read[]> {
  let isFirst = true;
  for await (const { first, texts } of readLines(text)) {
    const rows: Read[] = [];
    for (const [index, given] of texts.entries()) {
      if (given?.trim() === '') continue;
      const line = first + index;
      const members = given === null ? null : jsonMembers(given);
      // JSON lines have no header: the members of the first object stand for it.
      if (isFirst && given === null)
        throw new AppError('FEED_HEADER_INVALID', `Line ${line}, the first of the upload, is too long.`);
      if (isFirst && members) {
        const names = members.map(({ name }) => name);
        demandSku(
          names.some((name) => fieldOf(name) === 'sku'),
          names,
        );
      }
      isFirst = false;
      if (members) rows.push(jsonRow(members, line, see, options));
      else rows.push(reject(given === null ? 'LINE_TOO_LONG' : 'JSON_INVALID', { line, cells: new Map() }));
    }
    if (rows.length > 0) yield rows;
  }
  if (isFirst) throw empty();
}

function jsonRow(members: readonly JsonMember[], line: number, see: See, options: CellOptions): Read {
  const { columns, ambiguous } = readHeader(
    members.map(({ name }) => name),
    see,
  );
  const cells = new Map<ImportField, Cell>();
  for (const field of IMPORT_FIELDS) {
    const member = members[columns[field] ?? -1];
    if (member) cells.set(field, { kind: member.kind, text: member.text.trim() });
  }
  if (ambiguous || saidTwice((field) => cells.has(field))) return reject('MEMBER_DUPLICATE', { line, cells });
  return checkRow({ line, cells }, options);
}

function demandSku(isThere: boolean, given: readonly string[]): void {
  if (isThere) return;
  const found = given.slice(0, MAX_NAMED).map((name) => name.slice(0, 50));
  throw new AppError('FEED_COLUMN_MISSING', `There is no column for sku; there are: ${found.join(', ')}.`, {
    missing: ['sku'],
    found,
  });
}

function columnAmbiguous(message: string): AppError {
  return new AppError('FEED_COLUMN_AMBIGUOUS', message);
}

function empty(): AppError {
  return new AppError('FEED_EMPTY', 'The upload has no rows.');
}
