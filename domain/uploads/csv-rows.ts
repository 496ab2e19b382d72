import { AppError } from '../../platform/errors';
import { readCsv, type CsvRecord } from './csv-records';

/** What a record after the header is as a row; null: the record is blank. */
export type RecordReader<Row> = (record: CsvRecord) => Row | null;

/** How the records of one kind of upload become rows. */
export interface RecordKind<Row> {
  isBlank(fields: readonly string[]): boolean;
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
  { isBlank, readerOf, empty }: RecordKind<Row>,
): AsyncGenerator<Row[]> {
  let reader: RecordReader<Row> | undefined;
  let delimiter = ',';
  for await (const records of readCsv(text, (told) => (delimiter = told))) {
    const rows: Row[] = [];
    for (const record of records) {
      if (reader) {
        const row = reader(record);
        if (row !== null) rows.push(row);
      } else if ('fault' in record) {
        throw new AppError('FEED_HEADER_INVALID', 'A quote in the header is not closed, or text follows it.');
      } else if (!isBlank(record.fields)) {
        reader = readerOf(record.fields, delimiter);
      }
    }
    if (rows.length > 0) yield rows;
  }
  if (!reader) throw empty();
}
