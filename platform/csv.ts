import { stringify } from 'csv-stringify/sync';

/** Null is an empty field. */
export type CsvValue = string | number | bigint | Numeral | null;

/** A number that is a text already, such as an amount in major units. */
export class Numeral {
  constructor(readonly text: string) {}
}

/**
 * Lines of a CSV file (RFC 4180), each with its end. Wherever text would begin a formula in a spreadsheet it gets an apostrophe, which
 * spreadsheets read as "this is text": at its begin, and after what separates fields in a spreadsheet that takes the file for one with
 * other delimiters, and so for one without quotes (https://owasp.org/www-community/attacks/CSV_Injection). Numbers are written as they are,
 * also negative ones. `withoutEscape` gives back the text. Every CSV file of the product is written here.
 */
export function csvLines(rows: readonly (readonly CsvValue[])[]): string {
  return stringify(
    rows.map((row) => row.map(fieldOf)),
    { quoted_match: /[;\t|\r\n]/ },
  );
}

/** One line of a CSV file, with its end: see `csvLines`. */
export function csvLine(fields: readonly CsvValue[]): string {
  return csvLines([fields]);
}

function fieldOf(value: CsvValue): string | number | bigint | null {
  if (value instanceof Numeral) return value.text;
  return typeof value === 'string' ? escaped(value) : value;
}

/** Text without the apostrophes that `csvLines` puts before what would be a formula: what we write says the same when it is read. */
export function withoutEscape(text: string): string {
  if (!text.includes("'")) return text;
  const begins = cellBegins(text).filter((at) => text[at] === "'");
  return [0, ...begins.map((at) => at + 1)].map((from, n) => text.slice(from, begins[n])).join('');
}

function escaped(text: string): string {
  const begins = cellBegins(text);
  return [0, ...begins].map((from, n) => text.slice(from, begins[n])).join("'");
}

/** Wide forms are read as the plain characters by some programs. */
const FORMULA = /[=+\-@＝＋－＠]/;
const SEPARATOR = /[;\t|\r\n]/;
/** A text that begins so is escaped, whatever follows. */
const BREAK_FIRST = /^'*[\t\r\n]/;
/** What some program skips before a formula. Apostrophes are among it, so that escaped text has its cells where the text had them. */
const SKIPPED = /['\p{Cc}\p{Z}\p{Cf}]/u;

/** Where in a text a cell may begin that is a formula. */
function cellBegins(text: string): number[] {
  if (!FORMULA.test(text) && !BREAK_FIRST.test(text)) return [];
  const begins: number[] = [];
  let isFormula = false;
  /** The same where a quote is skipped as well: it opens nothing inside of a field. */
  let isFormulaInside = false;
  for (let at = text.length - 1; at >= 0; at--) {
    const character = text[at] ?? '';
    if (FORMULA.test(character)) {
      isFormula = isFormulaInside = true;
    } else if (!SKIPPED.test(character)) {
      isFormula = false;
      isFormulaInside &&= character === '"';
    }
    const before = text[at - 1];
    if (
      before === undefined ? isFormula || BREAK_FIRST.test(text) : isFormulaInside && SEPARATOR.test(before)
    )
      begins.push(at);
  }
  return begins.reverse();
}
