import { PRODUCT_MODES, STATEMENT_MODES, type UploadCounts, type UploadMode } from './types';

/** Characters of a record at most, and of what stands between two quotes: no row needs more. */
export const MAX_RECORD = 65_536;
const MAX_TEXT = 500;

/** A name of a column without its case, spaces, dots, hyphens and underscores, which do not matter. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[\s_.\-]+/g, '');
}

/** The field that a column's name means, whatever its case, spaces, dots, hyphens and underscores. */
export function fieldsOf<Field extends string>(
  aliases: Readonly<Record<Field, readonly string[]>>,
): (name: string) => Field | undefined {
  const fields = new Map(
    (Object.entries(aliases) as [Field, readonly string[]][]).flatMap(([field, names]) =>
      [plainName(field), ...names].map((name) => [name, field] as const),
    ),
  );
  return (name) => fields.get(plainName(name));
}

/** Why a row of any upload cannot be read, whatever it is about. */
export const UNREADABLE_REASONS = {
  LINE_TOO_LONG: `The row has more than ${MAX_RECORD} characters.`,
  QUOTE_BROKEN: 'Text follows the quote that closes a field. Quotes inside of a quoted field are doubled.',
  QUOTE_UNCLOSED: `A quote of the row that begins here is not closed within ${MAX_RECORD} characters. Nothing was read from this line on.`,
  COLUMN_COUNT: 'The row has more fields than the header.',
  JSON_INVALID: 'The line is not a JSON object.',
  VALUE_SPOILT: 'A value is not what was meant, but what a spreadsheet or a program made of it.',
  MEMBER_DUPLICATE: 'A member stands twice, or two members mean the same.',
} as const;

/** So many names that mean nothing are told of, and so many characters of each. */
const MAX_IGNORED = 20;

/** Notes the name of a column or member that means nothing here, for the result of the job. */
export function noteIgnored(ignored: Set<string>, name: string): void {
  const kept = cleanText(name, 50);
  if (kept !== null && ignored.size < MAX_IGNORED) ignored.add(kept);
}

/** Where each field stands in a header. */
export type Columns<Field extends string> = Partial<Record<Field, number>>;

/**
 * Where each field stands in a header. A name that is the field's own wins over its aliases; columns with other names are
 * ignored.
 *
 * @param fieldOf the field that a column's name means
 * @returns in `ambiguous` a field that two columns claim with equal right
 */
export function readHeader<Field extends string>(
  names: readonly string[],
  fieldOf: (name: string) => Field | undefined,
): { columns: Columns<Field>; ambiguous: Field | null } {
  const own = new Map<Field, number[]>();
  const others = new Map<Field, number[]>();
  names.forEach((name, index) => {
    const field = fieldOf(name);
    if (field === undefined) return;
    const places = name.toLowerCase() === field.toLowerCase() ? own : others;
    places.set(field, [...(places.get(field) ?? []), index]);
  });
  // Decided when all names are seen: their order does not matter.
  const claims = new Map([...others, ...own]);
  const columns: Columns<Field> = {};
  let ambiguous: Field | null = null;
  for (const [field, places] of claims) {
    columns[field] = places[0];
    if (places.length > 1) ambiguous ??= field;
  }
  return { columns, ambiguous };
}

/** Nothing stands in a row: spreadsheets write the delimiters of empty rows (`;;`). */
export function isBlank(fields: readonly string[]): boolean {
  return fields.every((field) => field.trim() === '');
}

const DELIMITERS = [',', ';', '\t', '|'] as const;

/** The delimiter that a file names in a line of its own before its header, as spreadsheets do: `sep=;`. */
export function declaredDelimiter(line: string): string | undefined {
  return /^"?sep=([,;\t|])"?$/i.exec(line)?.[1];
}

/** The delimiter that a header uses most outside of quotes; a comma where there is none. */
export function delimiterOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '');
  const counted = DELIMITERS.map((delimiter) => ({ delimiter, count: bare.split(delimiter).length - 1 }));
  return counted.reduce((most, next) => (next.count > most.count ? next : most)).delimiter;
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

/** Composed as it is, as most names are. */
const ASCII = /^[\x00-\x7f]*$/;

/** Names are kept composed (NFC): files from some systems have letters and their marks apart. */
export function composed(name: string | undefined): string | undefined {
  return name === undefined || ASCII.test(name) ? name : name.normalize('NFC');
}

/** It is longer than `max`, or has characters that do not belong on one line. */
export function isUnfit(text: string, max: number): boolean {
  return text.length > max || UNFIT.test(text);
}

/** What has become of the rows of an upload, as its job shows it. */
export function shownCounts({
  mode,
  applied,
  added,
  unchanged,
  rejected,
}: UploadCounts & { mode: UploadMode; added: number }): Record<string, number> {
  return isOfProducts(mode)
    ? { added, changed: applied - added, unchanged, rejected }
    : { applied, unchanged, rejected };
}

export function isOfStatements(mode: UploadMode): boolean {
  return (STATEMENT_MODES as readonly UploadMode[]).includes(mode);
}

export function isOfProducts(mode: UploadMode): boolean {
  return (PRODUCT_MODES as readonly UploadMode[]).includes(mode);
}
