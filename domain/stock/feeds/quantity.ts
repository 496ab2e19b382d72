import type { DecimalMark, FeedMode, RejectCode } from './types';

export const MAX_QUANTITY = 2_147_483_647;

/** What is wrong with a quantity. `reason` replaces the code's own where there is more to say. */
export interface QuantityFault {
  code: RejectCode;
  reason?: string;
}

export interface QuantityOptions {
  mode: FeedMode;
  /** The mark that the feed declares to stand before decimals; the other one then groups thousands. Undefined: it declares none. */
  decimal?: DecimalMark | undefined;
}

/** Characters: no number that fits needs more. */
const MAX_LENGTH = 100;
const DIGITS = /^\d{1,9}$/;
/** A sign, digits with marks and blanks among them. What else is in it is no number. */
const NUMBER = /^([+-]?)([\d.,'’ \u00a0\u2009\u202f]+)$/;
/** The apostrophe that our CSV files have before what a spreadsheet would take for a formula. No notation of numbers begins so. */
const ESCAPED_SIGN = /^'(?=[+-])/;
/** Groups that no notation uses for decimals. */
const PLAIN_GROUPS = /^[1-9]\d{0,2}(?:(['’]|[ \u00a0\u2009\u202f])\d{3})(?:\1\d{3})*$/;
const DOT_GROUPS = /^[1-9]\d{0,2}(?:\.\d{3})+$/;
const COMMA_GROUPS = /^[1-9]\d{0,2}(?:,\d{3})+$/;

/**
 * A quantity as people and programs write it, or what is wrong with it. What can be read in two ways is not guessed: without
 * a declared decimal mark, a number whose only mark is followed by exactly three digits is ambiguous (`1.000`, `12,000`).
 * Only one reading have: digits alone; groups by blanks or apostrophes; a mark that stands twice (it groups); two marks (the
 * last stands before decimals); a mark that is followed by one, two or more than three digits, or preceded by zeros only (it
 * stands before decimals). Decimals have to be zeros.
 */
export function parseQuantity(text: string, { mode, decimal }: QuantityOptions): number | QuantityFault {
  if (DIGITS.test(text)) return Number(text);
  if (text === '') return { code: 'QUANTITY_MISSING' };
  if (text.length > MAX_LENGTH) return { code: 'QUANTITY_INVALID' };
  const [, sign, number] = NUMBER.exec(text.replace(ESCAPED_SIGN, '').replace('−', '-')) ?? [];
  if (number === undefined || !/\d/.test(number)) return notANumber(text);
  const parts = decimal === undefined ? undeclared(number) : split(number, decimal);
  if ('code' in parts) return parts;
  const digits = wholeDigits(parts.whole, decimal);
  if (digits === null) return malformed(decimal);
  if (/[1-9]/.test(parts.decimals)) return { code: 'QUANTITY_FRACTION' };
  const amount = Number(digits);
  if (amount > MAX_QUANTITY) return { code: 'QUANTITY_OVERFLOW' };
  if (sign !== '-' || amount === 0) return amount;
  return mode === 'set' ? { code: 'QUANTITY_NEGATIVE' } : -amount;
}

/** A JSON number, as its text says: `text` is a number by the grammar of JSON. It is taken as it is, and never rounded. */
export function parseJsonNumber(text: string, mode: FeedMode): number | QuantityFault {
  if (/^-?\d{1,9}$/.test(text)) return signed(Number(text), mode);
  const [, sign, whole = '', decimals = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + decimals).replace(/0+$/, '');
  if (!/[1-9]/.test(digits)) return 0;
  /** Where the decimal point stands among `digits`. */
  const point = whole.length + Number(exponent);
  if (point < digits.length) return { code: 'QUANTITY_FRACTION' };
  const leading = /^0*/.exec(digits)?.[0].length ?? 0;
  if (point - leading > 10) return { code: 'QUANTITY_OVERFLOW' };
  const amount = Number(digits.padEnd(point, '0'));
  if (amount > MAX_QUANTITY) return { code: 'QUANTITY_OVERFLOW' };
  return signed(sign === '-' ? -amount : amount, mode);
}

function signed(amount: number, mode: FeedMode): number | QuantityFault {
  if (amount < 0 && mode === 'set') return { code: 'QUANTITY_NEGATIVE' };
  return amount === 0 ? 0 : amount;
}

interface Parts {
  whole: string;
  decimals: string;
}

function undeclared(number: string): Parts | QuantityFault {
  const dots = number.split('.').length - 1;
  const commas = number.split(',').length - 1;
  if (dots > 0 && commas > 0)
    return split(number, number.lastIndexOf('.') > number.lastIndexOf(',') ? '.' : ',');
  const mark = dots > 0 ? '.' : ',';
  if (dots + commas !== 1) return { whole: number, decimals: '' };
  const parts = split(number, mark);
  if ('code' in parts || parts.decimals.length !== 3 || /^0*$/.test(parts.whole)) return parts;
  // Groups of another kind before it: the mark cannot be one of theirs.
  if (PLAIN_GROUPS.test(parts.whole)) return parts;
  return { code: 'QUANTITY_AMBIGUOUS' };
}

/** What stands before and after the decimal mark. */
function split(number: string, mark: DecimalMark): Parts | QuantityFault {
  const at = number.indexOf(mark);
  if (at === -1) return { whole: number, decimals: '' };
  const decimals = number.slice(at + 1);
  if (!/^\d*$/.test(decimals)) return malformed(mark);
  const whole = number.slice(0, at);
  return { whole: whole === '' && decimals !== '' ? '0' : whole, decimals };
}

/** The digits of a number's whole part; null where its groups are none. */
function wholeDigits(whole: string, decimal: DecimalMark | undefined): string | null {
  if (/^\d+$/.test(whole)) return whole;
  const isGrouped =
    PLAIN_GROUPS.test(whole) ||
    (decimal !== '.' && DOT_GROUPS.test(whole)) ||
    (decimal !== ',' && COMMA_GROUPS.test(whole));
  return isGrouped ? whole.replace(/\D/g, '') : null;
}

function malformed(decimal: DecimalMark | undefined): QuantityFault {
  const declared = decimal === undefined ? '' : `, with "${decimal}" before decimals`;
  return {
    code: 'QUANTITY_INVALID',
    reason: `The marks in the quantity are not those of a number: thousands are groups of three digits${declared}.`,
  };
}

/** What people and programs write for numbers, and what it is called. */
const OTHER_NOTATIONS: readonly [RegExp, string][] = [
  [/^[+-]?0[xob][\da-f]+$/i, 'The quantity is not written in decimal digits.'],
  [/^[+-]?[\d.,]+e[+-]?\d+$/i, 'The quantity has an exponent: write its digits.'],
  [/^\p{Sc}|\p{Sc}$/u, 'The quantity has a currency sign: units are counted here.'],
  [/%$/, 'The quantity is a percentage: units are counted here.'],
  [/^\(.*\)$/, 'The quantity is in brackets: write a minus before a negative number.'],
  [/^[\d.,\s]+-$/, 'The minus stands after the quantity: write it before.'],
  [/^[+-]?[\d.,]+\s*\p{L}+\.?$/u, 'A unit follows the quantity: write the number alone.'],
  [/\p{Nd}/u, 'The quantity is not a number in the digits 0 to 9.'],
];

function notANumber(text: string): QuantityFault {
  const known = OTHER_NOTATIONS.find(([pattern]) => pattern.test(text));
  return { code: 'QUANTITY_INVALID', ...(known ? { reason: known[1] } : {}) };
}
