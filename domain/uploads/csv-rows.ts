import { AppError } from '../../platform/errors';
import { readCsv, type CsvRecord } from './csv-records';
import { isBlank, UNREADABLE_REASONS } from './rules';

/** What a record after the header is as a row. Blank ones are not asked for. */
export type RecordReader<Row> = (record: CsvRecord) => Row;

/**
 * Tells why a record has more fields than its header has names, or null. Blank fields at the end are padding, but where a number may have
 * been cut at its comma: `5,000` without quotes is two fields.
 *
 * @param numbers where numbers stand
 */
export function excessOf(
  header: readonly string[],
  delimiter: string,
  numbers: readonly (number | undefined)[],
): (fields: readonly string[]) => string | null {
  const width = header.findLastIndex((name) => name.trim() !== '') + 1;
  const cuttable = delimiter === ',' ? numbers.filter((at) => at !== undefined) : [];
  return (fields) => {
    if (fields.length > width && fields.slice(width).some((field) => field.trim() !== ''))
      return UNREADABLE_REASONS.COLUMN_COUNT;
    if (fields.length > header.length && cuttable.some((at) => isCutNumber(fields, at))) return CUT_NUMBER;
    return null;
  };
}

const CUT_NUMBER =
  'The row has more fields than the header, and two that may be one number: put a number with a comma between quotes.';

function isCutNumber(fields: readonly string[], at: number): boolean {
  return /^[+-]?\d+$/.test(fields[at] ?? '') && /^\d+([.].*)?$/.test(fields[at + 1] ?? '');
}

/** How the records of one kind of upload become rows. */
export interface RecordKind<Row> {
  /** The reader of the records that follow the header. */
  readerOf(header: readonly string[], delimiter: string): RecordReader<Row>;
  /** There is no header. */
  empty(): AppError;
}

/**
 * The rows of a CSV file, some at a time. Its header is the first record that is not blank.
 *
 * @throws AppError `FEED_HEADER_INVALID`; what `readerOf` throws; `empty`
 */
export async function* readCsvRows<Row>(
  text: AsyncIterable<string>,
  { readerOf, empty }: RecordKind<Row>,
): AsyncGenerator<Row[]> {
  let reader: RecordReader<Row> | undefined;
  let delimiter = ',';
  for await (const records of readCsv(text, (told) => (delimiter = told))) {
    const rows: Row[] = [];
    for (const record of records) {
      if (!('fault' in record) && isBlank(record.fields)) continue;
      if (reader) {
        rows.push(reader(record));
      } else if ('fault' in record) {
        throw new AppError('FEED_HEADER_INVALID', 'A quote in the header is not closed, or text follows it.');
      } else {
        reader = readerOf(record.fields, delimiter);
      }
    }
    if (rows.length > 0) yield rows;
  }
  if (!reader) throw empty();
}
