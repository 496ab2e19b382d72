import { spoiltReason } from './spoilt';
import type { DecimalMark } from './types';

/** A number as it is written: digits before and after its decimal mark. */
export interface WrittenNumber {
  isNegative: boolean;
  whole: string;
  decimals: string;
}

/** `AMBIGUOUS`: it can be read in two ways. `reason`: where there is more to say. */
export interface NumberFault {
  code: 'AMBIGUOUS' | 'INVALID';
  reason?: string;
}

/** What a number is called in reasons, and what is said where a sign stands beside it. */
export interface NumberWords {
  what: string;
  alone: string;
}

/** Characters: no number that fits needs more. */
const MAX_LENGTH = 100;
/** A sign, digits with marks and blanks among them. What else is in it is no number. */
const NUMBER = /^([+-]?)([\d.,'‘’ʼ´` \u00a0\u2000-\u200a\u202f\u205f\u3000]+)$/;
/** Groups that no notation uses for decimals: by apostrophes, and by blanks, of whichever width. */
const PLAIN_GROUPS = /^[1-9]\d{0,2}(?:(['‘’ʼ´`]|[ \u00a0\u2000-\u200a\u202f\u205f\u3000])\d{3})(?:\1\d{3})*$/;
/** Marks of direction and what else is not seen: some programs put them beside a minus. */
const UNSEEN = /\p{Default_Ignorable_Code_Point}+/gu;
const DOT_GROUPS = /^[1-9]\d{0,2}(?:\.\d{3})+$/;
const COMMA_GROUPS = /^[1-9]\d{0,2}(?:,\d{3})+$/;

/**
 * A number as people and programs write it, or what is wrong with it. What can be read in two ways is not guessed: without
 * a declared decimal mark, a number whose only mark is followed by exactly three digits is ambiguous (`1.000`, `12,000`).
 * Only one reading have: digits alone; groups by blanks or apostrophes; a mark that stands twice (it groups); two marks (the
 * last stands before decimals); a mark that is followed by one, two or more than three digits, or preceded by zeros only (it
 * stands before decimals).
 *
 * @param decimal the mark that is declared to stand before decimals; the other one then groups thousands
 */
export function readNumber(
  text: string,
  decimal: DecimalMark | undefined,
  words: NumberWords,
): WrittenNumber | NumberFault {
  if (text.length > MAX_LENGTH)
    return { code: 'INVALID', reason: `The ${words.what} has more than ${MAX_LENGTH} characters.` };
  const seen = text.replace(UNSEEN, '').trim();
  const [, sign, number] = NUMBER.exec(seen.replace('−', '-')) ?? [];
  if (number === undefined || !/^\S*\d/.test(number)) return notANumber(seen, words);
  const parts = decimal === undefined ? undeclared(number) : split(number, decimal);
  if (parts === 'AMBIGUOUS') return { code: 'AMBIGUOUS' };
  const whole = parts === null ? null : wholeDigits(parts.whole, decimal);
  if (parts === null || whole === null) return malformed(decimal, words);
  return { isNegative: sign === '-', whole, decimals: parts.decimals };
}

/**
 * A JSON number, as its text says: it is taken as it is, and never rounded. `text` is a number by the grammar of JSON.
 * Null: it has more than `maxDigits` digits before its decimals.
 */
export function readJsonNumber(text: string, maxDigits: number): WrittenNumber | null {
  const [, sign, whole = '', decimals = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const isNegative = sign === '-';
  const digits = (whole + decimals).replace(/0+$/, '');
  if (!/[1-9]/.test(digits)) return { isNegative, whole: '0', decimals: '' };
  /** Where the decimal point stands among `digits`. */
  const point = whole.length + Number(exponent);
  const leading = /^0*/.exec(digits)?.[0].length ?? 0;
  if (point - leading > maxDigits) return null;
  // Far behind the point, what it is exactly does not matter: it is a fraction.
  if (point < -MAX_LENGTH) return { isNegative, whole: '0', decimals: `${'0'.repeat(MAX_LENGTH)}1` };
  if (point <= 0) return { isNegative, whole: '0', decimals: '0'.repeat(-point) + digits };
  return { isNegative, whole: digits.slice(0, point).padEnd(point, '0'), decimals: digits.slice(point) };
}

interface Parts {
  whole: string;
  decimals: string;
}

function undeclared(number: string): Parts | 'AMBIGUOUS' | null {
  const dots = number.split('.').length - 1;
  const commas = number.split(',').length - 1;
  if (dots > 0 && commas > 0)
    return split(number, number.lastIndexOf('.') > number.lastIndexOf(',') ? '.' : ',');
  const mark = dots > 0 ? '.' : ',';
  if (dots + commas !== 1) return { whole: number, decimals: '' };
  const parts = split(number, mark);
  if (parts === null || parts.decimals.length !== 3 || /^0*$/.test(parts.whole)) return parts;
  // Groups of another kind before it: the mark cannot be one of theirs.
  if (PLAIN_GROUPS.test(parts.whole)) return parts;
  return 'AMBIGUOUS';
}

/** What stands before and after the decimal mark; null: more than digits follows it. */
function split(number: string, mark: DecimalMark): Parts | null {
  const at = number.indexOf(mark);
  if (at === -1) return { whole: number, decimals: '' };
  const decimals = number.slice(at + 1);
  if (!/^\d*$/.test(decimals)) return null;
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

function malformed(decimal: DecimalMark | undefined, { what }: NumberWords): NumberFault {
  const declared = decimal === undefined ? '' : `, with "${decimal}" before decimals`;
  return {
    code: 'INVALID',
    reason: `The marks in the ${what} are not those of a number: thousands are groups of three digits${declared}.`,
  };
}

/** What people and programs write for numbers, and what is said of it. */
const OTHER_NOTATIONS: readonly [RegExp, (words: NumberWords) => string][] = [
  [/^[+-]?0[xob][\da-f]+$/i, ({ what }) => `The ${what} is not written in decimal digits.`],
  [/^[+-]?[\d.,]+e[+-]?\d+$/i, ({ what }) => `The ${what} has an exponent: write its digits.`],
  [/^\p{Sc}|\p{Sc}$/u, ({ what, alone }) => `The ${what} has a currency sign: ${alone}.`],
  [/%$/, ({ what, alone }) => `The ${what} is a percentage: ${alone}.`],
  [/^\(.*\)$/, ({ what }) => `The ${what} is in brackets: write a minus before a negative number.`],
  [
    /^[+-]?[\d.,'’\s]*\d[.,][-–—]$/,
    ({ what }) => `The ${what} has a dash for decimals: write them as digits.`,
  ],
  [
    /^\p{L}+\.?\s*[+-]?\d[\d.,]*$/u,
    ({ what }) => `A unit or currency stands before the ${what}: write the number alone.`,
  ],
  [/^[+\-−]\s+\d/, ({ what }) => `A blank stands between the sign and the ${what}.`],
  [/^[\d.,'’\s]+[-–—−]$/, ({ what }) => `The minus stands after the ${what}: write it before.`],
  [/^[+-]?[\d.,]+\s*\p{L}+\.?$/u, ({ what }) => `A unit follows the ${what}: write the number alone.`],
  [/^[+\-−]{2}/, ({ what }) => `The ${what} has more than one sign.`],
];

function notANumber(text: string, words: NumberWords): NumberFault {
  const known = OTHER_NOTATIONS.find(([pattern]) => pattern.test(text));
  const reason = known?.[1](words) ?? spoiltReason(text, words.what) ?? ofOtherCharacters(text, words);
  return { code: 'INVALID', ...(reason === null ? {} : { reason }) };
}

function ofOtherCharacters(text: string, { what }: NumberWords): string | null {
  return /\p{Nd}/u.test(text)
    ? `The ${what} has other characters than the digits 0 to 9 and the marks of a number.`
    : null;
}
