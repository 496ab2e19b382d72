import { isCurrency, minorDigits } from '../catalog/currencies';
import { readJsonNumber, readNumber } from '../uploads/number';
import { cleanText, isUnfit, UNREADABLE_REASONS } from '../uploads/rules';
import type { DecimalMark } from '../uploads/types';
import { kindOf, type StatementField } from './fields';
import type { StatementMode, StatementReject, StatementRow } from './types';

/** A value of a row: a text, or a number of JSON as it stands there. */
export interface Cell {
  kind: 'text' | 'number';
  text: string;
}

export interface GivenRow {
  line: number;
  cells: ReadonlyMap<StatementField, Cell>;
}

export interface CellOptions {
  mode: StatementMode;
  /** Amounts are in minor units. */
  isMinor: boolean;
  decimal: DecimalMark;
  currency: string | undefined;
}

const REASONS = {
  ...UNREADABLE_REASONS,
  AMOUNT_MISSING: 'The row has no amount.',
  AMOUNT_INVALID: 'The amount is not a number.',
  AMOUNT_TOO_PRECISE: 'The amount has more decimals than its currency.',
  AMOUNT_TOO_LARGE: 'The amount is larger than can be told exactly.',
  CURRENCY_MISSING: 'The row has no currency, and none was named for the file.',
  CURRENCY_UNKNOWN: 'The currency is no code of ISO 4217.',
  DATE_MISSING: 'The row has no date.',
  DATE_INVALID: 'The date is none: write YYYY-MM-DD, a time of RFC 3339, or seconds since 1970.',
  KIND_MISSING: 'The row does not say what it is about.',
  REFERENCE_INVALID:
    'The reference is longer than 255 characters, or has some that do not belong on one line.',
} as const;
export type RejectCode = keyof typeof REASONS;

const MAX_REFERENCE = 255;
const MAX_DIGITS = 15;
const WORDS = { what: 'amount', alone: 'write the number alone, the currency has a column of its own' };

/** Why a row cannot be understood. @param reason where there is more to say */
export function reject(
  code: RejectCode,
  { line, cells }: GivenRow,
  reason: string = REASONS[code],
): StatementReject {
  return { line, code, reason, ref: cleanText(referenceIn(cells), MAX_REFERENCE) };
}

class Unreadable extends Error {
  constructor(
    readonly code: RejectCode,
    readonly reason?: string,
  ) {
    super(code);
  }
}

/** What a row says, or why that cannot be understood. */
export function checkRow(row: GivenRow, options: CellOptions): StatementRow | StatementReject {
  try {
    return readRow(row, options);
  } catch (error) {
    if (error instanceof Unreadable) return reject(error.code, row, error.reason);
    throw error;
  }
}

function readRow({ line, cells }: GivenRow, options: CellOptions): StatementRow {
  const text = (field: StatementField) => cells.get(field)?.text ?? '';
  const currency = currencyIn(text('currency'), options.currency);
  const amount = (field: StatementField, isMinor: boolean) => {
    const cell = cells.get(field);
    return cell === undefined || cell.text === ''
      ? null
      : minorIn(cell, isMinor ? 0 : minorDigits(currency), options);
  };
  const minor = amount('amountMinor', true) ?? amount('amount', options.isMinor);
  if (minor === null) throw new Unreadable('AMOUNT_MISSING');
  const day = dayIn(text('dateUtc') || text('date'));
  const isOfGateway = options.mode === 'gateway';
  if (isOfGateway && text('kind') === '') throw new Unreadable('KIND_MISSING');
  const kind = isOfGateway ? kindOf(text('kind'), minor) : 'payout';
  return {
    line,
    kind,
    // Captures of one charge are known by the charge's id.
    ref: reference((kind === 'capture' && text('intent')) || text('source')),
    minor,
    feeMinor: amount('fee', options.isMinor),
    netMinor: amount('net', options.isMinor),
    currency,
    day,
    groupRef: reference(text('payout')),
  };
}

function referenceIn(cells: GivenRow['cells']): string {
  return cells.get('source')?.text || cells.get('intent')?.text || cells.get('id')?.text || '';
}

function reference(text: string): string | null {
  if (text === '') return null;
  if (isUnfit(text, MAX_REFERENCE)) throw new Unreadable('REFERENCE_INVALID');
  return text;
}

function currencyIn(text: string, otherwise: string | undefined): string {
  const code = text === '' ? otherwise : text.toUpperCase();
  if (code === undefined) throw new Unreadable('CURRENCY_MISSING');
  if (!isCurrency(code)) throw new Unreadable('CURRENCY_UNKNOWN');
  return code;
}

/** An amount in minor units, of a currency with so many digits after the mark. */
function minorIn({ kind, text }: Cell, digits: number, { decimal }: CellOptions): bigint {
  const read = kind === 'number' ? readJsonNumber(text, MAX_DIGITS) : readNumber(text, decimal, WORDS);
  if (read === null) throw new Unreadable('AMOUNT_TOO_LARGE');
  if ('code' in read) throw new Unreadable('AMOUNT_INVALID', read.reason);
  const decimals = read.decimals.replace(/0+$/, '');
  if (decimals.length > digits) throw new Unreadable('AMOUNT_TOO_PRECISE');
  const whole = read.whole.replace(/^0+(?=\d)/, '');
  if (whole.length + digits > MAX_DIGITS) throw new Unreadable('AMOUNT_TOO_LARGE');
  const minor = BigInt(whole + decimals.padEnd(digits, '0'));
  return read.isNegative ? -minor : minor;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
/** As statements write times in UTC, without saying so. */
const PLAIN_TIME = /^(\d{4}-\d\d-\d\d)[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/;
const ZONED_TIME = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;
const SECONDS = /^\d{9,10}$/;

/** The day in UTC. */
function dayIn(text: string): string {
  if (text === '') throw new Unreadable('DATE_MISSING');
  const day = DAY.test(text) ? text : PLAIN_TIME.exec(text)?.[1];
  if (day !== undefined) return validDay(day, new Date(`${day}T00:00:00Z`));
  if (SECONDS.test(text)) return dayOf(new Date(Number(text) * 1_000));
  if (ZONED_TIME.test(text)) return dayOf(new Date(text.replace(' ', 'T')));
  throw new Unreadable('DATE_INVALID');
}

/** PostgreSQL has no year 0, and a time zone may take a day into the year 10000. */
function dayOf(time: Date): string {
  const year = time.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) throw new Unreadable('DATE_INVALID');
  return time.toISOString().slice(0, 10);
}

/** JavaScript takes the 31st of June for the 1st of July. */
function validDay(day: string, time: Date): string {
  if (dayOf(time) !== day) throw new Unreadable('DATE_INVALID');
  return day;
}
