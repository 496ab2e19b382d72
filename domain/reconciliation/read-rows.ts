import { withoutEscape } from '../../platform/csv';
import { AppError } from '../../platform/errors';
import { excessOf, readCsvRows, type RecordReader } from '../uploads/csv-rows';
import { jsonMembers } from '../uploads/json-members';
import { readLines } from '../uploads/lines';
import { readHeader } from '../uploads/rules';
import { readText } from '../uploads/text';
import { isSummed } from './bank-rows';
import { fieldOf, STATEMENT_FIELDS, type StatementField } from './fields';
import { checkRow, reject, type Cell, type CellOptions } from './rules';
import type { StatementFormat, StatementMode, StatementReject, StatementRow } from './types';

type Read = StatementRow | StatementReject;

/** So many columns of a file are named where one is missing. */
const MAX_NAMED = 20;

/**
 * The rows of a file, some at a time, as fast as they are taken. A row that cannot be understood is a reject; what makes the whole file
 * useless is an error. A reject `QUOTE_UNCLOSED` is the last.
 *
 * @throws AppError `FEED_EMPTY`, `FEED_HEADER_INVALID`, `FEED_COLUMN_MISSING`, `FEED_COLUMN_AMBIGUOUS`, `FEED_ENCODING_INVALID`
 */
export function readStatement(
  source: AsyncIterable<Buffer>,
  { mode, format, charset, decimal, currency, dateOrder }: StatementFormat & { mode: StatementMode },
): AsyncGenerator<Read[]> {
  const text = readText(source, charset);
  const options: CellOptions = { mode, isMinor: format === 'ndjson', decimal, currency, dateOrder };
  return format === 'csv'
    ? readCsvRows(text, { empty, readerOf: (names, delimiter) => csvReader(names, delimiter, options) })
    : readJsonRows(text, options);
}

function csvReader(names: readonly string[], delimiter: string, options: CellOptions): RecordReader<Read> {
  const { columns, ambiguous } = readHeader(names, fieldOf);
  if (ambiguous)
    throw new AppError(
      'FEED_COLUMN_AMBIGUOUS',
      `More than one column can be the ${ambiguous}; name one of them "${ambiguous}".`,
    );
  demandColumns((field) => columns[field] !== undefined, names, options);
  const at = STATEMENT_FIELDS.flatMap((field) => {
    const index = columns[field];
    return index === undefined ? [] : [[field, index] as const];
  });
  const excess = excessOf(names, delimiter, [
    columns.amount,
    columns.fee,
    columns.net,
    columns.debit,
    columns.credit,
  ]);
  return (record) => {
    const { line } = record;
    if ('fault' in record) return reject(record.fault, { line, cells: new Map() });
    const { fields } = record;
    const cells = new Map<StatementField, Cell>(
      at.map(([field, index]) => [
        field,
        { kind: 'text', text: withoutEscape((fields[index] ?? '').trim()) },
      ]),
    );
    const why = excess(fields);
    if (why !== null) return reject('COLUMN_COUNT', { line, cells }, why);
    if (options.mode === 'bank' && fields.some(isSummed)) return reject('SUMMED', { line, cells });
    return checkRow({ line, cells }, options);
  };
}

async function* readJsonRows(text: AsyncIterable<string>, options: CellOptions): AsyncGenerator<Read[]> {
  let isFirst = true;
  for await (const { first, texts } of readLines(text)) {
    const rows: Read[] = [];
    for (const [index, given] of texts.entries()) {
      if (given?.trim() === '') continue;
      isFirst = false;
      rows.push(jsonRow(given, first + index, options));
    }
    if (rows.length > 0) yield rows;
  }
  if (isFirst) throw empty();
}

function jsonRow(given: string | null, line: number, options: CellOptions): Read {
  if (given === null) return reject('LINE_TOO_LONG', { line, cells: new Map() });
  const members = jsonMembers(given);
  if (!members) return reject('JSON_INVALID', { line, cells: new Map() });
  const { columns, ambiguous } = readHeader(
    members.map(({ name }) => name),
    fieldOf,
  );
  const cells = new Map<StatementField, Cell>();
  for (const field of STATEMENT_FIELDS) {
    const member = members[columns[field] ?? -1];
    if (member?.kind === 'text' || member?.kind === 'number')
      cells.set(field, { kind: member.kind, text: member.text.trim() });
  }
  if (ambiguous) return reject('MEMBER_DUPLICATE', { line, cells });
  return checkRow({ line, cells }, options);
}

function demandColumns(
  has: (field: StatementField) => boolean,
  names: readonly string[],
  { mode, currency }: CellOptions,
): void {
  const missing = [
    ...(has('amount') || has('amountMinor') || (mode === 'bank' && (has('debit') || has('credit')))
      ? []
      : ['amount']),
    ...(has('date') || has('dateUtc') ? [] : ['date']),
    ...(has('currency') || currency !== undefined ? [] : ['currency']),
    ...(mode === 'bank' || has('kind') || has('category') ? [] : ['kind']),
    ...(mode === 'bank' || has('source') || has('intent') || has('payout') ? [] : ['source']),
  ];
  if (missing.length === 0) return;
  const found = names.slice(0, MAX_NAMED).map((name) => name.slice(0, 50));
  throw new AppError(
    'FEED_COLUMN_MISSING',
    `There is no column for ${missing.join(', ')}; there are: ${found.join(', ')}.`,
    { missing, found },
  );
}

function empty(): AppError {
  return new AppError('FEED_EMPTY', 'The upload has no rows.');
}
