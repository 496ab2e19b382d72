import { stringify } from 'csv-stringify/sync';

/** Null is an empty field. */
export type CsvValue = string | number | bigint | null;

/**
 * A formula begins with one of these, for some program also after blanks. Wide forms are read as the plain characters by
 * some of them. `csv-stringify` knows those at the very beginning only.
 */
const FORMULA_AFTER_BLANKS = /^[\p{Cc}\p{Z}\p{Cf}]+[=+\-@＝＋－＠]|^\n/u;

/**
 * Lines of a CSV file (RFC 4180), each with its end. Text that a spreadsheet would take for a formula (it begins with `=`, `+`,
 * `-`, `@`, a tab or a line break) gets an apostrophe before it, which spreadsheets read as "this is text". Numbers are
 * written as they are, also negative ones. Every CSV file of the product is written here.
 */
export function csvLines(rows: readonly (readonly CsvValue[])[]): string {
  return stringify(
    rows.map((row) => row.map(asCell)),
    { escape_formulas: true, quoted_match: /[;\t|\r\n]/ },
  );
}

/** One line of a CSV file, with its end: see `csvLines`. */
export function csvLine(fields: readonly CsvValue[]): string {
  return csvLines([fields]);
}

function asCell(value: CsvValue): CsvValue {
  return typeof value === 'string' && FORMULA_AFTER_BLANKS.test(value) ? `'${value}` : value;
}

const ESCAPED = /^'(?=[=+\-@＝＋－＠\t\r\n]|[\p{Cc}\p{Z}\p{Cf}]+[=+\-@＝＋－＠])/u;

/** Text without the apostrophe that `csvLines` puts before what would be a formula: what we write says the same when it is read. */
export function withoutEscape(text: string): string {
  return text.startsWith("'") ? text.replace(ESCAPED, '') : text;
}
