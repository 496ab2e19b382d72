/** Which comes first in a date that begins with neither a year nor the name of a month. */
export const DATE_ORDERS = ['dmy', 'mdy'] as const;
export type DateOrder = (typeof DATE_ORDERS)[number];

/** Why a date cannot be read. */
export type DateFault = 'DATE_INVALID' | 'DATE_AMBIGUOUS';

const TIME = String.raw`(?:[ T,]+\d\d?:\d\d(?::\d\d(?:\.\d+)?)?)?`;
/** `2026-06-30`, `2026/06/30`, `2026.06.30` and `20260630`. Times that name no zone are taken for UTC, as statements write them. */
const YEAR_FIRST = new RegExp(String.raw`^(\d{4})([-/.]?)(\d\d)\2(\d\d)${TIME}$`);
const USUAL = /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])(?: \d\d:\d\d(?::\d\d)?)?$/;
/** `30.06.2026`, `6/30/26` */
const YEAR_LAST = new RegExp(String.raw`^(\d\d?)([-/.])(\d\d?)\2(\d{4}|\d\d)${TIME}$`);
/** `30 Jun 2026`, `30-Jun-26` */
const DAY_AND_NAME = new RegExp(String.raw`^(\d\d?)[-. ]+([a-z]{3,9})\.?[-, ]+(\d{4}|\d\d)${TIME}$`, 'i');
/** `Jun 30, 2026` */
const NAME_AND_DAY = new RegExp(String.raw`^([a-z]{3,9})\.? (\d\d?),? (\d{4})${TIME}$`, 'i');
const ZONED_TIME = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;
const SECONDS = /^\d{9,10}$/;
const MONTHS = 'january february march april may june july august september october november december'.split(
  ' ',
);

interface Parts {
  year: number;
  month: number;
  day: number;
}

/**
 * The day of a date or time, in UTC, `YYYY-MM-DD`; or why it cannot be read. What can be read in two ways is not guessed: of `06/05/2026`
 * the order must be named. With dots the day comes first, unless another order is named.
 */
export function readDay(text: string, order: DateOrder | undefined): { day: string } | { fault: DateFault } {
  // As nearly all dates are written: every month has these.
  if (USUAL.test(text)) return { day: text.slice(0, 10) };
  if (SECONDS.test(text)) return dayOf(new Date(Number(text) * 1_000));
  if (ZONED_TIME.test(text)) return dayOf(new Date(text.replace(' ', 'T')));
  const parts = partsOf(text, order);
  if (typeof parts === 'string') return { fault: parts };
  const { year, month, day } = parts;
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  // JavaScript takes the 31st of June for the 1st of July.
  const isValid = time.getUTCMonth() === month - 1 && time.getUTCDate() === day;
  return isValid ? dayOf(time) : { fault: 'DATE_INVALID' };
}

/** PostgreSQL has no year 0, and a time zone may take a day into the year 10000. */
function dayOf(time: Date): { day: string } | { fault: DateFault } {
  const year = time.getUTCFullYear();
  return year >= 1 && year <= 9999 ? { day: time.toISOString().slice(0, 10) } : { fault: 'DATE_INVALID' };
}

function partsOf(text: string, order: DateOrder | undefined): Parts | DateFault {
  const [, year, , ofYear, dayOfYear] = YEAR_FIRST.exec(text) ?? [];
  if (year !== undefined) return { year: Number(year), month: Number(ofYear), day: Number(dayOfYear) };
  const last = YEAR_LAST.exec(text);
  if (last) return yearLast(last, order);
  const [, namedDay, nameAfter = '', yearAfter] = DAY_AND_NAME.exec(text) ?? [];
  const [, nameBefore = nameAfter, day = namedDay, yearLater = yearAfter] = NAME_AND_DAY.exec(text) ?? [];
  const month = monthNamed(nameBefore);
  return month === 0 ? 'DATE_INVALID' : { year: fullYear(yearLater), month, day: Number(day) };
}

function yearLast(
  [, one, mark, two, year]: RegExpExecArray,
  order: DateOrder | undefined,
): Parts | DateFault {
  const [first, second] = [Number(one), Number(two)];
  const dayFirst = { year: fullYear(year), month: second, day: first };
  const monthFirst = { year: fullYear(year), month: first, day: second };
  if (order !== undefined) return order === 'dmy' ? dayFirst : monthFirst;
  if (mark === '.' || first > 12 || first === second) return dayFirst;
  return second > 12 ? monthFirst : 'DATE_AMBIGUOUS';
}

function fullYear(text = ''): number {
  return text.length === 2 ? 2000 + Number(text) : Number(text);
}

/** From 1; 0: there is no such month. */
function monthNamed(name: string): number {
  const plain = name.toLowerCase();
  return plain.length < 3 ? 0 : MONTHS.findIndex((month) => month.startsWith(plain)) + 1;
}
