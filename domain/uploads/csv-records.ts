import { CsvError, parse } from 'csv-parse/sync';
import { AppError } from '../../platform/errors';
import { createCsvFramer, type CsvFramer, type FaultyRecord, type Frame } from './csv-frames';
import { declaredDelimiter, delimiterOf, MAX_RECORD } from './rules';

/** A record of a CSV file. Its fields are without the blanks around them, but not those in quotes. A blank line has one empty field. */
export type CsvRecord = { line: number; fields: string[] } | FaultyRecord;

/**
 * The records of a CSV file (RFC 4180), header and blank lines among them, some at a time. Lines end with CR, LF or both, also
 * mixed. The delimiter is the one that a line `sep=` names, or that the header uses most.
 *
 * @param tellDelimiter is called once, before the first record
 * @throws AppError `FEED_HEADER_INVALID`
 */
export async function* readCsv(
  source: AsyncIterable<string>,
  tellDelimiter: (delimiter: string) => void = () => undefined,
): AsyncGenerator<CsvRecord[]> {
  let begin = '';
  let reader: CsvReader | undefined;
  for await (const text of withNewlines(source)) {
    if (reader) {
      yield reader.add(text);
      continue;
    }
    begin += text;
    reader = readerOf(begin, false, tellDelimiter);
    if (reader) yield reader.add('');
  }
  reader ??= readerOf(begin, true, tellDelimiter);
  if (reader) yield reader.end();
}

interface CsvReader {
  add(text: string): CsvRecord[];
  end(): CsvRecord[];
}

/** The reader of a file that begins so. Undefined: its header has not come yet, or there is none. */
function readerOf(
  begin: string,
  isEnd: boolean,
  tellDelimiter: (delimiter: string) => void,
): CsvReader | undefined {
  let declared: string | undefined;
  let from = 0;
  for (let line = 1; ; line++) {
    const header = headerAt(begin, from, line, isEnd);
    if (header === undefined) return undefined;
    const named = declaredDelimiter(header);
    if (header !== '' && (named === undefined || declared !== undefined)) {
      const delimiter = declared ?? delimiterOf(header);
      tellDelimiter(delimiter);
      return createReader(delimiter, createCsvFramer(delimiter, line), begin.slice(from));
    }
    declared ??= named;
    from = begin.indexOf('\n', from) + 1;
    if (from === 0) return undefined;
  }
}

/** What stands up to the first line end that is not in quotes. Undefined: that has not come yet. */
function headerAt(begin: string, from: number, line: number, isEnd: boolean): string | undefined {
  let isQuoted = false;
  for (let at = from; at < begin.length; at++) {
    if (at - from > MAX_RECORD)
      throw headerInvalid(
        `Line ${line}, where the header should be, is too long, or a quote in it is not closed.`,
      );
    const character = begin[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === '\n' && !isQuoted) return begin.slice(from, at).trim();
  }
  if (!isEnd) return undefined;
  if (isQuoted) throw headerInvalid('A quote in the header is not closed.');
  return begin.slice(from).trim();
}

function headerInvalid(message: string): AppError {
  return new AppError('FEED_HEADER_INVALID', message);
}

function createReader(delimiter: string, framer: CsvFramer, begin: string): CsvReader {
  const read = (found: (Frame | FaultyRecord)[]) =>
    found.flatMap((item) => ('fault' in item ? [item] : recordsOf(item, delimiter)));
  const first = framer.add(begin);
  return {
    add: (text) => read([...first.splice(0), ...framer.add(text)]),
    end: () => read([...first.splice(0), ...framer.end()]),
  };
}

/** The records of a frame, by csv-parse. The framer has found them whole; should csv-parse not agree, each is read alone. */
function recordsOf({ text, starts, lines, hasStrayQuotes }: Frame, delimiter: string): CsvRecord[] {
  const records = parsed(text, delimiter, hasStrayQuotes);
  // A last line of nothing but blanks is no record to csv-parse.
  if (records && (records.length === lines.length || records.length === lines.length - 1))
    return records.map((fields, index) => ({ line: lines[index] ?? 0, fields }));
  return lines.map((line, index) => {
    const [fields = [], ...others] = parsed(
      text.slice(starts[index], starts[index + 1]),
      delimiter,
      true,
    ) ?? [[], []];
    return others.length === 0 ? { line, fields } : { line, fault: 'QUOTE_BROKEN' };
  });
}

/** Null: csv-parse finds a fault. */
function parsed(text: string, delimiter: string, hasStrayQuotes: boolean): string[][] | null {
  try {
    return parse(text, {
      delimiter,
      record_delimiter: '\n',
      ltrim: true,
      rtrim: true,
      relax_column_count: true,
      relax_quotes: hasStrayQuotes,
    });
  } catch (error) {
    if (error instanceof CsvError) return null;
    throw error;
  }
}

/** CR, LF and both, each as one `\n`. */
async function* withNewlines(source: AsyncIterable<string>): AsyncGenerator<string> {
  let endsWithCr = false;
  for await (const piece of source) {
    const text = endsWithCr && piece.startsWith('\n') ? piece.slice(1) : piece;
    if (piece !== '') endsWithCr = piece.endsWith('\r');
    yield text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
  }
}
